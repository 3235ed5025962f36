"""Cost of general mixtures, in units of the factorisation that they cannot do without.

Run ``OMP_NUM_THREADS=1 python benchmarks/bench_mixture.py`` for the ratios, or ``poe bench`` for asv.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np
from scipy import linalg

import rmt_alpha as ra

SHARED, PER_CLASS, DIAGONAL = 2000, 1000, 10**6
ALPHAS = np.linspace(-2, 2, 81)


def covariance(p: int, seed: int) -> np.ndarray:
    root = np.random.default_rng(seed).standard_normal((p, p))
    return root @ root.T / p


def means(p: int) -> np.ndarray:
    return np.random.default_rng(9).standard_normal((2, p)) / np.sqrt(p)


def ask(problem: ra.FineTuning) -> None:
    curve = problem.curve()
    curve.accuracy(ALPHAS)
    curve.optimal_alpha()


class Mixtures:
    """Timed by asv."""

    def setup(self) -> None:
        self.shared = covariance(SHARED, 0)
        self.two = [covariance(PER_CLASS, 1), covariance(PER_CLASS, 2)]
        self.mean, self.pair = means(SHARED)[0], means(PER_CLASS)
        self.kept = ra.GaussianMixture.symmetric(self.mean, self.shared)
        self.mixture = ra.GaussianMixture(self.pair, self.two)
        self.source = ra.FixedSource(self.pair[1])
        self.spectrum = 1 / np.sqrt(np.arange(1, DIAGONAL + 1))
        self.flat = np.full(DIAGONAL, DIAGONAL**-0.5)
        ask(ra.FineTuning(self.kept, ra.FixedSource(self.mean), n=500, gamma=0.1))

    def time_eigendecomposition(self) -> None:
        np.linalg.eigh(self.shared)

    def time_shared_covariance_whole_curve(self) -> None:
        mixture = ra.GaussianMixture.symmetric(self.mean, self.shared)
        ask(ra.FineTuning(mixture, ra.FixedSource(self.mean), n=500, gamma=0.1))

    def time_shared_covariance_further_curve(self) -> None:
        ask(ra.FineTuning(self.kept, ra.FixedSource(self.mean), n=700, gamma=0.3))

    def time_cholesky(self) -> None:
        linalg.cho_factor(self.two[0], lower=True)

    def time_two_covariances_one_solve(self) -> None:
        _ = ra.FineTuning(self.mixture, self.source, n=500, gamma=0.1).ridge

    def time_two_covariances_path_of_50(self) -> None:
        problem = ra.FineTuning(self.mixture, self.source, n=500, gamma=0.1)
        for curve in problem.path(np.logspace(-3, 3, 50)):
            curve.accuracy(ALPHAS)

    def time_diagonal_covariance(self) -> None:
        mixture = ra.GaussianMixture.symmetric(self.flat, self.spectrum)
        ask(ra.FineTuning(mixture, ra.FixedSource(self.flat), n=DIAGONAL / 2, gamma=0.1))


def seconds(call: Callable[[], None]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def main() -> None:
    bench = Mixtures()
    bench.setup()

    def ratio(call: Callable[[], None], unit: Callable[[], None], pairs: int) -> float:
        # Pairs in turn, so that a change of the machine's speed hits both.
        return statistics.median(seconds(call) / seconds(unit) for _ in range(pairs))

    eigen, cholesky = bench.time_eigendecomposition, bench.time_cholesky
    whole = ratio(bench.time_shared_covariance_whole_curve, eigen, 3)
    further = ratio(bench.time_shared_covariance_further_curve, eigen, 3)
    solve = ratio(bench.time_two_covariances_one_solve, cholesky, 7)
    path = ratio(bench.time_two_covariances_path_of_50, cholesky, 3)
    print(f"shared dense covariance, p = {SHARED}, in eigendecompositions:")
    print(f"  whole curve   {whole:.2f} (wanted: at most 1.5)")
    print(f"  further curve {further:.4f}")
    print(f"two dense class covariances, p = {PER_CLASS}, in Cholesky factorisations:")
    print(f"  one solve     {solve:.1f} (wanted: at most 15)")
    print(f"  path of 50    {path:.0f}, {path / 50:.1f} for each gamma")
    print(f"diagonal covariance, p = {DIAGONAL}: {seconds(bench.time_diagonal_covariance):.2f} s (wanted: 1)")


if __name__ == "__main__":
    main()
