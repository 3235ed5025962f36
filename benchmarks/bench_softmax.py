"""Cost of softmax: one alpha for K classes, in seconds and in units of the closed form of the squared loss.

Run ``OMP_NUM_THREADS=1 python benchmarks/bench_softmax.py``, or ``poe bench`` for asv.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import cast

import numpy as np

import rmt_alpha as ra

P, SAMPLES, GAMMA = 2000, 3000, 0.1
WANTED = {3: 0.5, 10: 10.0}
"""Seconds of one alpha."""


def problem(classes: int, loss: str = "logistic") -> ra.FineTuning:
    rng = np.random.default_rng(0)
    means = 2 * rng.standard_normal((classes, P)) / np.sqrt(P)
    spectra = [np.linspace(0.3, 2.0, P), np.geomspace(0.2, 2.0, P), np.linspace(1.5, 0.5, P)]
    covariances = [spectra[c % 3] for c in range(classes)]
    weights = 0.7 * means + 0.7 * rng.standard_normal((classes, P)) / np.sqrt(P)
    return ra.FineTuning(
        ra.GaussianMixture(means, covariances),
        ra.FixedSource(weights, outputs=classes),
        SAMPLES,
        GAMMA,
        intercept=True,
        loss=loss,
    )


class Softmax:
    """Timed by asv."""

    params = tuple(WANTED)
    param_names = ("classes",)
    timeout = 120

    def setup(self, classes: int) -> None:
        self.problem = problem(classes)
        self.problem.curve()

    def time_one_alpha(self, classes: int) -> None:
        self.problem.curve().accuracy(1.0)


def seconds(call: Callable[[], object]) -> float:
    """Of the processor, so that other work on the machine does not count."""
    start = time.process_time()
    call()
    return time.process_time() - start


def report(classes: int, wanted: float) -> None:
    bench, squared = Softmax(), problem(classes, "squared")
    bench.setup(classes)
    one = statistics.median(seconds(lambda: bench.time_one_alpha(classes)) for _ in range(3))
    closed = statistics.median(seconds(lambda: squared.curve().accuracy(1.0)) for _ in range(3))
    solution = cast("ra.SoftmaxCurve", bench.problem.curve()).solution(1.0)
    error, status = solution.quadrature_error, solution.status
    print(f"K = {classes}, p = {P}, diagonal class covariances (three different ones):")
    print(f"  one alpha         {one:6.2f} s (wanted: under {wanted:g}), {one / closed:.1f} closed forms")
    print(f"  quadrature error  {error:.1e} ({status}), {solution.n_iter} steps")


def main() -> None:
    for classes, wanted in WANTED.items():
        report(classes, wanted)


if __name__ == "__main__":
    main()
