"""Cost of choosing alpha and the ridge by cross-entropy, in units of scikit-learn's LogisticRegressionCV.

Run ``python benchmarks/bench_logistic.py`` for the table of the docs, or ``poe bench`` for asv.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import numpy as np
from sklearn.linear_model import LogisticRegressionCV
from threadpoolctl import threadpool_limits

import rmt_alpha as ra

ROWS, COLUMNS = (100, 400, 800, 5000, 20_000), (20, 100, 400)
CLASSES, SHOTS, FEATURES = (10, 77), 5, 384
CRITERIA = ("consensus", "evidence", "loo_log_loss", "loo_accuracy")

Data = tuple[np.ndarray, np.ndarray, np.ndarray]


def two_classes(n: int, p: int) -> Data:
    rng = np.random.default_rng(0)
    y = np.where(np.arange(n) % 2, 1, -1)
    mean = rng.standard_normal(p) / np.sqrt(p)
    return y[:, None] * mean + rng.standard_normal((n, p)), y, mean + rng.standard_normal(p) / np.sqrt(p)


def many_classes(classes: int) -> Data:
    """Five samples of each class."""
    rng = np.random.default_rng(0)
    y = np.arange(SHOTS * classes) % classes
    means = 2.5 * rng.standard_normal((classes, FEATURES)) / np.sqrt(FEATURES)
    X = means[y] + rng.standard_normal((len(y), FEATURES))
    return X, y, means + 2.5 * rng.standard_normal(means.shape) / np.sqrt(FEATURES)


def seconds(call: Callable[[], object]) -> float:
    """Of this process: other ones do not count."""
    start = time.process_time()
    call()
    return time.process_time() - start


def ratio(data: Data, criterion: str = "consensus", repeats: int = 3) -> float:
    """Our fit over five-fold cross-validation at the same ridges, with alpha searched at each."""
    X, y, source = data
    model = ra.AlphaLogisticRegressionCV(criterion=criterion, coef_source=source)
    with threadpool_limits(1):
        # The penalties are those of C = 1 / (n gamma), from the largest on; inf has no C, and costs nothing.
        gammas = model.fit(X, y).cv_results_["param_gamma"]
        Cs = np.sort([1 / (len(y) * gamma) for gamma in gammas if math.isfinite(gamma)])
        theirs = LogisticRegressionCV(
            Cs=Cs, cv=5, scoring="neg_log_loss", use_legacy_attributes=False, l1_ratios=(0,), max_iter=1000
        )
        # In turn, so that a change of the machine's speed hits both; the fastest of each.
        pairs = [
            (seconds(lambda: model.fit(X, y)), seconds(lambda: theirs.fit(X, y))) for _ in range(repeats)
        ]
    one, two = zip(*pairs, strict=True)
    return min(one) / min(two)


class Two:
    """Two classes, followed by asv."""

    params = (list(ROWS), list(COLUMNS))
    param_names = ("n", "p")
    timeout = 600

    def track_ratio(self, n: int, p: int) -> float:
        """At most 1.5."""
        return ratio(two_classes(n, p))

    track_ratio.unit = "ratio"  # type: ignore[attr-defined]


class Many:
    """Many classes, five shots."""

    params = CLASSES
    param_names = ("classes",)
    timeout = 600

    def track_ratio(self, classes: int) -> float:
        """At most 3."""
        return ratio(many_classes(classes))

    track_ratio.unit = "ratio"  # type: ignore[attr-defined]


class Criteria:
    """Every criterion, n = p = 400."""

    params = CRITERIA
    param_names = ("criterion",)

    def track_ratio(self, criterion: str) -> float:
        """By accuracy few ridges are clearly worse: up to 9 there, at most 1.5 by evidence and consensus."""
        return ratio(two_classes(400, 400), criterion)

    track_ratio.unit = "ratio"  # type: ignore[attr-defined]


def main() -> None:
    print("in fits of LogisticRegressionCV with the same ridges and five folds:\n")
    print("| n | " + " | ".join(f"p = {p}" for p in COLUMNS) + " |")
    print("| ---: " * (1 + len(COLUMNS)) + "|")
    for n in ROWS:
        print(
            f"| {n:,} | " + " | ".join(f"{ratio(two_classes(n, p)):.2f}" for p in COLUMNS) + " |", flush=True
        )
    print()
    for classes in CLASSES:
        print(
            f"{classes} classes, {SHOTS} shots, p = {FEATURES}: {ratio(many_classes(classes)):.2f}",
            flush=True,
        )
    found = ", ".join(f"{criterion} {ratio(two_classes(400, 400), criterion):.2f}" for criterion in CRITERIA)
    print(f"n = p = 400: {found}")


if __name__ == "__main__":
    main()
