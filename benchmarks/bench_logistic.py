"""Cost of choosing alpha and the ridge by cross-entropy, in units of scikit-learn's LogisticRegressionCV.

Run ``python benchmarks/bench_logistic.py`` for the ratios, or ``poe bench`` for asv.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from sklearn.linear_model import LogisticRegressionCV
from threadpoolctl import threadpool_limits

import rmt_alpha as ra

SHAPES = {
    "n = 1000, p = 100": (1000, 100),
    "n = 200, p = 400": (200, 400),
    "n = 40, p = 20,000": (40, 20_000),
}
CRITERIA = ("consensus", "evidence", "loo_log_loss", "loo_accuracy")


def seconds(call: Callable[[], None]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def ratio(shape: tuple[int, int], criterion: str, repeats: int = 3) -> float:
    """Our fit, 18 ridges with alpha searched at each, over 18 ridges by five-fold cross-validation."""
    rng = np.random.default_rng(0)
    n, p = shape
    y = np.where(np.arange(n) % 2, 1, -1)
    mean = rng.standard_normal(p) / np.sqrt(p)
    X, source = y[:, None] * mean + rng.standard_normal(shape), mean + rng.standard_normal(p) / np.sqrt(p)

    def ours() -> None:
        ra.AlphaLogisticRegressionCV(criterion=criterion, coef_source=source).fit(X, y)

    def theirs() -> None:
        LogisticRegressionCV(
            Cs=18, cv=5, scoring="neg_log_loss", use_legacy_attributes=False, l1_ratios=(0,), max_iter=1000
        ).fit(X, y)

    with threadpool_limits(1):
        # In turn, so that a change of the machine's speed hits both; the fastest of each.
        pairs = [(seconds(ours), seconds(theirs)) for _ in range(repeats)]
    one, two = zip(*pairs, strict=True)
    return min(one) / min(two)


class Logistic:
    """Followed by asv."""

    params = (list(SHAPES), list(CRITERIA))
    param_names = ("shape", "criterion")
    timeout = 600

    def track_ratio(self, shape: str, criterion: str) -> float:
        """Fits of LogisticRegressionCV with as many ridges and five folds."""
        return ratio(SHAPES[shape], criterion)

    track_ratio.unit = "ratio"  # type: ignore[attr-defined]


def main() -> None:
    print("in fits of LogisticRegressionCV with 18 ridges and five folds:")
    for name, shape in SHAPES.items():
        found = ", ".join(f"{criterion} {ratio(shape, criterion):.2f}" for criterion in CRITERIA)
        print(f"  {name}: {found}")


if __name__ == "__main__":
    main()
