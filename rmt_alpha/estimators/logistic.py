"""`AlphaLogisticRegression`: logistic regression fine-tuned from a rescaled source, at one ridge."""

from __future__ import annotations

from typing import Any, Self

from rmt_alpha.estimators.base import AlphaLogisticBase
from rmt_alpha.estimators.ridge_classifier import cv_results
from rmt_alpha.estimators.validation import GAMMAS, check_gamma, check_gammas
from rmt_alpha.from_data.criteria.convex_loss import DEFAULT
from rmt_alpha.from_data.design import Design


class AlphaLogisticRegression(AlphaLogisticBase):
    r"""Logistic regression fine-tuned from alpha times a source, with alpha given or chosen from the data.

    .. math:: w, b = \arg\min_{w, b} \frac1n \sum_i \ell(y_i, w^\top x_i + b)
        + \frac\gamma2 \Big\lVert w - \sum_k \alpha_k \tilde w_k \Big\rVert^2

    with cross-entropy: :math:`\ell = \log(1 + e^{-y z})` on labels -1 and +1 for two classes, softmax (one
    joint problem, not one-vs-rest) for more.  alpha = 0 is scikit-learn's
    ``LogisticRegression(C=1 / (n * gamma))``, alpha = 1 is standard fine-tuning.

    Parameters
    ----------
    gamma : float, default=1.0
        Ridge **per sample**, positive; scikit-learn's ``C`` is ``1 / (n * gamma)``.  ``inf`` trains nothing
        but the intercept.
    alpha : "auto", float or array_like of shape (k,), default="auto"
        How much of the source to keep, finite.  "auto" asks ``criterion``.  Of a source that was trained by
        another loss, 1 means little: scores of a ridge classifier are shorter than log-odds.
    coef_source : None, array_like, fitted estimator, or list of fitted estimators, default=None
        Source weights: shape (p,) for two classes, (K, p) for more; for k sources (k, p) or (k, K, p), which
        make alpha a vector.  Or a fitted linear model, or a list of them; wrap it in
        ``sklearn.frozen.FrozenEstimator`` wherever the estimator may be cloned (pipelines, grid search).
        None is no source.
    intercept_source : float or array_like, default=0.0
        Intercepts of a source given as an array.  alpha scales them too.  If ``fit_intercept`` is True they
        make no difference, because the intercept is trained without penalty.
    fit_intercept : bool or "shrunk", default=True
        True trains an intercept without penalty.  "shrunk" trains a change of alpha times the source's
        intercept, with the penalty of the weight of one more feature, constant and as large as sqrt(3)
        times the features' mean standard deviation, beside features that are centred by their mean, shrunk
        to 0 as James and Stein do.  False trains none: the intercept is alpha times that of the source.
    criterion : str, default="consensus"
        How alpha is chosen, as in `AlphaLogisticRegressionCV`.

    Attributes
    ----------
    coef_ : ndarray of shape (1, p) or (K, p)
        Fine-tuned weights.
    intercept_ : ndarray of shape (1,) or (K,)
        Intercept.
    alpha_ : float or ndarray of shape (k,)
        The alpha used; 0 without a source.
    alpha_stderr_ : float or ndarray of shape (k,)
        Its standard error over draws of the data at this ridge; 0 if alpha was given.
    gamma_ : float
        The ridge, ``gamma``.
    best_score_ : float
        Value of the criterion.
    loo_decision_function_ : ndarray of shape (n,) or (n, K)
        Approximate scores of the training samples, each by the classifier trained without it with the same
        alpha and penalty ``n * gamma``.
    classes_ : ndarray of shape (K,)
        Class labels.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of str
        Names of the features, if X had any.

    Raises
    ------
    ValueError
        If the data, the source, ``alpha``, ``gamma`` or ``criterion`` are refused; alpha must be finite.

    See Also
    --------
    AlphaLogisticRegressionCV : Chooses the ridge, too.
    AlphaRidgeClassifier : The same with squared loss, exact leave-one-out and closed forms.

    Notes
    -----
    The minimum is found by Newton's method in the span of the samples, and never a p x p matrix.
    ``sample_weight`` counts, as in `AlphaRidgeClassifier`.  See docs/logistic.md for derivations.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> source = np.ones(100) / 8
    >>> y = np.repeat(["cat", "dog"], 20)
    >>> X = np.where(y == "dog", 1, -1)[:, None] * source + rng.standard_normal(
    ...     (40, 100)
    ... )
    >>> model = AlphaLogisticRegression(gamma=1.0, coef_source=source).fit(X, y)
    >>> print(f"alpha = {model.alpha_:.2f} +- {model.alpha_stderr_:.2f}")
    alpha = 2.32 +- 0.23
    >>> model.predict_proba(X[:2]).round(2)
    array([[0.83, 0.17],
           [0.99, 0.01]])
    """

    def __init__(
        self,
        gamma: float = 1.0,
        alpha: Any = "auto",
        coef_source: Any = None,
        intercept_source: Any = 0.0,
        fit_intercept: bool | str = True,
        *,
        criterion: str = DEFAULT,
    ) -> None:
        self.gamma = gamma
        self.alpha = alpha
        self.coef_source = coef_source
        self.intercept_source = intercept_source
        self.fit_intercept = fit_intercept
        self.criterion = criterion

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fine-tune on target samples.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            Target samples.
        y : array_like of shape (n_samples,)
            Their classes.
        sample_weight : array_like of shape (n_samples,), optional
            How many samples each row stands for.

        Returns
        -------
        self : AlphaLogisticRegression
            Fitted.
        """
        features, labels, counts = self._validated(X, y, sample_weight)
        source = self._source(labels.shape[1], self.classes_)
        _, *fitted = self._fit(features, labels, counts, source)
        self._finish(*fitted)
        return self

    def _ridges(self, design: Design) -> list[float]:
        return [check_gamma("gamma", self.gamma)]


class AlphaLogisticRegressionCV(AlphaLogisticBase):
    r"""Logistic regression fine-tuned from a rescaled source; alpha and the ridge are chosen from the data.

    .. math:: w, b = \arg\min_{w, b} \frac1n \sum_i \ell(y_i, w^\top x_i + b)
        + \frac\gamma2 \Big\lVert w - \sum_k \alpha_k \tilde w_k \Big\rVert^2

    with cross-entropy, logistic for two classes and softmax for more.  Every fit gives its leave-one-out
    scores, without refitting:

    .. math:: z_{-i} = z_i + \frac{h_i\, \ell'_i}{1 - h_i\, \ell''_i}, \qquad
        h_i = \frac1n x_i^\top \Big(\frac1n X^\top \mathrm{diag}(\ell'') X + \gamma I\Big)^{-1} x_i

    (Rad and Maleki, arXiv 1801.10243), matrices for softmax.

    Parameters
    ----------
    gammas : array_like of shape (g,), optional
        Ridges **per sample** to choose from (scikit-learn's ``C`` is ``1 / (n * gamma)``), positive; ``inf``
        keeps to alpha times the source and trains nothing but the intercept.  By default 17 over eight
        decades around the mean positive eigenvalue of the sample covariance, and ``inf``.
    criterion : str, default="consensus"
        How to choose alpha and the ridge.

        - ``"consensus"``: the mean of the next two.  From few samples to many.
        - ``"evidence"``: largest marginal likelihood, by Laplace's approximation.  Few samples.
        - ``"loo_log_loss"``: least approximate leave-one-out log-loss.  Hundreds of samples.
        - ``"loo_accuracy"``: largest approximate leave-one-out accuracy along the line of alphas from 0
          through that of least log-loss.  Many samples.

        The search has a weak prior of alpha, by which the scores of the source are log-odds of size 2.5.  It
        pulls alpha to 0, which is the answer where the data are silent, and keeps it finite where the source
        separates them.
    coef_source : None, array_like, fitted estimator, or list of fitted estimators, default=None
        Source weights: shape (p,) for two classes, (K, p) for more; for k sources (k, p) or (k, K, p), which
        make alpha a vector.  Or a fitted linear model, or a list of them; wrap it in
        ``sklearn.frozen.FrozenEstimator`` wherever the estimator may be cloned (pipelines, grid search).
        None is no source.
    intercept_source : float or array_like, default=0.0
        Intercepts of a source given as an array.  alpha scales them too.  If ``fit_intercept`` is True they
        make no difference, because the intercept is trained without penalty.
    fit_intercept : bool or "shrunk", default="shrunk"
        True trains an intercept without penalty.  "shrunk" trains a change of alpha times the source's
        intercept, with the penalty of the weight of one more feature, constant and as large as sqrt(3)
        times the features' mean standard deviation, beside features that are centred by their mean, shrunk
        to 0 as James and Stein do.  False trains none: the intercept is alpha times that of the source.
    alpha : "auto", float or array_like of shape (k,), default="auto"
        A number holds alpha there and chooses the ridge alone.

    Attributes
    ----------
    coef_ : ndarray of shape (1, p) or (K, p)
        Fine-tuned weights.
    intercept_ : ndarray of shape (1,) or (K,)
        Intercept.
    alpha_ : float or ndarray of shape (k,)
        The alpha chosen; 0 without a source.
    alpha_stderr_ : float or ndarray of shape (k,)
        Its standard error over draws of the data at the chosen ridge (jackknife).
    gamma_ : float
        The ridge chosen.
    best_score_ : float
        The criterion there; larger is better.  Minus the mean log-loss, the accuracy, or the logarithm of the
        marginal likelihood up to a constant (for the consensus, its mean with minus the sum of log-losses).
    best_index_ : int
        Its place in ``cv_results_``.
    cv_results_ : dict of ndarray of shape (g,)
        For each ridge, with the keys of ``GridSearchCV``: ``params``, ``param_gamma``, ``mean_test_score``
        (the criterion), ``rank_test_score``; and ``alpha``, the best one there.
    loo_decision_function_ : ndarray of shape (n,) or (n, K)
        Approximate scores of the training samples, each by the classifier trained without it with the chosen
        alpha and penalty ``n * gamma``.
    classes_ : ndarray of shape (K,)
        Class labels.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of str
        Names of the features, if X had any.

    Raises
    ------
    ValueError
        If the data, the source, ``alpha``, ``gammas`` or ``criterion`` are refused; alpha must be finite.

    See Also
    --------
    AlphaLogisticRegression : At a given ridge.
    AlphaRidgeClassifierCV : The same with squared loss, exact leave-one-out and closed forms.

    Notes
    -----
    ``sample_weight`` counts, as in `AlphaRidgeClassifierCV`.  Among ridges of equal score the largest is
    taken.  See docs/logistic.md for derivations.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> mean = np.ones(200) / 10
    >>> source = mean + 0.1 * rng.standard_normal(200)
    >>> y = np.repeat([0, 1], 20)
    >>> X = np.where(y, 1, -1)[:, None] * mean + rng.standard_normal((40, 200))
    >>> model = AlphaLogisticRegressionCV(coef_source=source).fit(X, y)
    >>> print(
    ...     f"alpha = {model.alpha_:.2f} +- {model.alpha_stderr_:.2f} at gamma = {model.gamma_:.2g}"
    ... )
    alpha = 1.19 +- 0.24 at gamma = 5.1
    >>> print(
    ...     f"leave-one-out accuracy {np.mean((model.loo_decision_function_ > 0) == y):.3f}"
    ... )
    leave-one-out accuracy 0.900
    """

    def __init__(
        self,
        gammas: Any = None,
        criterion: str = DEFAULT,
        coef_source: Any = None,
        intercept_source: Any = 0.0,
        fit_intercept: bool | str = "shrunk",
        *,
        alpha: Any = "auto",
    ) -> None:
        self.gammas = gammas
        self.criterion = criterion
        self.coef_source = coef_source
        self.intercept_source = intercept_source
        self.fit_intercept = fit_intercept
        self.alpha = alpha

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Choose alpha and the ridge, and fine-tune on all target samples.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            Target samples.
        y : array_like of shape (n_samples,)
            Their classes.
        sample_weight : array_like of shape (n_samples,), optional
            How many samples each row stands for.

        Returns
        -------
        self : AlphaLogisticRegressionCV
            Fitted.
        """
        features, labels, counts = self._validated(X, y, sample_weight)
        source = self._source(labels.shape[1], self.classes_)
        selection, *fitted = self._fit(features, labels, counts, source)
        self._finish(*fitted)
        self.best_index_ = selection.index
        self.cv_results_ = cv_results(selection, source.single)
        return self

    def _ridges(self, design: Design) -> Any:
        return check_gammas(self.gammas, design, GAMMAS[::2])
