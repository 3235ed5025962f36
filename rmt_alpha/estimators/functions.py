"""What samples say, without an estimator: `alpha_path`, the leave-one-out curve, and `estimate_problem`."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import _get_feature_names, check_X_y

from rmt_alpha._core.checks import unmasked
from rmt_alpha.estimators.labels import encode_labels
from rmt_alpha.estimators.source import Source, SourceModel, resolve_source
from rmt_alpha.estimators.validation import (
    check_gamma,
    check_ridge,
    check_size,
    real_array,
    sample_counts,
)
from rmt_alpha.from_data.alpha_path import AlphaPath
from rmt_alpha.from_data.decomposition.rules import InterceptRule, check_fit_intercept, rules_of
from rmt_alpha.from_data.decomposition.samples import Samples
from rmt_alpha.from_data.plug_in.problem_estimate import ProblemEstimate
from rmt_alpha.from_data.plug_in.sample_geometry import SampleGeometry
from rmt_alpha.from_data.ridge_path import RidgePath


def alpha_path(
    X: ArrayLike,
    y: ArrayLike,
    coef_source: Source,
    gamma: float,
    *,
    intercept_source: ArrayLike = 0.0,
    fit_intercept: InterceptRule = True,
    sample_weight: ArrayLike | None = None,
    direction: ArrayLike | None = None,
    classes_source: ArrayLike | None = None,
) -> AlphaPath:
    r"""Leave-one-out accuracy, risk and Gaussian accuracy for every alpha, from one decomposition.

    .. math:: f_{-i}(x_i) = A_i + \alpha B_i

    The score of sample i by the classifier that was fine-tuned without it is affine in alpha.  So the exact
    leave-one-out accuracy is a step function of alpha whose breakpoints are known, and the risk a parabola.

    How it is computed: :doc:`/from_data/ridge`.

    Parameters
    ----------
    X : array_like of shape (n_samples, n_features)
        Target samples.
    y : array_like of shape (n_samples,)
        Their classes, two or more.
    coef_source : array_like, fitted estimator, or list of them
        The source, or several, as in `AlphaRidgeClassifier`.
    gamma : float
        Ridge per sample, positive: scikit-learn's penalty is ``n_samples * gamma``, and stays so when a
        sample is left out.
    intercept_source : float or array_like
        Intercept of the source, used unless ``fit_intercept`` is True.
    fit_intercept : bool or "shrunk"
        Whether to fit an unpenalised intercept, or one that is penalised, as in `AlphaRidgeClassifierCV`.
    sample_weight : array_like of shape (n_samples,), optional
        How many samples each row stands for.
    direction : array_like of shape (k,), optional
        With several sources, the proportions in which they are mixed; the path is along alpha times it.
    classes_source : array_like, optional
        The classes of the source's rows, as in `AlphaRidgeClassifierCV`.  The path is that of the classes
        that occur.

    Returns
    -------
    AlphaPath
        Callable curves, breakpoints, and the best alpha by every criterion.

    Raises
    ------
    ValueError
        If the data are refused, as by `AlphaRidgeClassifier`, or several sources have no direction.

    See Also
    --------
    plot_alpha_path : Draws it.
    estimate_problem : What the theory predicts for the same data.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> mean = np.ones(100) / 8
    >>> y = np.repeat(["cat", "dog"], 20)
    >>> X = np.where(y == "dog", 1, -1)[:, None] * mean + rng.standard_normal((40, 100))
    >>> path = alpha_path(X, y, mean, gamma=1.0)
    >>> print(path.loo_accuracy(0), path.loo_accuracy(1))
    0.825 0.9
    >>> alpha, stderr = path.best_alpha("evidence")
    >>> print(f"{alpha:.2f} +- {stderr:.2f}, accuracy {path.loo_accuracy(alpha):.3f}")
    0.38 +- 0.05, accuracy 0.875
    """
    gamma = check_gamma("gamma", gamma)
    X, y = unmasked("X", X), unmasked("y", y)
    features, own = check_X_y(X, y, accept_sparse="csr", dtype=np.float64, ensure_min_samples=2)
    check_size("X", features)
    counts = sample_counts(sample_weight, features)
    classes, labels = encode_labels(own, counts, "alpha_path")
    there = counts > 0
    features, labels, counts = features[there], labels[there], counts[there]
    outputs, p = labels.shape[1], features.shape[1]
    source = resolve_source(
        coef_source,
        intercept_source,
        outputs=outputs,
        features=p,
        names=_get_feature_names(X),
        classes=classes,
        classes_source=classes_source,
    )
    if source.match is not None:
        labels = source.match.columns(labels)
    source = _one_source(source, direction)
    samples = Samples.of(features, counts)
    rule, *others = rules_of(fit_intercept, "raw", samples)
    if others:
        raise ValueError("fit_intercept must be True, False or 'shrunk', got 'auto': a path has one rule")
    scores = source.scores(features, intercept=rule.pseudo != 0)
    path = RidgePath.of(samples, rule, labels, scores)
    check_ridge("gamma", gamma, path.design)
    return AlphaPath(path.at(gamma), features, source.weights)


def _one_source(source: SourceModel, direction: ArrayLike | None) -> SourceModel:
    """The source, or the sources in the given proportions."""
    if source.count == 0:
        raise ValueError("coef_source must be given: without a source there is no alpha")
    if direction is None:
        if source.count > 1:
            raise ValueError(
                f"coef_source holds {source.count} sources: give the direction in which to mix them, such as "
                "the alpha_ of a fitted AlphaRidgeClassifierCV"
            )
        return source
    expected = f"hold {source.count} finite number{'s' if source.count > 1 else ''}"
    vector = real_array("direction", direction, expected)
    if vector.shape != (source.count,):
        raise ValueError(f"direction must {expected}, got {direction!r}")
    weights, intercepts = source.mixed(vector)
    return SourceModel(weights[None], intercepts[None], True)


def estimate_problem(
    X: ArrayLike,
    y: ArrayLike,
    coef_source: Source,
    *,
    intercept_source: ArrayLike = 0.0,
    fit_intercept: InterceptRule = True,
    classes_source: ArrayLike | None = None,
) -> ProblemEstimate:
    r"""Estimate from data everything that the theory of fine-tuning asks for, with standard errors.

    .. math:: \widehat{\lVert\mu\rVert^2} = \lVert\hat\mu\rVert^2 - \frac14 \sum_c \frac{\operatorname{tr}
        \hat C_c}{n_c}, \qquad \widehat{\langle\tilde w, \mu\rangle} = \langle\tilde w, \hat\mu\rangle,
        \qquad \hat\mu = \frac{\bar x_+ - \bar x_-}{2}

    What it estimates, and how well: :doc:`/from_data/ridge`.

    Parameters
    ----------
    X : array_like of shape (n_samples, n_features)
        Target samples.
    y : array_like of shape (n_samples,)
        Their classes, two, with at least two samples each.
    coef_source : array_like of shape (n_features,), or fitted estimator
        The source.
    intercept_source : float or array_like
        Intercept of the source, used unless ``fit_intercept`` is True.
    fit_intercept : bool or "shrunk"
        True or "shrunk": the classes may lie anywhere.  False: they lie at -mu and +mu around 0, and the
        estimates are those of one mean, (1/n) sum y x.
    classes_source : array_like, optional
        The classes of the source's rows, as in `AlphaRidgeClassifierCV`; those of the samples count.

    Returns
    -------
    ProblemEstimate
        Numbers with standard errors; ``curve(gamma, n)`` is the predicted law for any alpha, any ridge and
        any number of samples, ``accuracy(alpha, gamma, n)`` one accuracy with its error, and
        ``check(gamma)`` says whether Gaussian classes alone would have predicted the scores.

    Raises
    ------
    ValueError
        If there are more than two classes, fewer than two samples of one, several sources, or bad data.

    See Also
    --------
    alpha_path : The leave-one-out curve of the same data, to be laid over it.

    Notes
    -----
    Means, overlaps and spectral moments are unbiased for any covariance that both classes share.  The curve
    is that of the leave-one-out scores: theory only carries it to other ridges and sample sizes, so that it
    need not know how mu lies in the spectrum (:doc:`/from_data/ridge`).

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> mean = np.ones(400) / 20
    >>> y = np.repeat([-1, 1], 100)
    >>> X = y[:, None] * mean + rng.standard_normal((200, 400))
    >>> source = mean + rng.standard_normal(400) / 20
    >>> estimate = estimate_problem(X, y, source)
    >>> print(estimate.mean_norm2, estimate.overlap, sep="; ")
    0.8974 +- 0.2; 0.9485 +- 0.097
    >>> curve = estimate.curve(gamma=1.0)
    >>> print(
    ...     f"{curve.optimal_alpha():.2f} {curve.accuracy(curve.optimal_alpha()):.3f}"
    ... )
    0.45 0.746
    """
    rule = check_fit_intercept(fit_intercept)
    X, y = unmasked("X", X), unmasked("y", y)
    features, own = check_X_y(X, y, dtype=np.float64, ensure_min_samples=2)
    check_size("X", features)
    n, p = features.shape
    counts = np.ones(n)
    classes, labels = encode_labels(own, counts, "estimate_problem")
    if len(classes) > 2:
        raise ValueError(f"estimate_problem is for two classes, got {len(classes)}")
    source = resolve_source(
        coef_source,
        intercept_source,
        outputs=1,
        features=p,
        names=_get_feature_names(X),
        classes=classes,
        classes_source=classes_source,
        keep=False,
    )
    if source.count != 1:
        raise ValueError(f"coef_source must hold one source, got {source.count}")
    sample = features, labels[:, 0], source.weights[:, 0], counts
    geometry = SampleGeometry.from_samples(*sample, centred=not rule)
    scores = source.scores(features, intercept=rule is not True)[0, :, 0]
    return ProblemEstimate(geometry, float(n), p, rule, features, labels[:, 0], scores)
