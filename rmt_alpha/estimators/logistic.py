"""Logistic regression that is fine-tuned from a rescaled source: at one ridge, and with the ridge chosen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from rmt_alpha._core.types import FloatArray
from rmt_alpha.estimators.base import OneRidge, RidgeGrid
from rmt_alpha.estimators.classifier import AlphaClassifier
from rmt_alpha.estimators.source import SourceModel
from rmt_alpha.estimators.validation import GAMMAS
from rmt_alpha.from_data.convex.label_loss import cross_entropy
from rmt_alpha.from_data.convex.path import ConvexPath
from rmt_alpha.from_data.criteria import CONVEX_CRITERIA
from rmt_alpha.from_data.decomposition.design import Design
from rmt_alpha.from_data.decomposition.rules import Rule, rules_of
from rmt_alpha.from_data.decomposition.samples import Samples


class CrossEntropyClassifier(AlphaClassifier):
    """Cross-entropy in place of squared loss: scores are log-odds."""

    _criteria = CONVEX_CRITERIA
    _share = 0.5
    _least = 1e-15  # the penalty must show in the curvature of the objective

    def _rules(self, samples: Samples) -> list[Rule]:
        intercept = "shrunk" if self.fit_intercept == "auto" else self.fit_intercept
        units = self._units()
        return rules_of(intercept, "raw" if units == "auto" else units, samples)

    def _paths(
        self, samples: Samples, rules: Sequence[Rule], labels: FloatArray, source: SourceModel
    ) -> list[ConvexPath]:
        scores = source.scores(samples.features, intercept=self.fit_intercept is not True)
        rounding, loss = source.rounding(samples.features), cross_entropy(labels)
        return [ConvexPath(Design.of(samples, rule), rule, loss, scores, rounding) for rule in rules]

    def _given_alpha(self, source: SourceModel) -> FloatArray | None:
        alpha = super()._given_alpha(source)
        if alpha is not None and np.isinf(alpha).any():
            raise ValueError(
                f"alpha must be finite, got {self.alpha!r}: with cross-entropy, the limit of large "
                "alpha is the source itself with probabilities 0 and 1"
            )
        return alpha

    def _calibrate(self, left_out: FloatArray, labels: FloatArray, mass: FloatArray) -> None:
        """Scores of cross-entropy are log-odds."""

    def _log_odds(self, X: ArrayLike) -> FloatArray:
        return self.decision_function(X)


class AlphaLogisticRegression(CrossEntropyClassifier, OneRidge):
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
    coef_source, intercept_source, fit_intercept
        The source, and how the intercept is trained: as in `AlphaRidgeClassifierCV`, but
        ``fit_intercept`` is True by default.  "auto" is "shrunk", one rule.
    criterion : str, default="consensus"
        How alpha is chosen, as in `AlphaLogisticRegressionCV`.
    classes_source : array_like, optional
        What the source's rows are called in y, as in `AlphaRidgeClassifierCV`.
    units : {"raw", "standard", "auto"}
        In which units weights are penalised, as in `AlphaRidgeClassifierCV`, but "auto" is "raw".
    class_weight : None, "balanced" or dict, default=None
        How much a sample of each class matters, as in `AlphaRidgeClassifierCV`.
    threshold : float or str, default=0.0
        Where the second class begins, as in `AlphaRidgeClassifierCV`.

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
    rules_ : list of dict
        The one rule: ``rule`` in words, ``share`` 1, ``gamma`` and ``alpha``.
    gamma_ : float
        The ridge, ``gamma``.
    best_score_ : float
        Value of the criterion.
    loo_decision_function_ : ndarray of shape (n,) or (n, K)
        Approximate scores of the training samples, each by the classifier trained without it with the same
        alpha and penalty ``n * gamma``; standard units are held.
    classes_ : ndarray of shape (K,)
        Class labels, sorted: those of the sample, and those in ``classes_without_samples_``.
    classes_without_source_, classes_without_samples_ : ndarray
        Classes of the sample that no source knows, and those that only the source knows and speaks for.
    threshold_ : float
        Where the second class begins.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of str
        Names of the features, if X had any.

    Raises
    ------
    ValueError
        If the data, the source, ``alpha``, ``gamma`` or ``criterion`` are refused; alpha must be finite.
    ConvergenceError
        If Newton's method ends without a minimum; ``best`` says where.

    See Also
    --------
    AlphaLogisticRegressionCV : Chooses the ridge, too.
    AlphaRidgeClassifier : The same with squared loss, exact leave-one-out and closed forms.

    Notes
    -----
    The minimum is found by Newton's method in the span of the samples, and never a p x p matrix.
    ``sample_weight`` counts, as in `AlphaRidgeClassifier`.  Sparse features stay sparse; of more than
    5,000 samples of them only the largest eigenvectors of their products are trained
    (:doc:`/from_data/ridge`).  See :doc:`/from_data/logistic` for derivations.

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


class AlphaLogisticRegressionCV(CrossEntropyClassifier, RidgeGrid):
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
        keeps to alpha times the source and trains nothing but the intercept.  By default 17 whose
        degrees of freedom have odds from 1e-4 to 1e4, and ``inf``.
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
    coef_source, intercept_source, fit_intercept
        The source, and how the intercept is trained: as in `AlphaRidgeClassifierCV`, but "auto" is "shrunk",
        one rule, because every fit is a search.
    alpha : "auto", float or array_like of shape (k,), default="auto"
        A number holds alpha there and chooses the ridge alone.
    classes_source : array_like, optional
        What the source's rows are called in y, as in `AlphaRidgeClassifierCV`.
    units : {"raw", "standard", "auto"}
        In which units weights are penalised, as in `AlphaRidgeClassifierCV`, but "auto" is "raw".
    class_weight : None, "balanced" or dict, default=None
        How much a sample of each class matters, as in `AlphaRidgeClassifierCV`.
    threshold : float or str, default=0.0
        Where the second class begins, as in `AlphaRidgeClassifierCV`.

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
    rules_ : list of dict
        The one rule: ``rule`` in words, ``share`` 1, ``gamma`` and ``alpha``.
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
        alpha and penalty ``n * gamma``; standard units are held.
    classes_ : ndarray of shape (K,)
        Class labels, sorted: those of the sample, and those in ``classes_without_samples_``.
    classes_without_source_, classes_without_samples_ : ndarray
        Classes of the sample that no source knows, and those that only the source knows and speaks for.
    threshold_ : float
        Where the second class begins.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of str
        Names of the features, if X had any.

    Raises
    ------
    ValueError
        If the data, the source, ``alpha``, ``gammas`` or ``criterion`` are refused; alpha must be finite.
    ConvergenceError
        If Newton's method ends without a minimum; ``best`` says where.

    See Also
    --------
    AlphaLogisticRegression : At a given ridge.
    AlphaRidgeClassifierCV : The same with squared loss, exact leave-one-out and closed forms.

    Notes
    -----
    ``sample_weight`` counts, as in `AlphaRidgeClassifierCV`.  Among ridges of equal score the largest is
    taken.  Sparse features stay sparse, as in `AlphaLogisticRegression`.  See :doc:`/from_data/logistic` for
    derivations.

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
    alpha = 1.20 +- 0.25 at gamma = 4.6
    >>> print(
    ...     f"leave-one-out accuracy {np.mean((model.loo_decision_function_ > 0) == y):.3f}"
    ... )
    leave-one-out accuracy 0.900
    """

    _grid = GAMMAS[::2]
