"""What is compared, on one split: the criteria of this package, fixed choices, and scikit-learn's baselines.

The criteria share one decomposition; each gives what `rmt_alpha.AlphaRidgeClassifierCV` gives (a test
compares them).  All classifiers go without an intercept, see `rmt_alpha.study.protocols`, but for
``consensus_intercept``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from rmt_alpha.from_data.criteria import CRITERIA, DEFAULT, find_criterion
from rmt_alpha.from_data.design import Design
from rmt_alpha.from_data.points import as_point
from rmt_alpha.from_data.ridge_path import RidgeFit, RidgePath
from rmt_alpha.study.protocols import Split

Array = NDArray[np.float64]

FIXED = {"alpha_0": 0.0, "alpha_1": 1.0, "oracle": math.nan}
"""Fixed alpha at gamma = 1; that of the oracle comes from outside."""
USES = ("target", "feature", "pooled")
BASELINES = tuple(f"{kind}_{use}" for kind in ("ridge", "logistic") for use in USES)
"""Of scikit-learn: target samples alone; with the source's score as a further feature; with the source's."""
METHODS = ("source", *FIXED, *CRITERIA, f"{DEFAULT}_intercept", *BASELINES)
GAMMA = 1.0
PENALTIES = np.logspace(-1, 5, 19)
"""Ridge penalties for scikit-learn (not per sample)."""
STRENGTHS = np.logspace(-4, 0, 5)
"""Inverse penalties C of the logistic regressions."""


def accuracies(
    split: Split, source: Array, alpha: float, pooled: tuple[Array, Array] | None = None
) -> dict[str, float]:
    """Test accuracy of every method on one split, as fractions.

    Parameters
    ----------
    split : Split
    source : ndarray of shape (p,)
        Weights of the source classifier.
    alpha : float
        The oracle's.
    pooled : (features, labels) of the source, optional
        With it the baselines run as well, which take most of the time.
    """
    right = split.test_labels > 0
    return {
        name: float(np.mean((scores > 0) == right)) for name, scores in _scores(split, source, alpha, pooled)
    }


def _scores(
    split: Split, source: Array, alpha: float, pooled: tuple[Array, Array] | None
) -> Iterator[tuple[str, Array]]:
    own = split.train @ source
    test_own = split.test @ source
    yield "source", test_own
    for intercept in (False, True):
        design = Design.from_features(split.train, fit_intercept=intercept)
        path = RidgePath.from_scores(design, split.labels[:, None], own[None, :, None])
        projected = split.test @ design.right.T
        if not intercept:
            for name, value in FIXED.items():
                fixed = alpha if name == "oracle" else value
                yield name, _predict(path.at(GAMMA), as_point(np.array(fixed)), projected, test_own)
        for name in (DEFAULT,) if intercept else CRITERIA:
            criterion = find_criterion(name).prepared(path, split.train, source[None, None])
            choices, index = criterion.decide(path, default_gammas(design))
            best = choices[index]
            label = f"{name}_intercept" if intercept else name
            yield label, _predict(path.at(best.gamma), best.point, projected, test_own)
    if pooled is not None:
        yield from _scikit_learn(split, own, test_own, pooled)


def default_gammas(design: Design) -> list[float]:
    """The default grid of `AlphaRidgeClassifierCV`."""
    from rmt_alpha.estimators.validation import check_gammas

    return list(check_gammas(None, design))


def _predict(fit: RidgeFit, point: Array, projected: Array, test_own: Array) -> Array:
    """Scores of the test rows, their coordinates ``projected`` on the right vectors of the training rows."""
    weights, intercept = fit.correction(point)
    learned = projected @ (fit.path.design.right @ weights[0])
    return np.asarray(learned + intercept[0] + point[1] * test_own)


def _scikit_learn(
    split: Split, own: Array, test_own: Array, pooled: tuple[Array, Array]
) -> Iterator[tuple[str, Array]]:
    from sklearn.linear_model import LogisticRegressionCV, RidgeClassifierCV
    from sklearn.model_selection import StratifiedKFold

    def ridge(features: Array, labels: Array, test: Array) -> Array:
        model = RidgeClassifierCV(PENALTIES, fit_intercept=False).fit(features, labels)
        return np.asarray(model.decision_function(test))

    def logistic(features: Array, labels: Array, test: Array) -> Array:
        smallest = int(min(np.sum(labels > 0), np.sum(labels < 0)))
        if smallest < 2:
            return np.full(len(test), labels.mean())
        model = LogisticRegressionCV(
            Cs=STRENGTHS,
            cv=StratifiedKFold(min(3, smallest)),
            fit_intercept=False,
            l1_ratios=(0,),
            scoring="neg_log_loss",
            use_legacy_attributes=False,
            max_iter=1000,
        ).fit(features, labels)
        return np.asarray(model.decision_function(test))

    extended, test_extended = np.column_stack([split.train, own]), np.column_stack([split.test, test_own])
    both = np.concatenate([pooled[0], split.train]), np.concatenate([pooled[1], split.labels])
    for name, train in (("ridge", ridge), ("logistic", logistic)):
        yield f"{name}_target", train(split.train, split.labels, split.test)
        yield f"{name}_feature", train(extended, split.labels, test_extended)
        yield f"{name}_pooled", train(*both, split.test)
