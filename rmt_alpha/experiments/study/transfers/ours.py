"""Estimators of this package as users call them, by public arguments alone: a new default is taken up.

Whoever has an estimator to judge gives it as a `Candidate`: unfitted and without a source, or a function of
the draw that returns predictions for the test rows.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, get_args

import numpy as np

from rmt_alpha._core.types import FloatArray
from rmt_alpha.estimators.logistic import AlphaLogisticRegressionCV
from rmt_alpha.estimators.ridge import AlphaRidgeCV
from rmt_alpha.estimators.ridge_classifier import AlphaRidgeClassifierCV
from rmt_alpha.experiments.study.transfers.draws import Draw
from rmt_alpha.experiments.study.transfers.families import KINDS
from rmt_alpha.experiments.study.transfers.gift import GIFT_METHODS
from rmt_alpha.experiments.study.transfers.hindsight import BOUNDS
from rmt_alpha.experiments.study.transfers.peers import CLASSES_ONLY, PEERS
from rmt_alpha.from_data.decomposition.rules import InterceptRule

Candidate = Any
"""An unfitted estimator with the parameter ``coef_source``, or a function of a `Draw`."""
DEFAULT = "default"
LOGISTIC = "alpha_logistic"
"""Left out unless it is asked for: it takes longer than all others together."""
FIXED = {"alpha_0_tuned": 0.0, "alpha_1_tuned": 1.0}
"""Alpha held there, the ridge chosen by the default's criterion."""
CRITERIA = ("evidence", "loo_mse")
PLAIN = "one_vs_rest"
"""The default without the discriminant of its scores, which two classes do not have."""


class OneVsRest(AlphaRidgeClassifierCV):
    """The mean over rules as it is."""

    _discriminates = False


def estimator(kind: str, **options: Any) -> Candidate:
    """`AlphaRidgeClassifierCV`, or for a regression `AlphaRidgeCV`, with these options."""
    if kind != "regression":
        return AlphaRidgeClassifierCV(**options)
    return AlphaRidgeCV(**options)


def intercept_rules() -> tuple[bool | str, ...]:
    """Every value of ``fit_intercept`` that the estimators name: True, False, and words.

    Examples
    --------
    >>> set(intercept_rules()) >= {True, False}
    True
    """
    words = [value for part in get_args(InterceptRule) for value in get_args(part) if isinstance(value, str)]
    return (True, False, *words)


def candidates_of(kind: str) -> dict[str, Candidate]:
    """Everything of this package that competes in a family of that kind, the logistic estimator too.

    A criterion or intercept that the default has already is there a second time under its own name.
    """
    found: dict[str, Candidate] = {DEFAULT: estimator(kind)}
    found |= {name: estimator(kind, alpha=alpha) for name, alpha in FIXED.items()}
    found |= {name: estimator(kind, criterion=name) for name in CRITERIA}
    others = [rule for rule in intercept_rules() if rule != found[DEFAULT].fit_intercept]
    found |= {f"intercept_{rule}".lower(): estimator(kind, fit_intercept=rule) for rule in others}
    if kind == KINDS[1]:
        found[PLAIN] = OneVsRest()
    if kind != "regression":
        found[LOGISTIC] = AlphaLogisticRegressionCV()
    return found


def method_names(kind: str, *, logistic: bool = False) -> tuple[str, ...]:
    """All methods of a family of that kind; the logistic estimator only if asked for."""
    ours = [name for name in candidates_of(kind) if logistic or name != LOGISTIC]
    return (*ours, *(name for name in PEERS if kind != "regression" or name not in CLASSES_ONLY))


EVERY_METHOD = (
    *dict.fromkeys(name for kind in KINDS for name in method_names(kind, logistic=True)),
    *BOUNDS,
    *GIFT_METHODS,
)
"""Of any kind, in the order of the tables."""
BY_OTHER_ROWS = frozenset([*BOUNDS, *GIFT_METHODS])
"""Those that choose by rows that nobody has."""


def is_ours(name: str) -> bool:
    """Whether a method is one of this package, whose result changes with its defaults."""
    return name not in PEERS and name not in BY_OTHER_ROWS


def score(draw: Draw, name: str, candidates: Mapping[str, Candidate] | None = None) -> float:
    """Accuracy or R^2 of a method on a draw, or of a candidate of that name.

    Warnings of few samples and missing classes are the daily bread of these draws and are not shown.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if name in GIFT_METHODS:
            return GIFT_METHODS[name](draw)
        return draw.scored(_predictions(draw, name, candidates or {}))


def _predictions(draw: Draw, name: str, candidates: Mapping[str, Candidate]) -> FloatArray:
    if name not in candidates and name in PEERS | BOUNDS:
        return (PEERS | BOUNDS)[name](draw)
    candidate = candidates[name] if name in candidates else candidates_of(draw.family.kind)[name]
    if not hasattr(candidate, "fit"):
        return np.asarray(candidate(draw))
    options = candidate.get_params(deep=False)
    fresh = type(candidate)(**{**options, "coef_source": draw.data.model})
    features = draw.data.target
    fresh.fit(features[draw.train_rows], draw.labels)
    return np.asarray(fresh.predict(features[draw.test_rows]))
