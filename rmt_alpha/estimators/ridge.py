"""Ridge regression that is fine-tuned from a rescaled source: at one ridge, and with the ridge chosen."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import MultiOutputMixin, RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from rmt_alpha._core.checks import unmasked
from rmt_alpha._core.types import FloatArray
from rmt_alpha.estimators.base import AlphaEstimator, OneRidge, RidgeGrid
from rmt_alpha.estimators.source import Source
from rmt_alpha.estimators.validation import FLOATS, Alpha, check_size, in_precision, sample_counts
from rmt_alpha.from_data.criteria import DEFAULT_REGRESSION, REGRESSION_CRITERIA
from rmt_alpha.from_data.decomposition.rules import InterceptRule, Units


class AlphaRegressor(MultiOutputMixin, RegressorMixin, AlphaEstimator):  # type: ignore[misc]
    """Targets in, linear predictions out."""

    coef_: FloatArray
    intercept_: float | FloatArray
    loo_prediction_: FloatArray

    _criteria = REGRESSION_CRITERIA
    _default = DEFAULT_REGRESSION
    classes_source = None

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fine-tune on target samples, and choose what was not given: alpha, the ridge, or both.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            Target samples.
        y : array_like of shape (n_samples,) or (n_samples, d)
            Their targets.
        sample_weight : array_like of shape (n_samples,), optional
            How many samples each row stands for.

        Returns
        -------
        self
            Fitted.
        """
        given, own = validate_data(
            self,
            unmasked("X", X),
            unmasked("y", y),
            accept_sparse="csr",
            dtype=FLOATS,
            multi_output=True,
            y_numeric=True,
            ensure_min_samples=2,
        )
        features = given.astype(np.float64, copy=False)
        targets = np.asarray(own, dtype=np.float64)
        check_size("X", features)
        check_size("y", targets)
        flat = targets.ndim == 1
        targets = targets[:, None] if flat else targets
        source = self._source(targets.shape[1])
        parts = self._fit(features, targets, sample_counts(sample_weight, features), source)
        weights, intercept, left_out = in_precision(given.dtype, *parts)
        self.coef_ = weights[0] if flat else weights
        self.intercept_ = float(intercept[0]) if flat else intercept
        self.loo_prediction_ = left_out[:, 0] if flat else left_out
        return self

    def predict(self, X: ArrayLike) -> FloatArray:
        """Predicted targets, (n,) or (n, d), of samples (n, p)."""
        check_is_fitted(self)
        features = validate_data(self, unmasked("X", X), accept_sparse="csr", dtype=FLOATS, reset=False)
        return np.asarray(features @ self.coef_.T + self.intercept_)


class AlphaRidge(AlphaRegressor, OneRidge):
    r"""Ridge regression fine-tuned from alpha times a source, with alpha given or chosen from the data.

    .. math:: W, b = \arg\min_{W, b} \frac1n \sum_i \lVert y_i - W x_i - b \rVert^2
        + \gamma \Big\lVert W - \sum_k \alpha_k \tilde W_k \Big\rVert_F^2

    alpha = 0 is scikit-learn's ``Ridge(alpha=n * gamma)``; alpha = 1 is ridge on the residuals of the source.

    Parameters
    ----------
    gamma : float, default=1.0
        Ridge **per sample**, positive; scikit-learn's penalty is ``n * gamma``.  ``inf`` trains nothing
        but the intercept.
    alpha : "auto", float or array_like of shape (k,), default="auto"
        How much of the source to keep, the same for all outputs.  "auto" asks ``criterion``.
    coef_source : None, array_like, fitted estimator, or list of fitted estimators, default=None
        Source weights: shape (p,), or (d, p) for d outputs; for k sources (k, p) or (k, d, p), which make
        alpha a vector.  Or a fitted linear model, or a list of them; wrap it in
        ``sklearn.frozen.FrozenEstimator`` wherever the estimator may be cloned.  None is no source.
    intercept_source : float or array_like, default=0.0
        Intercepts of a source given as an array, used unless ``fit_intercept`` is True; alpha
        scales them too.
    fit_intercept : bool, "shrunk" or "auto", default=True
        How the intercept is trained: as in `AlphaRidgeClassifierCV`.  Regressions are averaged by the rules'
        evidence alone, since targets have a size: "auto" has rules with alpha = 1 beside those that choose it
        (of one source), and none without intercept.
    criterion : {"consensus", "evidence", "loo_mse"}, default="consensus"
        How alpha is chosen, as in `AlphaRidgeCV`.
    units : {"raw", "standard", "auto"}, default="raw"
        In which units weights are penalised: as in `AlphaRidgeClassifierCV`.

    Attributes
    ----------
    coef_ : ndarray of shape (p,) or (d, p)
        Fine-tuned weights.
    intercept_ : float or ndarray of shape (d,)
        Intercept.
    alpha_ : float or ndarray of shape (k,)
        The alpha used; 0 without a source.
    alpha_stderr_ : float or ndarray of shape (k,)
        Its standard error over draws of the data at this ridge; 0 if alpha was given.
    rules_ : list of dict
        The rules that are averaged, as in `AlphaRidgeClassifierCV`; one but for "auto".
    gamma_ : float
        The ridge, ``gamma``.
    best_score_ : float
        Value of the criterion.
    loo_prediction_ : ndarray of shape (n,) or (n, d)
        Predictions for the training samples, each by the regression without it, alpha and the penalty
        ``n * gamma`` being the same.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of str
        Names of the features, if X had any.

    See Also
    --------
    AlphaRidgeCV : Chooses the ridge, too.
    AlphaRidgeClassifier : For class labels.
    RidgeRegressionTransfer : The theory.

    Notes
    -----
    ``sample_weight`` counts, as in `AlphaRidgeClassifier`.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> truth, X = rng.standard_normal((2, 50)), rng.standard_normal((30, 50))
    >>> y = X @ truth.T + rng.standard_normal((30, 2))
    >>> model = AlphaRidge(gamma=1.0, coef_source=0.5 * truth).fit(X, y)
    >>> print(f"alpha = {model.alpha_:.2f} +- {model.alpha_stderr_:.2f}")
    alpha = 1.99 +- 0.05
    """

    def __init__(
        self,
        gamma: float = 1.0,
        alpha: Alpha = "auto",
        coef_source: Source = None,
        intercept_source: ArrayLike = 0.0,
        fit_intercept: InterceptRule = True,
        *,
        criterion: str = DEFAULT_REGRESSION,
        units: Units = "raw",
    ) -> None:
        super().__init__(
            gamma, alpha, coef_source, intercept_source, fit_intercept, criterion=criterion, units=units
        )


