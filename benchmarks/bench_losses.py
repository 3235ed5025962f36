"""Cost of convex losses: a fixed point, in units of the closed form of the squared loss, and a training.

Run ``OMP_NUM_THREADS=1 python benchmarks/bench_losses.py`` for the ratios, or ``poe bench`` for asv.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np

import rmt_alpha as ra

P, SAMPLES, GAMMA = 2000, 1500, 0.1
LOSSES = ("logistic", "hinge", "squared_hinge", "huber")
SMALL = 200


def problem(loss: str, p: int = P) -> ra.FineTuning:
    rng = np.random.default_rng(0)
    mean = np.ones(p) / np.sqrt(p)
    target = ra.GaussianMixture(np.stack([-mean, mean]), [np.linspace(0.1, 3, p), np.geomspace(0.2, 2, p)])
    source = ra.FixedSource(mean + rng.standard_normal(p) / np.sqrt(p))
    return ra.FineTuning(
        target, source, n=SAMPLES * p // P, gamma=GAMMA, intercept=True, label_noise=0.05, loss=loss
    )


class Losses:
    """Timed by asv."""

    params = LOSSES
    param_names = ("loss",)

    def setup(self, loss: str) -> None:
        self.problem, self.curve, self.small = problem(loss), problem(loss).curve(), problem(loss, SMALL)
        self.curve.accuracy(0.0)

    def time_one_alpha(self, loss: str) -> None:
        self.problem.curve().accuracy(1.0)

    def time_curve_of_61(self, loss: str) -> None:
        self.problem.curve().accuracy(np.linspace(-3, 3, 61))

    def time_best_alpha(self, loss: str) -> None:
        self.problem.curve().optimal_alpha()

    def time_one_training(self, loss: str) -> None:
        ra.simulate(self.small, 1.0, replicates=1, rng=0)


def seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def report(loss: str, squared: ra.FineTuning) -> None:
    bench = Losses()
    bench.setup(loss)
    closed = statistics.median(seconds(lambda: squared.curve().accuracy(1.0)) for _ in range(7))
    one = statistics.median(seconds(lambda: bench.time_one_alpha(loss)) for _ in range(7))
    line = seconds(lambda: bench.time_curve_of_61(loss))
    best = seconds(lambda: bench.time_best_alpha(loss))
    training = seconds(lambda: bench.time_one_training(loss))
    print(f"{loss}, p = {P}, diagonal class covariances:")
    print(f"  one alpha      {1e3 * one:6.1f} ms (wanted: well under 100), {one / closed:.0f} closed forms")
    print(f"  each of 61     {1e3 * line / 61:6.1f} ms")
    print(f"  best alpha     {best:6.2f} s")
    print(f"  training       {training / one:6.1f} single alphas, at p = {SMALL}")


def main() -> None:
    squared = problem("squared")
    for loss in LOSSES:
        report(loss, squared)


if __name__ == "__main__":
    main()
