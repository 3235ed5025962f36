r"""Choosing the ridge together with alpha, under every rule for intercept and units, and averaging the rules.

A few labels do not tell which rule is best, and picking one by them is luck.  So the classifiers that the
criterion chooses under each rule are averaged,

.. math:: f = \sum_r q_r f_r , \qquad q_r \propto \psi_r \chi_r \operatorname{slope}_r , \quad \sum_r q_r = 1

where psi_r is the part of rule r in the mixture of what the rules predict for each label from all others
(`stacked`), chi_r the probability that its scores point the right way (`Scale`), and slope_r f_r its
probabilities as a linear function of its scores: sizes of scores differ between rules and mean nothing.  A
few labels that one rule explains better by luck do not make it certain, since each sample may have been
explained by another.  One of the rules trains nothing: there the source is all there is, with half of the
prior of two classes, so that a few labels cannot spoil it.  The targets of a regression have a size: there
chi = slope = 1, and psi is the posterior probability of the rule, by the square root of its evidence (alpha
and the ridge integrated out), and f_r the posterior mean over the ridges of the grid.  The mean of linear
models is one, and its leave-one-out scores are the mean of theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import softmax

from rmt_alpha._core.alphas import as_point
from rmt_alpha._core.machine.progress import long_steps
from rmt_alpha._core.types import FloatArray
from rmt_alpha.from_data.calibration import LogLoss
from rmt_alpha.from_data.criteria.base import Choice, Criterion, FitAtRidge, FitPath
from rmt_alpha.from_data.criteria.consensus import rule_evidence
from rmt_alpha.from_data.decomposition.rules import Rule
from rmt_alpha.from_data.ridge_path import RidgePath
from rmt_alpha.from_data.stacking import stacked

POWER = 0.5
"""Of the evidence in the probability of a rule for a regression, half of which counts as in the consensus."""
SUCCESSION = 2.0
"""Samples that speak for the prior over the rules of classes, as in Laplace's rule of succession."""
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
    spread: Callable[[FloatArray], FloatArray] | None
    """The covariance of a chosen point; None if alpha was given."""

    @cached_property
    def covariance(self) -> FloatArray:
        """Of alpha at that ridge; 0 if alpha was given; shape (k, k)."""
        if self.spread is None:
            return np.zeros((self.alpha.size,) * 2)
        return self.spread(self.best.point)

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
    return _selection(criterion, path, choices, index, searched=point is None)


def _selection(
    criterion: Criterion[Any, Any], path: FitPath, choices: list[Choice], index: int, *, searched: bool
) -> Selection:
    fit = path.at(choices[index].gamma)
    spread = partial(criterion.covariance, fit) if searched and path.sources > 0 else None
    return Selection(choices, index, fit, spread)


@dataclass(frozen=True, eq=False, repr=False)
class Member:
    """What was chosen under one rule, or at one ridge of it."""

    rule: Rule
    selection: Selection
    share: float
    """q, the part of the mean."""
    left_out: FloatArray
    """Leave-one-out scores, (n, K)."""


@dataclass(frozen=True, eq=False, repr=False)
class Blend:
    """The mean over rules, or over ridges of one of them."""

    members: list[Member]
    """By decreasing share."""

    @cached_property
    def rules(self) -> list[tuple[float, Blend]]:
        """Each rule's share, and the mean over its ridges, by decreasing share."""
        groups: dict[Rule, list[Member]] = {}
        for one in self.members:
            groups.setdefault(one.rule, []).append(one)
        found = []
        for group in groups.values():
            total = sum(one.share for one in group)
            found.append((total, Blend([replace(one, share=one.share / total) for one in group])))
        return sorted(found, key=lambda one: -one[0])

    @property
    def top(self) -> Selection:
        """The choice under the rule that counts most, of those that train something if there is one."""
        first = [blend.members[0] for _, blend in self.rules]
        return next((one for one in first if one.rule.trained), first[0]).selection

    @cached_property
    def alpha(self) -> FloatArray:
        """How much of each source is in the mean, (k,); infinite if it is under the first rule."""
        first = self.top.alpha
        if np.isinf(first).any():
            return first
        # From the first on, so that one that was given is what it is, and has no spread.
        moved = sum(one.share * (one.selection.alpha - first) for one in self.members)
        return np.asarray(first + moved)

    @property
    def covariance(self) -> FloatArray:
        """Covariance of alpha, (k, k): the mean of those of the rules, plus that of their alphas."""
        if len(self.members) == 1 or np.isinf(self.alpha).any():
            return self.top.covariance
        parts = [(one.share, one.selection.covariance, one.selection.alpha) for one in self.members]
        off = [alpha - self.alpha for *_, alpha in parts]
        return np.asarray(sum(q * (own + np.outer(d, d)) for (q, own, _), d in zip(parts, off, strict=True)))

    def joined(self, other: Blend, share: float) -> Blend:
        """The mean of both, with this share of this one."""
        parts = (share, self), (1.0 - share, other)
        members = [replace(one, share=q * one.share) for q, blend in parts for one in blend.members if q > 0]
        return Blend(sorted(members, key=lambda one: -one.share))

    @property
    def left_out(self) -> FloatArray:
        """Leave-one-out scores, (n, K)."""
        return np.asarray(sum(one.share * one.left_out for one in self.members))


