"""Cost of choosing alpha and the ridge, in units of scikit-learn's RidgeClassifierCV; memory on wide data.

Run ``python benchmarks/bench_from_data.py`` for the ratios, or ``poe bench`` for asv.
"""

from __future__ import annotations

import time
import tracemalloc
import warnings
from collections.abc import Callable
from unittest import mock

import numpy as np
from sklearn.linear_model import RidgeClassifierCV

import rmt_alpha as ra
from rmt_alpha.from_data.decomposition import others

TALL, WIDE = (4000, 400), (40, 100_000)
FEW = (20, 400), (40, 400), (100, 400), (165, 400), (500, 60)
"""Few enough samples that standard units are those of the others where one is left out."""
GAMMAS = np.logspace(-3, 3, 50)
CRITERIA = ("consensus", "evidence", "loo_mse", "loo_accuracy", "loo_snr", "theory")


def sample(n: int, p: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    y = np.where(np.arange(n) % 2, 1, -1)
    mean = rng.standard_normal(p) / np.sqrt(p)
    return y[:, None] * mean + rng.standard_normal((n, p)), y, mean + rng.standard_normal(p) / np.sqrt(p)


def fit(data: tuple[np.ndarray, np.ndarray, np.ndarray], criterion: str) -> None:
    X, y, source = data
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the best ridge is at the edge, and costs no more there
        ra.AlphaRidgeClassifierCV(GAMMAS, criterion, source).fit(X, y)


def ridge_classifier_cv(data: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    X, y, _ = data
    RidgeClassifierCV(len(y) * GAMMAS).fit(X, y)


def seconds(call: Callable[[], object]) -> float:
    """Of this process: other ones do not count."""
    start = time.process_time()
    call()
    return time.process_time() - start


def ratio(data: tuple[np.ndarray, np.ndarray, np.ndarray], criterion: str, repeats: int = 5) -> float:
    # In turn, so that a change of the machine's speed hits both; the fastest of each.
    pairs = [
        (seconds(lambda: fit(data, criterion)), seconds(lambda: ridge_classifier_cv(data)))
        for _ in range(repeats)
    ]
    ours, theirs = zip(*pairs, strict=True)
    return min(ours) / min(theirs)


def default_seconds(data: tuple[np.ndarray, np.ndarray, np.ndarray], repeats: int = 5) -> float:
    """Of a fit with the defaults; the fastest."""
    X, y, source = data
    return min(
        seconds(lambda: ra.AlphaRidgeClassifierCV(coef_source=source).fit(X, y)) for _ in range(repeats)
    )


def memory(data: tuple[np.ndarray, np.ndarray, np.ndarray], criterion: str) -> float:
    """Peak memory of a fit, in units of the data."""
    tracemalloc.start()
    fit(data, criterion)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / data[0].nbytes


class FromData:
    """Timed by asv."""

    params = CRITERIA
    param_names = ("criterion",)

    def setup(self, criterion: str) -> None:
        self.tall, self.wide = sample(*TALL), sample(*WIDE)
        fit(self.wide, criterion)

    def time_tall(self, criterion: str) -> None:
        fit(self.tall, criterion)

    def time_wide(self, criterion: str) -> None:
        fit(self.wide, criterion)

    def track_tall(self, criterion: str) -> float:
        """Fits of RidgeClassifierCV with the same 50 ridges, n = 4000, p = 400: at most 0.5."""
        return ratio(self.tall, criterion)

    def track_wide_memory(self, criterion: str) -> float:
        """Peak memory in units of the data, n = 40, p = 100,000: at most 10; a p x p matrix would be 2500."""
        return memory(self.wide, criterion)

    track_tall.unit = track_wide_memory.unit = "ratio"  # type: ignore[attr-defined]


def main() -> None:
    tall, wide = sample(*TALL), sample(*WIDE)
    print("in fits of RidgeClassifierCV with the same 50 ridges, and peak memory in units of the data:")
    for criterion in CRITERIA:
        print(
            f"  {criterion:<13} n = 4000, p = 400: {ratio(tall, criterion):.2f} (wanted: at most 0.5);  "
            f"n = 40, p = 100,000: {ratio(wide, criterion):.2f}, "
            f"memory {memory(wide, criterion):.1f} (p x p: 2500)"
        )
    theirs = min(seconds(lambda: ridge_classifier_cv(tall)) for _ in range(5))
    own = default_seconds(tall) / theirs
    print(f"  ridges of its own choice, in raw and in standard units, n = 4000, p = 400: {own:.2f}")
    print(
        "the default, standard units those of the others, in fits that hold them where a sample is left out:"
    )
    for n, p in FEW:
        few = sample(n, p)
        with mock.patch.object(others, "LIMIT", 0.0):
            held = default_seconds(few)
        own = default_seconds(few)
        print(f"  n = {n}, p = {p}: {own / held:.2f}, {own - held:.2f} s more")


if __name__ == "__main__":
    main()