class AlphaRidgeCV(AlphaRegressor, RidgeGrid):
    r"""Ridge regression fine-tuned from a rescaled source; alpha and the ridge are chosen from the data.

    .. math:: W, b = \arg\min_{W, b} \frac1n \sum_i \lVert y_i - W x_i - b \rVert^2
        + \gamma \Big\lVert W - \sum_k \alpha_k \tilde W_k \Big\rVert_F^2

    All ridges, all alphas and all leave-one-out predictions come from one singular value decomposition for
    each of the rules that are averaged.

    How it chooses: :doc:`/from_data/ridge`.

    Parameters
    ----------
    gammas : array_like of shape (g,), optional
        Ridges **per sample** to choose from (scikit-learn's penalty is ``n * gamma``), positive; ``inf``
        keeps to alpha times the source and trains nothing but the intercept.  By default 33 whose degrees of
        freedom have odds from 1e-4 to 1e4, and ``inf``.
    criterion : {"consensus", "evidence", "loo_mse"}, default="consensus"
        How to choose alpha and the ridge.

        - ``"consensus"``: evidence times a weak prior of the ridge, and alpha by generalised least squares.
          One rule has the mean of log gamma; an average the posterior mean of each rule over all ridges.
          Few samples to many.
        - ``"evidence"``: largest marginal likelihood; alpha by generalised least squares.  Few samples.
        - ``"loo_mse"``: least leave-one-out squared error, summed over outputs.  Hundreds of samples.
    coef_source : None, array_like, fitted estimator, or list of fitted estimators, default=None
        Source weights: as in `AlphaRidge`.
    intercept_source : float or array_like, default=0.0
        Intercepts of a source given as an array, which alpha scales, too.
    fit_intercept : bool, "shrunk" or "auto", default="auto"
        How the intercept is trained: as in `AlphaRidge`.
    alpha : "auto", float or array_like of shape (k,), default="auto"
        How much of the source to keep, the same for all outputs; a number holds it there and chooses the
        ridge alone.
    units : {"raw", "standard", "auto"}, default="auto"
        In which units weights are penalised: as in `AlphaRidgeClassifierCV`.

    Attributes
    ----------
    coef_ : ndarray of shape (p,) or (d, p)
        Fine-tuned weights.
    intercept_ : float or ndarray of shape (d,)
        Intercept.
    alpha_ : float or ndarray of shape (k,)
        The alpha chosen; 0 without a source.
    alpha_stderr_ : float or ndarray of shape (k,)
        Its standard error over draws of the data (jackknife), with the spread over what is averaged.
    gamma_ : float
        The ridge chosen; in an average the most probable of the first rule that trains.
    best_score_ : float
        The criterion there; larger is better.
    best_index_ : int
        Its place in ``cv_results_``.
    cv_results_ : dict of ndarray of shape (g,)
        For each ridge, as in `AlphaRidgeClassifierCV`.
    rules_ : list of dict
        The rules for intercept and units that were averaged, with the share of each, its most probable ridge
        and its mean alpha.
    loo_prediction_ : ndarray of shape (n,) or (n, d)
        Predictions for the training samples, each by the regression without it, with the shares, alphas and
        penalties ``n * gamma`` of all.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of str
        Names of the features, if X had any.

    See Also
    --------
    AlphaRidge : At a given ridge.
    AlphaRidgeClassifierCV : For class labels.

    Notes
    -----
    ``sample_weight`` counts, as in `AlphaRidgeClassifierCV`.  With ``fit_intercept=True``, ``alpha=0`` and
    ``criterion="loo_mse"`` the ridge is that of scikit-learn's ``RidgeCV(n * gammas)``.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> truth, X = rng.standard_normal((2, 50)), rng.standard_normal((30, 50))
    >>> y = X @ truth.T + rng.standard_normal((30, 2))
    >>> model = AlphaRidgeCV(coef_source=0.5 * truth).fit(X, y)
    >>> print(f"alpha = {model.alpha_:.2f} +- {model.alpha_stderr_:.2f}")
    alpha = 1.99 +- 0.04
    """

    def __init__(
        self,
        gammas: ArrayLike | None = None,
        criterion: str = DEFAULT_REGRESSION,
        coef_source: Source = None,
        intercept_source: ArrayLike = 0.0,
        fit_intercept: InterceptRule = "auto",
        *,
        alpha: Alpha = "auto",
        units: Units = "auto",
    ) -> None:
        super().__init__(
            gammas, criterion, coef_source, intercept_source, fit_intercept, alpha=alpha, units=units
        )
