"""`AlphaRidge`: ridge regression fine-tuned from a rescaled source."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import MultiOutputMixin, RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from rmt_alpha._core.types import FloatArray
from rmt_alpha.estimators.base import OneRidge
from rmt_alpha.estimators.source import Source
from rmt_alpha.estimators.validation import Alpha, check_size, sample_counts
from rmt_alpha.from_data.criteria import DEFAULT_REGRESSION, REGRESSION_CRITERIA
from rmt_alpha.from_data.design import InterceptRule


class AlphaRidge(MultiOutputMixin, RegressorMixin, OneRidge):  # type: ignore[misc]
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
        evidence alone: targets have a size.
    criterion : {"evidence", "loo_mse"}, default="evidence"
        How alpha is chosen, as in `AlphaRidgeClassifierCV`.

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

    coef_: FloatArray
    intercept_: float | FloatArray
    loo_prediction_: FloatArray

    _criteria = REGRESSION_CRITERIA

    def __init__(
        self,
        gamma: float = 1.0,
        alpha: Alpha = "auto",
        coef_source: Source = None,
        intercept_source: ArrayLike = 0.0,
        fit_intercept: InterceptRule = True,
        *,
        criterion: str = DEFAULT_REGRESSION,
    ) -> None:
        super().__init__(gamma, alpha, coef_source, intercept_source, fit_intercept, criterion=criterion)

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fine-tune on target samples, and choose alpha if it was not given.

        Parameters
        ----------
        X : array_like or sparse matrix of shape (n_samples, n_features)
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
        features, own = validate_data(
            self,
            X,
            y,
            accept_sparse="csr",
            dtype=np.float64,
            multi_output=True,
            y_numeric=True,
            ensure_min_samples=2,
        )
        targets = np.asarray(own, dtype=np.float64)
        check_size("X", features)
        check_size("y", targets)
        flat = targets.ndim == 1
        targets = targets[:, None] if flat else targets
        source = self._source(targets.shape[1])
        weights, intercept, left_out = self._fit(
            features, targets, sample_counts(sample_weight, features), source
        )
        self.coef_ = weights[0] if flat else weights
        self.intercept_ = float(intercept[0]) if flat else intercept
        self.loo_prediction_ = left_out[:, 0] if flat else left_out
        return self

    def predict(self, X: ArrayLike) -> FloatArray:
        """Predicted targets, (n,) or (n, d), of samples (n, p)."""
        check_is_fitted(self)
        features = validate_data(self, X, accept_sparse="csr", dtype=np.float64, reset=False)
        return np.asarray(features @ self.coef_.T + self.intercept_)
