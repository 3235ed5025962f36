r"""What any choice of rule, ridge and alpha could reach: the best of them, chosen by the test rows.

The family of classifiers is that of `AlphaRidgeClassifierCV`: every rule for intercept and units, every other
ridge of its grid, and the scores :math:`A \cos\theta + B \sin\theta` for alpha from minus to plus infinity,
A those without the source and B what they grow by with alpha, both divided by their root mean square.

Nobody can choose so, and whoever does is flattered by the very rows that he chose by.  So it is done twice.
``hindsight`` chooses by all test rows and is scored on the same, which is more than the best choice is worth.
``hindsight_halves`` chooses by one half of them for the other, which is less, by the luck of some hundred
rows.  What the best single choice is worth lies between them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np

from rmt_alpha._core.types import Features, FloatArray
from rmt_alpha.estimators.average import LinearFit
from rmt_alpha.estimators.ridge_classifier import AlphaRidgeClassifierCV
from rmt_alpha.estimators.source import SourceModel, completed
from rmt_alpha.estimators.validation import GAMMAS
from rmt_alpha.experiments.study.transfers.draws import Draw
from rmt_alpha.experiments.study.transfers.families import KINDS
from rmt_alpha.from_data.decomposition.rules import Rule
from rmt_alpha.from_data.decomposition.samples import Samples
from rmt_alpha.from_data.ridge_path import RidgeFit

RULES = tuple(
    Rule(pseudo=k0, standard=standard)
    for standard in (False, True)
    for k0 in (None, 0.0, 1.0, 10.0, 100.0, math.inf)
)
"""Every rule that there is a name for, and those of the average."""
Pair = tuple[tuple[FloatArray, FloatArray], ...]
"""Weights and intercepts without the source, and what they grow by with alpha."""
ANGLES = np.linspace(-0.5, 0.5, 73) * math.pi
"""Of alpha: two and a half degrees apart."""


class EveryChoice(AlphaRidgeClassifierCV):
    """Chooses nothing: keeps the fits without a source, and what they grow by with alpha."""

    _grid = GAMMAS[::2]

    def _fit(
        self,
        features: Features,
        labels: FloatArray,
        counts: FloatArray,
        source: SourceModel,
        importance: FloatArray | None = None,
    ) -> LinearFit:
        samples = Samples.of(features, counts, importance)
        paths = self._paths(samples, RULES, labels, source)
        given = source, features, counts
        self.pairs_ = [
            tuple(self._completed(path.at(gamma), point, *given)[:2] for point in np.eye(2))
            for path in paths
            for gamma in self._ridges(path.design)
        ]
        return self._completed(paths[0].at(math.inf), np.eye(2)[1], *given)

    @staticmethod
    def _completed(
        fit: RidgeFit, point: FloatArray, source: SourceModel, features: Features, counts: FloatArray
    ) -> LinearFit:
        """The model of all classes."""
        (trained, center), (own, biases) = fit.correction(point), source.mixed(point[1:])
        weights, intercept = own + trained, center + biases
        # In units that are held: of every ridge in units of the others it would take minutes.
        left_out = fit.leave_one_out.scores(point)
        return LinearFit(*completed(source, point[1:], features, counts, weights, intercept, left_out))


@lru_cache(maxsize=1)
def _chosen(draw: Draw) -> tuple[FloatArray, FloatArray]:
    """Predictions of the best for all test rows, and for one half of the best for the other."""
    if draw.family.kind not in KINDS[:2]:
        raise ValueError(f"family must have classes, got {draw.family.name}, a {draw.family.kind}")
    model = EveryChoice(coef_source=draw.data.model).fit(draw.data.target[draw.train_rows], draw.labels)
    features, truth = draw.data.target[draw.test_rows], np.searchsorted(model.classes_, draw.test_labels)
    half = np.arange(len(truth)) % 2 == 0  # the rows are in random order
    best: list[tuple[float, Any]] = [(-1.0, None)] * 3
    for classes in _classes(model, features):
        right = classes == truth
        for i, rows in enumerate((slice(None), half, ~half)):
            counts = right[:, rows].mean(axis=1)
            top = int(counts.argmax())
            if counts[top] > best[i][0]:
                best[i] = counts[top], classes[top]
    everything, first, second = (one for _, one in best)
    return model.classes_[everything], model.classes_[np.where(half, second, first)]


def _classes(model: EveryChoice, features: Any) -> Iterator[Any]:
    """Class numbers (angles, n_test) at one rule and ridge after another."""
    for pair in model.pairs_:
        scores = pair_scores(pair, features)
        mixed = np.multiply.outer(np.cos(ANGLES), scores[0]) + np.multiply.outer(np.sin(ANGLES), scores[1])
        yield (mixed[..., 0] > 0).astype(int) if mixed.shape[2] == 1 else mixed.argmax(axis=2)


def pair_scores(pair: Pair, features: Any) -> list[FloatArray]:
    """Of rows, (n_test, K) each: without the source, and what they grow by with alpha; of size 1."""
    scores = []
    for weights, intercept in pair:
        own = np.asarray(features @ weights.T) + intercept
        shown = own if own.shape[1] == 1 else own - own.mean(axis=1, keepdims=True)
        scores.append(own / (math.sqrt(np.square(shown).mean()) or 1.0))
    return scores


def hindsight(draw: Draw) -> FloatArray:
    """Predictions of what is best on all test rows."""
    return _chosen(draw)[0]


def hindsight_halves(draw: Draw) -> FloatArray:
    """Predictions, for each half of the test rows, of what is best on the other."""
    return _chosen(draw)[1]


BOUNDS = {one.__name__: one for one in (hindsight, hindsight_halves)}
"""By name; of classes only."""
