r"""What further labels that only choose could reach: a bound on how well n labels can choose.

The family of classifiers is that of `hindsight`, of two classes: every rule for intercept and units, ridges
and alphas.  As there they are trained on the n samples; but the choice is made by a gift, m = n, 2 n or 4 n
further rows of the target with their labels, which no user has, and scored on all others.  Whoever chooses
by the n samples themselves, left out one at a time, has no more labels to choose by than a gift of n, and
classifiers that have seen all but one of them.

``accuracy``, ``log_loss``
    The best on the gift; of equally accurate ones that of least log-loss.
``average``
    The mean of all, with weights by the likelihood of the gift's labels at the best scale of the scores;
    half of the prior is that of the source alone, as by default.

Each is a mean over up to `GIFTS` gifts that have no row in common.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache, partial

import numpy as np
from scipy.special import softmax

from rmt_alpha._core.types import FloatArray
from rmt_alpha.estimators.validation import GAMMAS
from rmt_alpha.experiments.study.transfers.draws import Draw
from rmt_alpha.experiments.study.transfers.families import KINDS
from rmt_alpha.experiments.study.transfers.hindsight import EveryChoice, pair_scores

GIFTS, ROWS = 4, 400
"""At most, of each size; and rows of them together, if there is more than one."""
SIZES = (1, 2, 4)
"""Of a gift, in numbers of samples."""
LEFT = 100
"""Rows that must be left to score."""
ANGLES = np.linspace(-0.5, 0.5, 25) * math.pi
"""Of alpha: seven and a half degrees apart, from minus to plus the source alone."""
SCALES = np.concatenate([[0.0], np.geomspace(0.125, 16.0, 8)])
"""Of scores of size 1, for the log-loss."""
WAYS = ("accuracy", "log_loss", "average")


class _Coarse(EveryChoice):
    """With every fourth ridge."""

    _grid = GAMMAS[::4]


@lru_cache(maxsize=1)
def _scored(draw: Draw) -> dict[tuple[str, int], float]:
    """Accuracy of every way with every size of gifts."""
    if draw.family.kind != KINDS[0]:
        raise ValueError(f"family must have two classes, got {draw.family.name}, with {draw.family.kind}")
    given = draw.data.target[draw.train_rows], draw.labels
    every = _Coarse(coef_source=draw.data.model).fit(*given)
    features, positive = draw.data.target[draw.test_rows], draw.test_labels == every.classes_[1]
    pairs = np.array([pair_scores(pair, features) for pair in every.pairs_])[..., 0]  # (r, 2, n)
    found: dict[tuple[str, int], float] = {}
    for size in SIZES:
        count = size * len(draw.labels)
        gifts = max(1, min(GIFTS, ROWS // count))
        right = [
            _after(pairs, positive, slice(start, start + count))
            for start in range(0, min(gifts * count, len(positive) - LEFT - count + 1), count)
        ]
        found |= {(way, size): float(np.mean([one[way] for one in right])) for way in WAYS if right}
    return found


def _after(pairs: FloatArray, positive: FloatArray, gift: slice) -> dict[str, float]:
    """Accuracy on all rows but the gift, of what it chooses."""
    labels = np.where(positive[gift], 1.0, -1.0)
    turns = np.stack([np.cos(ANGLES), np.sin(ANGLES)])  # (2, angles)
    mixed = np.einsum("ran,at->rtn", pairs[:, :, gift], turns)
    hits = ((mixed > 0) == positive[gift]).mean(axis=2)
    size = np.sqrt(np.square(mixed).mean(axis=2))
    losses = _least_losses(mixed / np.where(size > 0, size, 1.0)[..., None], labels)
    prior = np.full(losses.shape, 0.5 / losses.size)
    prior[-1, -1] += 0.5  # the last ridge is infinite and the last angle the source alone
    weights = softmax(np.log(prior) - losses) / np.where(size > 0, size, 1.0)
    best = [np.lexsort((losses.ravel(), -hits.ravel()))[0], losses.argmin()]
    places = [np.unravel_index(one, losses.shape) for one in best]
    scores = {
        way: turns[:, angle] @ pairs[row]
        for way, (row, angle) in zip(("accuracy", "log_loss"), places, strict=True)
    }
    scores["average"] = np.einsum("rt,at,ran->n", weights, turns, pairs, optimize=True)
    kept = np.ones(len(positive), dtype=bool)
    kept[gift] = False
    return {way: float(np.mean((one > 0)[kept] == positive[kept])) for way, one in scores.items()}


def _least_losses(scores: FloatArray, labels: FloatArray) -> FloatArray:
    """Sums of the log-losses of scores (..., n) at the best of `SCALES`; labels are nearly sure."""
    doubt = 0.5 / (len(labels) + 1.0)
    margins = scores * labels
    sums = [np.logaddexp(0.0, -s * margins).sum(axis=-1) + doubt * s * margins.sum(axis=-1) for s in SCALES]
    return np.asarray(np.min(sums, axis=0))


def gift(draw: Draw, way: str, size: int) -> float:
    """Accuracy, as a fraction, of a way to choose by ``size`` n labels; nan if too few rows are left."""
    return _scored(draw).get((way, size), math.nan)


def _names() -> Iterator[tuple[str, str, int]]:
    for way in WAYS:
        for size in SIZES:
            yield f"gift_{way}" + (f"_{size}n" if size > 1 else ""), way, size


GIFT_METHODS = {name: partial(gift, way=way, size=size) for name, way, size in _names()}
"""By name; of two classes only."""
