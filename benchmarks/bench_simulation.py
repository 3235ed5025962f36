"""Speed of `simulate`: two promises in seconds, two in ratios.

``python benchmarks/bench_simulation.py`` prints them all; asv follows them over commits.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from threadpoolctl import threadpool_limits

from rmt_alpha import FineTuning, FixedSource, GaussianMixture, TransferProblem
from rmt_alpha._core.types import Real
from rmt_alpha.simulation import simulate

ALPHAS = np.linspace(-2.0, 4.0, 81)
HUGE = TransferProblem(beta=0.8, p=200_000_000, n=100_000_000, N=300_000_000)
MILLION = TransferProblem(beta=0.8, p=2_000_000, n=1_000_000)
PAPER = TransferProblem(beta=0.8, p=400, n=40, N=2000)


def fastest(function: Callable[[], object], repeats: int = 3) -> float:
    """Seconds of the fastest of ``repeats`` calls."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def truncated() -> None:
    simulate(HUGE, ALPHAS, replicates=1000, rng=0).accuracy  # noqa: B018


def exact(problem: TransferProblem = MILLION) -> None:
    simulate(problem, ALPHAS, replicates=1, rng=0, truncate=None).accuracy  # noqa: B018


def dense(replicates: int) -> None:
    simulate(PAPER, ALPHAS, replicates=replicates, rng=0, method="dense").accuracy  # noqa: B018


def blocks(p: int, method: str = "krylov", replicates: int = 2) -> None:
    """Three variances, 2/3 as many samples, ridge 0.3."""
    mean = np.full(p, p**-0.5)
    target = GaussianMixture.symmetric(mean, np.repeat([0.3, 1.0, 2.5], p // 3))
    problem = FineTuning(target, FixedSource(0.5 * mean), n=2 * p // 3, gamma=0.3)
    simulate(problem, ALPHAS, replicates=replicates, rng=0, method=method).accuracy  # noqa: B018


def naive(problem: TransferProblem, alphas: np.ndarray, retrain_source: bool, seed: int = 0) -> np.ndarray:
    """One replicate as it is often written: for every alpha explicit inverses and a test set of 20 n samples.

    The training data are drawn once, as `simulate` does.  With ``retrain_source`` the source too is trained
    afresh for every alpha, as in a function from data and alpha to an accuracy.
    """
    rng = np.random.default_rng(seed)
    assert problem.N is not None
    p, n, samples = int(problem.p), int(problem.n), int(problem.N)
    m_source, m_target = np.zeros(p), np.zeros(p)
    m_source[0] = problem.mu
    m_target[:2] = problem.along, problem.across

    def draw(mean: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        y = np.where(np.arange(count) % 2 == 0, 1.0, -1.0)
        return rng.standard_normal((p, count)) + np.outer(mean, y), y

    def train(x: np.ndarray, y: np.ndarray, gamma: Real, prior: np.ndarray | float) -> np.ndarray:
        inverse = np.linalg.inv(x @ x.T / len(y) + gamma * np.eye(p))
        return inverse @ (x @ y / len(y) + gamma * prior)

    source, target = draw(m_source, samples), draw(m_target, n)
    w_source = train(*source, problem.gamma_source, 0.0)
    accuracies = []
    for alpha in alphas:
        if retrain_source:
            w_source = train(*source, problem.gamma_source, 0.0)
        w = train(*target, problem.gamma, alpha * w_source)
        x, y = draw(m_target, 20 * n)
        accuracies.append(np.mean(np.sign(w @ x) == y))
    return np.array(accuracies)


class Simulate:
    """Absolute times, for following over commits."""

    timeout = 300

    def time_thousand_truncated_replicates_in_2e8_dimensions(self) -> None:
        """Promise: at most 1 s."""
        truncated()

    def time_exact_replicate_in_2e6_dimensions(self) -> None:
        """Promise: at most 3 s."""
        exact()

    def peakmem_exact_replicate_in_2e6_dimensions(self) -> None:
        exact()


class Ratios:
    """Each compares two runs in one process, with one thread."""

    timeout = 600
    unit = "ratio"

    def track_hundredfold_size(self) -> float:
        """Promise: at most 130; exact n = 1e7 against 1e5."""
        small, large = (TransferProblem(beta=0.8, p=2 * n, n=n) for n in (100_000, 10_000_000))
        return fastest(lambda: exact(large)) / fastest(lambda: exact(small), repeats=10)

    def track_naive_over_dense(self) -> float:
        """Promise: at least 100; the naive way solves both stages for every alpha."""
        return self._naive_over_dense(retrain_source=True)

    def track_naive_with_source_trained_once_over_dense(self) -> float:
        """No promise: the naive way, but for the source, which is trained once."""
        return self._naive_over_dense(retrain_source=False)

    def track_dense_over_krylov_with_three_variances(self) -> float:
        """No promise: p = 3000, n = 2000."""
        with threadpool_limits(1):
            return fastest(lambda: blocks(3000, "dense"), 1) / fastest(lambda: blocks(3000))

    def track_thousandfold_size_with_three_variances(self) -> float:
        """No promise: p = 3e6 against 3e3, the sorting of p variances included."""
        with threadpool_limits(1):
            return fastest(lambda: blocks(3_000_000)) / fastest(lambda: blocks(3000))

    @staticmethod
    def _naive_over_dense(retrain_source: bool) -> float:
        with threadpool_limits(1):
            slow = fastest(lambda: naive(PAPER, ALPHAS, retrain_source), repeats=1)
            fast = fastest(lambda: dense(10)) / 10
        return slow / fast


def main() -> None:
    np.testing.assert_allclose(  # the two ways measure the same thing
        np.mean([naive(PAPER, np.array([1.0]), True, seed)[0] for seed in range(10)]),
        simulate(PAPER, 1.0, replicates=100, rng=0, method="dense").accuracy,
        atol=0.05,
    )
    ratios = Ratios()
    rows = [
        ("1000 truncated replicates, p = 2e8, n = 1e8, N = 3e8", fastest(truncated), "s, at most 1"),
        ("one exact replicate, p = 2e6, n = 1e6", fastest(exact), "s, at most 3"),
        ("exact, n = 1e7 against 1e5: time ratio", ratios.track_hundredfold_size(), ", at most 130"),
        (
            "dense, N=2000 n=40 p=400, 81 alphas: naive / ours",
            ratios.track_naive_over_dense(),
            ", at least 100",
        ),
        (
            "  the same, naive trains the source only once",
            ratios.track_naive_with_source_trained_once_over_dense(),
            "",
        ),
        (
            "three variances, p = 3000, n = 2000: dense / krylov",
            ratios.track_dense_over_krylov_with_three_variances(),
            "",
        ),
        (
            "three variances, krylov, p = 3e6 against 3e3",
            ratios.track_thousandfold_size_with_three_variances(),
            "",
        ),
    ]
    for label, value, promise in rows:
        print(f"{label:52s} {value:8.3g} {promise}")


if __name__ == "__main__":
    main()
