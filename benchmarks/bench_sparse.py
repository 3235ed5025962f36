"""Sparse features like word frequencies: cost in units of RidgeClassifierCV, memory in units of the kernel.

Run ``python benchmarks/bench_sparse.py`` for the ratios and for what a truncated kernel does to leave-one-out
scores (several minutes), or ``poe bench`` for asv.
"""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from unittest import mock

import numpy as np
from scipy import sparse
from sklearn.linear_model import RidgeClassifier, RidgeClassifierCV
from sklearn.preprocessing import normalize

import rmt_alpha as ra
from rmt_alpha.from_data.decomposition import sparse_rows
from rmt_alpha.from_data.decomposition.design import Design
from rmt_alpha.from_data.decomposition.rules import Rule
from rmt_alpha.from_data.decomposition.samples import Samples

MANY, LARGE = (1_000, 50_000), (20_000, 50_000)
WORDS = 70
"""Of a text, 0.1 % of the features when repeated words are counted once."""
GAMMAS = np.logspace(-7, -1, 50)  # a text has length 1, so that the mean eigenvalue is 1/n

Texts = tuple[sparse.csr_matrix, np.ndarray, np.ndarray]


def texts(n: int, p: int) -> Texts:
    """TF-IDF of texts of two topics, by Zipf's law, their topics, and a source that is mostly noise."""
    rng = np.random.default_rng(0)
    y = np.arange(n) % 2
    tilt = rng.standard_normal(p) / 4
    columns = np.empty((n, WORDS), dtype=np.int64)
    for topic in (0, 1):
        rates = np.exp((2 * topic - 1) * tilt) / np.arange(1, p + 1)
        columns[y == topic] = rng.choice(p, (int((y == topic).sum()), WORDS), p=rates / rates.sum())
    counts = sparse.csr_matrix(
        (np.ones(n * WORDS), columns.ravel(), np.arange(0, n * WORDS + 1, WORDS)), (n, p)
    )
    counts.sum_duplicates()
    rarity = np.log((1 + n) / (1 + np.bincount(counts.indices, minlength=p))) + 1
    counts.data *= rarity[counts.indices]
    return normalize(counts), y, tilt * rarity + rarity * rng.standard_normal(p) / 2


def seconds(call: Callable[[], object]) -> float:
    """Of this process: other ones do not count."""
    start = time.process_time()
    call()
    return time.process_time() - start


def fit(data: Texts, gammas: np.ndarray | None) -> ra.AlphaRidgeClassifierCV:
    X, y, source = data
    return ra.AlphaRidgeClassifierCV(gammas, coef_source=source).fit(X, y)


def ratio(data: Texts, gammas: np.ndarray | None, repeats: int = 3) -> float:
    # In turn, so that a change of the machine's speed hits both; the fastest of each.
    X, y, _ = data
    pairs = [
        (seconds(lambda: fit(data, gammas)), seconds(lambda: RidgeClassifierCV(len(y) * GAMMAS).fit(X, y)))
        for _ in range(repeats)
    ]
    ours, theirs = zip(*pairs, strict=True)
    return min(ours) / min(theirs)


def memory(data: Texts, gammas: np.ndarray | None) -> float:
    """Peak of a fit, in MB."""
    tracemalloc.start()
    fit(data, gammas)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e6


def truncation(size: tuple[int, int] = (3_000, 30_000), odds: tuple[float, ...] = (0.1, 1.0, 10.0)) -> None:
    """Leave-one-out residuals at alpha = 0, free intercept: of the exact kernel, and of eigenvectors."""
    X, y, _ = texts(*size)
    labels = np.where(y, 1, -1)
    ridges = Design.of(Samples.of(X), Rule(pseudo=0.0)).ridges(np.array(odds))

    def residuals(gamma: float) -> np.ndarray:
        return labels - ra.AlphaRidgeClassifier(gamma, alpha=0.0).fit(X, y).loo_decision_function_

    exact = [residuals(gamma) for gamma in ridges]
    for vectors in (75, 300):
        with mock.patch.multiple(sparse_rows, EXACT=0, TRUNCATED=vectors * size[0]):
            found = [residuals(gamma) for gamma in ridges]
        for ratio, whole, part in zip(odds, exact, found, strict=True):
            moved = np.sqrt(np.mean((part - whole) ** 2) / np.mean(whole**2))
            errors = " : ".join(f"{np.mean(one**2):.3f}" for one in (whole, part))
            right = " : ".join(f"{np.mean(labels * one < 1):.3f}" for one in (whole, part))
            print(f"  {ratio:5g}  {vectors:3d}  {moved:.1%}  squared error {errors}  accuracy {right}")


class Sparse:
    """Timed by asv."""

    def setup(self) -> None:
        self.many = texts(*MANY)
        fit(self.many, GAMMAS)

    def track_given_ridges(self) -> float:
        """Fits of RidgeClassifierCV with the same 50 ridges, n = 1,000, p = 50,000: at most 2."""
        return ratio(self.many, GAMMAS)

    def track_default(self) -> float:
        """The default beside them, in raw and in standard units: at most 2."""
        return ratio(self.many, None)

    def track_memory(self) -> float:
        """Peak memory in arrays of n x n numbers: at most 24; an array of the features would be 50."""
        return memory(self.many, None) * 1e6 / (8 * MANY[0] ** 2)

    track_given_ridges.unit = track_default.unit = track_memory.unit = "ratio"  # type: ignore[attr-defined]


def main() -> None:
    data = texts(*MANY)
    filled = data[0].nnz / np.prod(MANY)
    print(f"{MANY[0]} x {MANY[1]}, {filled:.2%} filled, in fits of RidgeClassifierCV with 50 ridges:")
    for name, gammas in (("the same ridges", GAMMAS), ("default", None)):
        print(f"  {name:<16} {ratio(data, gammas):.2f}, {memory(data, gammas):.0f} MB (filled: 400 MB)")
    data = texts(*LARGE)
    X, y, _ = data
    start = time.process_time()
    model = fit(data, None)
    ours = time.process_time() - start
    one = seconds(lambda: RidgeClassifier(len(y) * model.gamma_).fit(X, y))
    left_out = np.mean((model.loo_decision_function_ > 0) == y)
    print(
        f"{LARGE[0]} x {LARGE[1]}: {ours:.0f} s of processor time, {ours / one:.0f} fits of RidgeClassifier "
        f"at its ridge; leave-one-out accuracy {left_out:.4f}; {memory(data, None):.0f} MB (kernel: 3200)"
    )
    print("odds of degrees of freedom, eigenvectors, difference of left-out residuals, exact : truncated")
    truncation()


if __name__ == "__main__":
    main()