class Problem(NamedTuple):
    """What is to be chosen under one rule."""

    rule: Rule
    path: RidgePath
    gammas: Sequence[float]
    alpha: FloatArray | None
    """Given, (k,), or None."""
    criterion: Criterion[Any, Any]

    @property
    def point(self) -> FloatArray | None:
        """(1, alpha), if it is given."""
        return None if self.alpha is None else as_point(self.alpha)


def posterior(problems: Sequence[Problem]) -> list[tuple[float, Rule, Selection]]:
    """The rules of a regression at all ridges that count, each with its probability."""
    evidences = [rule_evidence(one.path, one.gammas, one.point) for one in problems]
    logs = np.log(_prior([one.rule for one in problems])) + POWER * np.array(evidences)
    shares = _without_negligible(softmax(logs))
    found = []
    for i in long_steps(np.flatnonzero(shares).tolist(), "rule"):
        one = problems[i]
        choices, index = one.criterion.decide(one.path, one.gammas, one.point)
        weights = one.criterion.probabilities(choices)
        weights = np.arange(len(choices)) == index if weights is None else _without_negligible(weights)
        for j in np.flatnonzero(weights).tolist():
            chosen = _selection(one.criterion, one.path, choices, j, searched=one.alpha is None)
            found.append((float(shares[i] * weights[j]), one.rule, chosen))
    return found


def source_prior(classes: int) -> float:
    """Of the source alone: one part in K.

    A label of many classes is seldom right by luck, so that a good source shows soon, and few labels cannot
    spoil it.
    """
    return 1.0 / classes


def _prior(rules: Sequence[Rule], classes: int = 2) -> FloatArray:
    """What is not the source's is shared by those that train.

    One part in K of it is for those without an intercept, which keep to all thresholds of the source, and in
    each part every rule has the same.
    """
    alone = source_prior(classes)
    origin = {True: alone, False: 1.0 - alone}
    kinds = [(rule.trained, rule.trained and rule.pseudo is None) for rule in rules]
    all_trained = sum(origin[kind[1]] for kind in set(kinds) if kind[0])
    parts = [(1.0 - alone) * origin[kind[1]] / all_trained if kind[0] else alone for kind in kinds]
    prior = np.array([part / kinds.count(kind) for part, kind in zip(parts, kinds, strict=True)])
    return np.asarray(prior / prior.sum())


def _without_negligible(weights: FloatArray) -> FloatArray:
    kept = np.where(weights < NEGLIGIBLE * weights.max(), 0.0, weights)
    return np.asarray(kept / kept.sum())


def class_shares(
    rules: Sequence[Rule],
    selections: Sequence[Selection],
    labels: FloatArray,
    mass: FloatArray,
    *,
    multilabel: bool = False,
) -> FloatArray:
    """The q of classes, for labels (n, K) -1 and +1 and weights of samples (n,)."""
    scores = [one.fit.left_out(one.best.point) for one in selections]
    if multilabel:
        mass = np.repeat(mass, labels.shape[1])
        labels, scores = labels.reshape(-1, 1), [one.reshape(-1, 1) for one in scores]
    return mixed_shares(_prior(rules, max(labels.shape[1], 2)), scores, labels, mass)


def mixed_shares(
    prior: ArrayLike, scores: Sequence[FloatArray], labels: FloatArray, mass: FloatArray
) -> FloatArray:
    """The q of leave-one-out scores, each (n, K), from prior probabilities of sum 1."""
    fits = [LogLoss.of(one[:, None], labels, mass) for one in scores]
    losses = np.array([fit.losses(np.maximum(fit.minimum, 0.0)) for fit in fits])
    weights = _without_negligible(stacked(SUCCESSION * np.asarray(prior), losses, mass))
    # A rule that is left out needs no scale; one that points the wrong way has no probabilities.
    tried = zip(fits, weights, strict=True)
    units = np.array([w and fit.scale.chance * probability_slope(fit) for fit, w in tried])
    shares = weights * units if units.any() else weights
    return np.asarray(shares / shares.sum())


def probability_slope(scores: LogLoss) -> float:
    """Of the probabilities over the scores, by least squares; 0 if all scores are."""
    lines, mass = scores.lines[:, 0], scores.mass
    centred = lines - lines.mean(axis=1, keepdims=True)
    size = mass @ np.square(centred).sum(axis=1)
    if not size > 0:
        return 0.0
    chances = softmax(scores.scale.mean * lines, axis=1)
    return float(mass @ (chances * centred).sum(axis=1) / size)


def blended(rules: Sequence[Rule], shares: FloatArray, selections: Sequence[Selection]) -> Blend:
    """The mean of what was chosen under each rule."""
    scores = [one.fit.left_out(one.best.point) for one in selections]
    # A limit of large alpha has no size beside finite ones.
    if any(one.best.point[0] == 0 for one in selections):
        shares = np.where(np.arange(len(shares)) == shares.argmax(), shares, 0.0)
    shares = shares / shares.sum()
    members = [Member(*parts) for parts in zip(rules, selections, shares, scores, strict=True)]
    return Blend(sorted((one for one in members if one.share > 0), key=lambda one: -one.share))
