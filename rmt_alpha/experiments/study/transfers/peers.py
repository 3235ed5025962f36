r"""Those whom the default has to beat: the source, scikit-learn on the target, and what else a user may try.

None of them is given anything but the samples, the source model and, for `pooled`, the source's rows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import sparse

from rmt_alpha._core.types import FloatArray
from rmt_alpha.experiments.study.transfers.draws import Draw
from rmt_alpha.experiments.study.transfers.families import RIDGES

STRENGTHS = np.logspace(-4, 4, 9)
"""Inverse penalties C that the logistic regression on the target chooses from."""
FOLDS = 5
NEWTON = 500
"""Up to so many parameters, Newton's method is faster than L-BFGS; both end at the same minimum."""


def source(draw: Draw) -> FloatArray:
    """The source model as it is."""
    return np.asarray(draw.data.model.predict(draw.data.target[draw.test_rows]))


def ridge_target(draw: Draw) -> FloatArray:
    """`RidgeClassifierCV` or `RidgeCV` on the samples alone, with `RIDGES`."""
    train, test = draw.rotated
    return np.asarray(_ridge_cv(draw).fit(train, draw.labels).predict(test))


def logistic_target(draw: Draw) -> FloatArray:
    """Logistic regression on the samples alone; C by cross-validated log loss, else 1.

    The folds are stratified, `FOLDS` of them or as many as the smallest class has samples; a class with one
    leaves no choice.
    """
    from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
    from sklearn.model_selection import StratifiedKFold

    train, test = draw.rotated
    _, counts = np.unique(draw.labels, return_counts=True)
    parameters = train.shape[1] * (len(counts) if len(counts) > 2 else 1)
    options: dict[str, Any] = {
        "solver": "newton-cholesky" if parameters <= NEWTON else "lbfgs",
        "max_iter": 1000,
    }
    if counts.min() < 2:
        model = LogisticRegression(**options)
    else:
        model = LogisticRegressionCV(
            Cs=STRENGTHS,
            cv=StratifiedKFold(min(FOLDS, int(counts.min()))),
            l1_ratios=(0,),
            scoring="neg_log_loss",
            use_legacy_attributes=False,
            **options,
        )
    return np.asarray(model.fit(train, draw.labels).predict(test))


def adapt(draw: Draw) -> FloatArray:
    r"""The package adapt's `RegularTransferLC` (`RegularTransferLR` for a regression), lambda = 1.

    .. math:: \beta = \beta_s + A^\top (A A^\top + \lambda^2 I)^{-1} (y - A \beta_s), \qquad A = (1, X)

    for every column y of labels +1 and -1 (one-vs-rest for more than two classes), with the source's
    intercept and weights :math:`\beta_s`: ``scipy.sparse.linalg.lsqr(A, y, damp=lambda, x0=beta_s)`` in
    adapt 0.4, here solved exactly.
    """
    model = draw.data.model
    known = np.column_stack([np.ravel(model.intercept_), np.atleast_2d(model.coef_)])
    columns = np.column_stack([np.ones(len(draw.train)), draw.train])
    targets = draw.labels[:, None]
    if draw.family.kind != "regression":
        kinds = model.classes_[1:] if len(model.classes_) == 2 else model.classes_
        targets = np.where(targets == kinds, 1.0, -1.0)
    gram = columns @ columns.T + np.eye(len(columns))
    found = known.T + columns.T @ np.linalg.solve(gram, targets - columns @ known.T)
    scores = found[0] + draw.test @ found[1:]
    if draw.family.kind == "regression":
        return np.asarray(scores[:, 0])
    chosen = scores.argmax(axis=1) if scores.shape[1] > 1 else (scores[:, 0] > 0).astype(int)
    return np.asarray(model.classes_[chosen])


def score_alone(draw: Draw) -> FloatArray:
    """`LogisticRegression`, or `LinearRegression`, with the source's scores as its only features."""
    from sklearn.linear_model import LinearRegression, LogisticRegression

    train, test = draw.source_scores
    regression = draw.family.kind == "regression"
    model = LinearRegression() if regression else LogisticRegression(max_iter=1000)
    return np.asarray(model.fit(train, draw.labels).predict(test))


def score_feature(draw: Draw) -> FloatArray:
    """`ridge_target` with the source's scores as further features."""
    train, test = (np.column_stack(pair) for pair in zip(draw.rotated, draw.source_scores, strict=True))
    return np.asarray(_ridge_cv(draw).fit(train, draw.labels).predict(test))


def pooled(draw: Draw) -> FloatArray:
    """The source's own estimator, with the penalty that it has, on the source's rows and the samples."""
    features = (draw.data.source, draw.data.target[draw.train_rows])
    both = sparse.vstack(features) if sparse.issparse(features[0]) else np.concatenate(features)
    labels = np.concatenate([draw.data.source_labels, draw.labels])
    return np.asarray(_refit(draw.data.model).fit(both, labels).predict(draw.data.target[draw.test_rows]))


def _ridge_cv(draw: Draw) -> Any:
    from sklearn.linear_model import RidgeClassifierCV, RidgeCV

    return RidgeCV(RIDGES) if draw.family.kind == "regression" else RidgeClassifierCV(RIDGES)


def _refit(model: Any) -> Any:
    """An unfitted copy; what chose its penalty keeps to it."""
    from sklearn.base import clone
    from sklearn.linear_model import Ridge, RidgeClassifier, RidgeClassifierCV, RidgeCV

    for chooser, plain in ((RidgeClassifierCV, RidgeClassifier), (RidgeCV, Ridge)):
        if isinstance(model, chooser):
            return plain(alpha=model.alpha_)
    return clone(model)


PEERS: dict[str, Callable[[Draw], FloatArray]] = {
    peer.__name__: peer
    for peer in (source, ridge_target, logistic_target, adapt, score_alone, score_feature, pooled)
}
CLASSES_ONLY = ("logistic_target",)
BASELINES = ("source", "ridge_target", "logistic_target")
"""The better of these, by its mean over the draws of a cell, is what the default is judged against."""
