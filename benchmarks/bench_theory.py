"""Cost of the closed forms, in units of the normal distribution function on as many numbers.

Run ``python benchmarks/bench_theory.py`` for the ratios, or ``poe bench`` for asv.
"""

from __future__ import annotations

import statistics
import timeit
from typing import Any

import numpy as np
from scipy.special import ndtr

import rmt_alpha as ra

SIZE = 10**6


def arguments(size: int = SIZE) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    names = ("p", "n", "N")
    values = {name: rng.uniform(10, 1000, size) for name in names}
    values |= {name: rng.uniform(0.1, 1.1, size) for name in ("mu", "mu_orth", "gamma", "gamma_source")}
    return values | {"beta": rng.uniform(-1, 1, size)}


class Theory:
    """Timed by asv."""

    def setup(self) -> None:
        self.values = arguments()
        self.alpha = 3 * np.random.default_rng(1).standard_normal(SIZE)
        self.curve = ra.TransferProblem(0.8, p=400, n=40, N=2000, gamma=0.1).curve()
        self.normal = np.random.default_rng(2).standard_normal(SIZE)

    def time_ndtr(self) -> None:
        ndtr(self.normal)

    def time_accuracy_every_argument_an_array(self) -> None:
        ra.accuracy(self.alpha, **self.values)

    def time_accuracy_only_alpha_an_array(self) -> None:
        self.curve.accuracy(self.alpha)

    def time_optimal_alpha_scalar(self) -> None:
        ra.optimal_alpha(0.8, 400, 40)

    def time_accuracy_std(self) -> None:
        self.curve.accuracy_std(self.alpha[:10_000])


def main() -> None:
    bench = Theory()
    bench.setup()

    def best(function, number=1) -> float:
        return min(timeit.repeat(function, number=number, repeat=3)) / number

    # Pairs in turn, so that a change of the machine's speed hits both; the median of the ratios is quoted.
    ratios: dict[str, list[float]] = {"every argument": [], "only alpha": []}
    for _ in range(9):
        unit = best(bench.time_ndtr)
        ratios["every argument"].append(best(bench.time_accuracy_every_argument_an_array) / unit)
        ratios["only alpha"].append(best(bench.time_accuracy_only_alpha_an_array) / unit)
    print(f"{SIZE} numbers, in units of scipy.special.ndtr on as many ({unit * 1e3:.1f} ms):")
    for (name, found), limit in zip(ratios.items(), (8, 2), strict=True):
        middle = statistics.median(found)
        print(f"  accuracy, {name:15} an array: median {middle:.2f} (promised: at most {limit})")
    print(f"optimal_alpha of scalars: {best(bench.time_optimal_alpha_scalar, 2000) * 1e6:.1f} microseconds")


if __name__ == "__main__":
    main()
