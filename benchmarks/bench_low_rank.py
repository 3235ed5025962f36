"""Cost of the theory of low rank, beside one singular value decomposition of the size of the problem.

Run ``python benchmarks/bench_low_rank.py`` for the ratios, or ``poe bench`` for asv.
"""

from __future__ import annotations

import statistics
import timeit

import numpy as np

import rmt_alpha as ra
from rmt_alpha.theory.low_rank.model import sample_spectrum

ALPHAS, RANKS = np.linspace(-1, 2, 100)[:, None], np.arange(100)


class LowRank:
    """Timed by asv."""

    def setup(self) -> None:
        self.problem = ra.LowRankTransfer(0.6, [3, 2, 1.5], 6.0, 1.0, n=500, p=200, d=150)
        self.matrix = np.random.default_rng(0).standard_normal((150, 200))

    def time_svd(self) -> None:
        np.linalg.svd(self.matrix, full_matrices=False)

    def time_a_new_problem_within_the_spikes(self) -> None:
        sample_spectrum.cache_clear()
        ra.LowRankTransfer(0.6, [3, 2, 1.5], 6.0, 1.0, n=500, p=200, d=150).excess_risk(0.9, 3)

    def time_within_the_spikes(self) -> None:
        self.problem.excess_risk(0.9, 3)

    def time_in_the_bulk(self) -> None:
        self.problem.excess_risk(0.9, 30)

    def time_map(self) -> None:
        self.problem.excess_risk(ALPHAS, RANKS)


def main() -> None:
    bench = LowRank()
    bench.setup()

    def best(function, number=1) -> float:
        return min(timeit.repeat(function, number=number, repeat=5)) / number

    names = {
        "a new problem, rank within the spikes": (bench.time_a_new_problem_within_the_spikes, 20),
        "the same at another alpha": (bench.time_within_the_spikes, 20),
        "a rank in the bulk": (bench.time_in_the_bulk, 5),
        "100 alphas x 100 ranks": (bench.time_map, 1),
    }
    # Pairs in turn, so that a change of the machine's speed hits both; the median of the ratios is quoted.
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    for _ in range(5):
        unit = best(bench.time_svd)
        for name, (function, number) in names.items():
            seconds = best(function, number)
            found[name].append((seconds / unit, seconds))
    print(f"in units of one SVD of 150 x 200 ({unit * 1e3:.1f} ms), one for each alpha of a simulated draw:")
    for name, pairs in found.items():
        ratio, seconds = (statistics.median(each) for each in zip(*pairs, strict=True))
        print(f"  {name:40} {ratio:8.2f}   {seconds * 1e3:8.2f} ms")


if __name__ == "__main__":
    main()
