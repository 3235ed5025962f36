"""One linear model from what was chosen under each rule: the mean, and with many classes its discriminant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from rmt_alpha._core.types import Features, FloatArray
from rmt_alpha.estimators.source import SourceModel, completed
from rmt_alpha.from_data.calibration import LogLoss
from rmt_alpha.from_data.decomposition.rules import Rule
from rmt_alpha.from_data.decomposition.samples import Samples
from rmt_alpha.from_data.discriminant import discriminant
from rmt_alpha.from_data.selection import (
    Blend,
    Selection,
    blended,
    class_shares,
    mixed_shares,
    probability_slope,
    source_prior,
)


class LinearFit(NamedTuple):
    """A linear model, and what it says of each sample without it."""

    coef: FloatArray
    """Weights, (K, p)."""
    intercept: FloatArray
    """Shape (K,)."""
    left_out: FloatArray
    """Leave-one-out scores, (n, K)."""


@dataclass(frozen=True, eq=False)
class Choices:
    """What was chosen under each rule, for one sample."""

    rules: Sequence[Rule]
    selections: Sequence[Selection]
    samples: Samples
    """Those of positive weight."""
    labels: FloatArray
    """Of all samples, (n, K)."""
    features: Features
    """Theirs, (n, p)."""
    counts: FloatArray
    """How many samples each row stands for; 0 is a row that is left out by every fit; (n,)."""
    source: SourceModel

    def of(self, trained: bool) -> Choices:
        """Those under the rules that train something, or under the others."""
        kept = [i for i, rule in enumerate(self.rules) if rule.trained is trained]
        return replace(
            self, rules=[self.rules[i] for i in kept], selections=[self.selections[i] for i in kept]
        )

    def blended(self, shares: FloatArray) -> Blend:
        """The mean with these shares."""
        used = np.flatnonzero(shares).tolist()
        return blended([self.rules[i] for i in used], shares[used], [self.selections[i] for i in used])

    def class_mean(self, *, multilabel: bool = False) -> Blend:
        """The mean of classifiers, by what they say of samples that are left out; or the one there is."""
        if len(self.rules) == 1:
            return self.blended(np.ones(1))
        labels, mass = self.labels[self.counts > 0], self.samples.mass
        return self.blended(class_shares(self.rules, self.selections, labels, mass, multilabel=multilabel))

    def model(self, blend: Blend) -> LinearFit:
        """The mean as a model of all classes."""
        there, source = self.counts > 0, self.source
        coef, intercept = np.zeros(source.weights.shape[1:]), np.zeros(self.labels.shape[1])
        for one in blend.members:
            fit, point = one.selection.fit, one.selection.best.point
            trained, center = fit.correction(point)
            own, biases = source.mixed(point[1:])
            coef += one.share * (own + trained)
            intercept += one.share * (center if one.rule.pseudo == 0 else center + biases)
        left_out = blend.left_out
        if not there.all():
            everywhere = self.features @ coef.T + intercept
            everywhere[there] = left_out
            left_out = everywhere
        if source.others is None:
            return LinearFit(coef, intercept, left_out)
        direction = blend.alpha if np.isfinite(blend.alpha).all() else blend.top.best.point[1:]
        parts = completed(source, direction, self.features, self.counts, coef, intercept, left_out)
        return LinearFit(*parts)


def discriminated(choices: Choices) -> tuple[Blend, LinearFit]:
    r"""The average of more than two classes.

    .. math:: f = q_0 f_0 + (1 - q_0)\, D\Bigl(\sum_{r > 0} q_r f_r\Bigr)

    with f_0 the source alone, the discriminant D of what is trained, and shares as of two rules.  D is in
    units in which the probabilities of the classes have the same slope on the scores as before.
    """
    trained, alone = choices.of(True), choices.of(False)
    match, there = choices.source.match, choices.counts > 0
    labels = choices.labels if match is None else match.padded(choices.labels)
    mass, removed = np.zeros((2, len(there)))
    mass[there], removed[there] = choices.samples.mass, choices.samples.removed
    blend = trained.class_mean()
    model = trained.model(blend)
    found = discriminant(model.left_out, labels, mass, removed)
    if found is not None:
        after, before = (LogLoss.of(one.left_out[:, None], labels, mass) for one in (found, model))
        size = probability_slope(after) / probability_slope(before)
        turned = size * found.matrix.T
        model = LinearFit(
            turned @ model.coef, turned @ model.intercept + size * found.shift, size * found.left_out
        )
    if not alone.rules:
        return blend, model
    other = alone.class_mean()
    source = alone.model(other)
    prior = source_prior(labels.shape[1])
    shares = mixed_shares([prior, 1.0 - prior], [source.left_out, model.left_out], labels, mass)
    joined = (shares[0] * one + shares[1] * two for one, two in zip(source, model, strict=True))
    return blend.joined(other, shares[1]), LinearFit(*joined)
