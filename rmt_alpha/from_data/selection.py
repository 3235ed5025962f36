r"""Choosing the ridge together with alpha, under every rule for intercept and units, and averaging the rules.

A few labels do not tell which rule is best, and picking one by them is luck.  So the classifiers that the
criterion chooses under each rule are averaged,

.. math:: f = \sum_r q_r f_r , \qquad q_r \propto \frac{\omega_r}{\rho_r} , \quad \sum_r q_r = 1 ,

with the posterior probability omega_r of the rule by the evidence (alpha and the ridge integrated out) and
the root mean square rho_r of its leave-one-out scores, because sizes of scores differ between rules and
mean nothing.  (The targets of a regression have a size: there rho = 1.)  The mean of linear classifiers is
one, and its leave-one-out scores are the mean of theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import softmax

from rmt_alpha._core.alphas import as_point
from rmt_alpha._core.types import FloatArray
from rmt_alpha.from_data.criteria.base import Choice, Criterion, FitAtRidge, FitPath
from rmt_alpha.from_data.design import Rule

NEGLIGIBLE = 1e-3
"""A rule this much less probable than the best is left out: it would move the mean by less."""


@dataclass(frozen=True, eq=False, repr=False)
class Selection:
    """Choices for every ridge of a grid, and which of them is best."""

    choices: list[Choice]
    """One for each ridge."""
    index: int
    """The best of them."""
    fit: FitAtRidge
    """The fit at the chosen ridge."""
    covariance: FloatArray
    """Of alpha at that ridge; 0 if alpha was given; shape (k, k)."""

    @property
    def best(self) -> Choice:
        """The choice that was made."""
        return self.choices[self.index]

    @property
    def alpha(self) -> FloatArray:
        """The chosen alpha, shape (k,)."""
        return self.best.alpha

    def __repr__(self) -> str:
        return f"Selection({self.best!r}, ridge {self.index + 1} of {len(self.choices)})"


def select(
    criterion: Criterion[Any, Any], path: FitPath, gammas: Sequence[float], alpha: FloatArray | None = None
) -> Selection:
    """Choose the ridge and alpha together; with ``alpha`` given, the ridge alone."""
    point = None if alpha is None else as_point(alpha)
    choices, index = criterion.decide(path, gammas, point)
    fit = path.at(gammas[index])
    if point is None and path.sources:
        covariance = criterion.covariance(fit, choices[index].point)
    else:
        covariance = np.zeros((path.sources,) * 2)
    return Selection(choices, index, fit, covariance)


@dataclass(frozen=True, eq=False, repr=False)
class Member:
    """What was chosen under one rule."""

    rule: Rule
    selection: Selection
    share: float
    """q, the part of the mean."""
    left_out: FloatArray
    """Leave-one-out scores, (n, K)."""


@dataclass(frozen=True, eq=False, repr=False)
class Blend:
    """The mean over rules."""

    members: list[Member]
    """By decreasing share."""

    @property
    def top(self) -> Selection:
        """The choice under the rule that counts most."""
        return self.members[0].selection

    @property
    def alpha(self) -> FloatArray:
        """How much of each source is in the mean, (k,); infinite if it is under the first rule."""
        if np.isinf(self.top.alpha).any():
            return self.top.alpha
        return np.asarray(sum(one.share * one.selection.alpha for one in self.members))

    @property
    def covariance(self) -> FloatArray:
        """Covariance of alpha, (k, k): the mean of those of the rules, plus that of their alphas."""
        if len(self.members) == 1:
            return self.top.covariance
        parts = [(one.share, one.selection.covariance, one.selection.alpha) for one in self.members]
        off = [alpha - self.alpha for *_, alpha in parts]
        return np.asarray(sum(q * (own + np.outer(d, d)) for (q, own, _), d in zip(parts, off, strict=True)))

    @property
    def left_out(self) -> FloatArray:
        """Leave-one-out scores, (n, K)."""
        return np.asarray(sum(one.share * one.left_out for one in self.members))


def probable(evidences: Sequence[float]) -> FloatArray:
    """Posterior probabilities of rules from logarithms of their evidence; 0 where it is negligible."""
    weights = softmax(np.asarray(evidences, dtype=np.float64))
    weights[weights < NEGLIGIBLE * weights.max()] = 0.0
    return np.asarray(weights / weights.sum())


def blended(
    rules: Sequence[Rule],
    weights: FloatArray,
    selections: Sequence[Selection],
    mass: FloatArray | None,
) -> Blend:
    """The mean of what was chosen under each rule; ``mass`` weighs samples, None: scores have a size."""
    scores = [one.fit.left_out(one.best.point) for one in selections]
    shares = np.array(weights)
    if mass is not None:
        sizes = np.array([size_of(one, mass) for one in scores])
        if sizes.any():
            shares = np.where(sizes > 0, weights / np.where(sizes > 0, sizes, 1.0), 0.0)
    # A limit of large alpha has no size beside finite ones.
    if any(one.best.point[0] == 0 for one in selections):
        shares = np.where(np.arange(len(shares)) == shares.argmax(), shares, 0.0)
    shares = shares / shares.sum()
    members = [Member(*parts) for parts in zip(rules, selections, shares, scores, strict=True)]
    return Blend(sorted((one for one in members if one.share > 0), key=lambda one: -one.share))


def size_of(scores: FloatArray, mass: FloatArray) -> float:
    """Root mean square of what decides: one score, or the scores of the classes around their mean."""
    if scores.shape[1] > 1:
        scores = scores - scores.mean(axis=1, keepdims=True)
    return float(np.sqrt(mass @ np.square(scores).sum(axis=1) / mass.sum()))
