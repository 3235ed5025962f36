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


# asv sets up anew for everything that it times: each class sets up what its own benchmarks ask for.


class SharedCovariance:
    """Timed by asv."""

    def setup(self) -> None:
        self.covariance = covariance(SHARED, 0)
        self.mean = means(SHARED)[0]

    def time_eigendecomposition(self) -> None:
        np.linalg.eigh(self.covariance)

    def time_whole_curve(self) -> None:
        mixture = ra.GaussianMixture.symmetric(self.mean, self.covariance)
        ask(ra.FineTuning(mixture, ra.FixedSource(self.mean), n=500, gamma=0.1))


class KnownMixture:
    """Timed by asv: the shared covariance, which another problem has decomposed."""

    def setup(self) -> None:
        self.mean = means(SHARED)[0]
        self.mixture = ra.GaussianMixture.symmetric(self.mean, covariance(SHARED, 0))
        ask(ra.FineTuning(self.mixture, ra.FixedSource(self.mean), n=500, gamma=0.1))

    def time_further_curve(self) -> None:
        ask(ra.FineTuning(self.mixture, ra.FixedSource(self.mean), n=700, gamma=0.3))


class TwoCovariances:
    """Timed by asv."""

    def setup(self) -> None:
        self.two = [covariance(PER_CLASS, 1), covariance(PER_CLASS, 2)]
        pair = means(PER_CLASS)
        self.mixture, self.source = ra.GaussianMixture(pair, self.two), ra.FixedSource(pair[1])

    def time_cholesky(self) -> None:
        linalg.cho_factor(self.two[0], lower=True)

    def time_one_solve(self) -> None:
        _ = ra.FineTuning(self.mixture, self.source, n=500, gamma=0.1).ridge

    def time_path_of_50(self) -> None:
        problem = ra.FineTuning(self.mixture, self.source, n=500, gamma=0.1)
        for curve in problem.path(np.logspace(-3, 3, 50)):
            curve.accuracy(ALPHAS)


class DiagonalCovariance:
    """Timed by asv."""

    def setup(self) -> None:
        self.spectrum = 1 / np.sqrt(np.arange(1, DIAGONAL + 1))
        self.flat = np.full(DIAGONAL, DIAGONAL**-0.5)

    def time_whole_curve(self) -> None:
        mixture = ra.GaussianMixture.symmetric(self.flat, self.spectrum)
        ask(ra.FineTuning(mixture, ra.FixedSource(self.flat), n=DIAGONAL / 2, gamma=0.1))


def seconds(call: Callable[[], None]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def main() -> None:
    shared, known, two, diagonal = SharedCovariance(), KnownMixture(), TwoCovariances(), DiagonalCovariance()
    for each in (shared, known, two, diagonal):
        each.setup()

    def ratio(call: Callable[[], None], unit: Callable[[], None], pairs: int) -> float:
        # Pairs in turn, so that a change of the machine's speed hits both.
        return statistics.median(seconds(call) / seconds(unit) for _ in range(pairs))

    eigen, cholesky = shared.time_eigendecomposition, two.time_cholesky
    whole = ratio(shared.time_whole_curve, eigen, 3)
    further = ratio(known.time_further_curve, eigen, 3)
    solve = ratio(two.time_one_solve, cholesky, 7)
    path = ratio(two.time_path_of_50, cholesky, 3)
    print(f"shared dense covariance, p = {SHARED}, in eigendecompositions:")
    print(f"  whole curve   {whole:.2f} (wanted: at most 1.5)")
    print(f"  further curve {further:.4f}")
    print(f"two dense class covariances, p = {PER_CLASS}, in Cholesky factorisations:")
    print(f"  one solve     {solve:.1f} (wanted: at most 15)")
    print(f"  path of 50    {path:.0f}, {path / 50:.1f} for each gamma")
    print(f"diagonal covariance, p = {DIAGONAL}: {seconds(diagonal.time_whole_curve):.2f} s (wanted: 1)")


if __name__ == "__main__":
    main()
