"""Ridge classifiers that are fine-tuned from a rescaled source: at one ridge, and with the ridge chosen."""

from __future__ import annotations

from typing import ClassVar

from rmt_alpha.estimators.average import Choices, LinearFit, discriminated
from rmt_alpha.estimators.base import OneRidge, RidgeGrid
from rmt_alpha.estimators.classifier import AlphaClassifier
from rmt_alpha.from_data.decomposition.rules import check_fit_intercept
from rmt_alpha.from_data.ridge_path import RidgePath
from rmt_alpha.from_data.selection import Blend


class SquaredLossClassifier(AlphaClassifier):
    """Squared loss on labels -1 and +1, which asks for no more than one class or several labels at once."""

    _several = True
    _discriminates: ClassVar[bool] = True
    """Whether the average of more than two classes goes through their discriminant."""

    @property
    def _has_discriminant(self) -> bool:
        """Whether this fit has one."""
        many = len(self.classes_) > 2 and not self._multilabel
        return self._discriminates and many and check_fit_intercept(self.fit_intercept) == "auto"

    def _average(self, choices: Choices) -> tuple[Blend, LinearFit]:
        return discriminated(choices) if self._has_discriminant else super()._average(choices)

    def _judged(self, path: RidgePath) -> RidgePath:
        return path.judged


class AlphaRidgeClassifier(SquaredLossClassifier, OneRidge):
    r"""Ridge classifier fine-tuned from alpha times a source, with alpha given or chosen from the data.

    .. math:: w, b = \arg\min_{w, b} \frac1n \sum_i (y_i - w^\top x_i - b)^2
        + \gamma \Big\lVert w - \sum_k \alpha_k \tilde w_k \Big\rVert^2

    on labels -1 and +1, one-vs-rest for more than two classes.  alpha = 0 is scikit-learn's
    ``RidgeClassifier(alpha=n * gamma)``, alpha = 1 is standard fine-tuning.

    Parameters
    ----------
    gamma : float, default=1.0
        Ridge **per sample**, positive; scikit-learn's penalty is ``n * gamma``.  ``inf`` trains nothing
        but the intercept.
    alpha : "auto", float or array_like of shape (k,), default="auto"
        How much of the source to keep.  "auto" asks ``criterion``.  ``inf`` is the limit of large alpha,
        whose predictions are those of the source with what the data can train taken out.
    coef_source, intercept_source, fit_intercept
        The source, and how the intercept is trained: as in `AlphaRidgeClassifierCV`, but
        ``fit_intercept`` is True by default.
    criterion : str, default="consensus"
        How alpha is chosen, as in `AlphaRidgeClassifierCV`.
    classes_source : array_like, optional
        What the source's rows are called in y, as in `AlphaRidgeClassifierCV`.
    units : {"raw", "standard", "auto"}, default="raw"
        In which units weights are penalised, and what ``gamma`` is measured in: as in
        `AlphaRidgeClassifierCV`.
    class_weight : None, "balanced" or dict, default=None
        How much a sample of each class matters, as in `AlphaRidgeClassifierCV`.
    threshold : float or str, default=0.0
        Where the second class begins, as in `AlphaRidgeClassifierCV`.

    Attributes
    ----------
    coef_ : ndarray of shape (1, p) or (K, p)
        Fine-tuned weights; if ``alpha_`` is infinite, those of the limit divided by the length of alpha.
    intercept_ : ndarray of shape (1,) or (K,)
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
    loo_decision_function_ : ndarray of shape (n,) or (n, K)
        Scores of the training samples, each by the classifier trained without it: exactly those of refitting
        everything with the same alpha, penalty ``n * gamma`` and shares.
    classes_ : ndarray of shape (K,)
        Class labels, sorted: those of the sample, and those in ``classes_without_samples_``.
    classes_without_source_, classes_without_samples_ : ndarray
        Classes of the sample that no source knows, and those that only the source knows and speaks for.
    threshold_ : float or ndarray of shape (L,)
        Where the second class begins, or each of several labels.
    scale_ : float
        What scores are multiplied with to be log-odds, for `predict_proba`: its mean by the log-loss of the
        exact leave-one-out scores (as in PreVal, arXiv 2401.15610) where it is positive, finite even if they
        are all right.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of str
        Names of the features, if X had any.

    See Also
    --------
    AlphaRidgeClassifierCV : Chooses the ridge, too.
    alpha_path : The leave-one-out curve over all alpha.

    Notes
    -----
    ``sample_weight`` counts: weight 2 is a sample that is there twice, for the fit, the choice of alpha
    and the leave-one-out scores (which leave out one of the two).  Weights whose mean is below 1 are
    scaled up to mean 1.  Sparse features stay sparse; of more than 5,000 samples of them, leave-one-out
    scores and choices are approximate, and the weights exact at what is chosen.  See :doc:`/from_data/ridge`
    for derivations.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> source = np.ones(100) / 8
    >>> y = np.repeat(["cat", "dog"], 20)
    >>> X = np.where(y == "dog", 1, -1)[:, None] * source + rng.standard_normal(
    ...     (40, 100)
    ... )
    >>> model = AlphaRidgeClassifier(gamma=1.0, coef_source=source).fit(X, y)
    >>> print(f"alpha = {model.alpha_:.2f} +- {model.alpha_stderr_:.2f}")
    alpha = 0.35 +- 0.06
    >>> model.predict(X[:2])
    array(['cat', 'cat'], dtype='<U3')
    """


class AlphaRidgeClassifierCV(SquaredLossClassifier, RidgeGrid):
    r"""Ridge classifier fine-tuned from a rescaled source; alpha and the ridge are chosen from the data.

    .. math:: w, b = \arg\min_{w, b} \frac1n \sum_i (y_i - w^\top x_i - b)^2
        + \gamma \Big\lVert w - \sum_k \alpha_k \tilde w_k \Big\rVert^2

    All ridges, all alphas and all leave-one-out scores come from one singular value decomposition.

    Parameters
    ----------
    gammas : array_like of shape (g,), optional
        Ridges **per sample** to choose from (scikit-learn's penalty is ``n * gamma``), positive; ``inf``
        keeps to alpha times the source and trains nothing but the intercept.  By default 33 whose degrees of
        freedom, kept over trained, are 1e-4 to 1e4 (multiples of the eigenvalue of the sample covariance
        where all are the same), under each rule its own, and ``inf``.
    criterion : str, default="consensus"
        How to choose alpha and the ridge.

        - ``"consensus"``: a mean of what evidence and leave-one-out ratio find likely, with a weak prior
          that keeps to the source where the data are silent.  Good from few samples to many.
        - ``"evidence"``: largest marginal likelihood; alpha by generalised least squares.  Precise for few
          samples, and hardly ever far off.
        - ``"loo_mse"``: least leave-one-out squared error.  Good from a few hundred samples on.
        - ``"loo_log_loss"``: least leave-one-out log-loss at the best scale of the scores, for probabilities.
          Good from a few hundred samples on.
        - ``"loo_accuracy"``: largest exact leave-one-out accuracy over all real alpha.  The thing itself,
          but a step function: for many samples.
        - ``"loo_snr"``: largest mean over standard deviation of the leave-one-out scores.  For many samples.
        - ``"theory"``: largest accuracy that random matrix theory predicts from a few estimated numbers; two
          classes.  Good if they are Gaussian with one covariance.
    coef_source : None, array_like, fitted estimator, or list of fitted estimators, default=None
        Source weights: shape (p,) for two classes, (K, p) for one-vs-rest; for k sources (k, 1, p), a list of
        k arrays (p,), or (k, K, p), which make alpha a vector.  Or a fitted linear model that
        `linear_coefficients` can read, or a list of them; wrap it in ``sklearn.frozen.FrozenEstimator``
        wherever the estimator may be cloned (pipelines, grid search).  None is no source.  Features are
        matched by name where both sides have names.
    intercept_source : float or array_like, default=0.0
        Intercepts of a source given as an array.  alpha scales them too.  If ``fit_intercept`` is True they
        make no difference, because the intercept is trained without penalty.
    fit_intercept : bool, "shrunk" or "auto", default="auto"
        True trains an intercept without penalty.  False trains none: it is alpha times that of the source.
        "shrunk" trains a change of the source's, the average of which over the samples is shrunk, as if 10
        more samples said that it is 0.  "auto" averages classifiers with different rules (see Notes).
    alpha : "auto", float or array_like of shape (k,), default="auto"
        A number holds alpha there and chooses the ridge alone.
    classes_source : array_like, optional
        The classes of the source's rows, or the two of its one row, which points to the second.  A fitted
        source has ``classes_``; an array otherwise means the classes of the sample in ascending order (text
        that reads as numbers by their size).  Classes are matched by name: those that the source does not
        know get a source of zeros, and those that the sample lacks the source's own score, in the units of
        the fine-tuned ones; both are said by a warning.  If the sample has a class that the source does not
        know, it is taken at its word about which classes there are.
    units : {"raw", "standard", "auto"}, default="auto"
        In which units weights are penalised: as the features come, in their standard deviations (then the
        result does not depend on the scale of any feature, if the source moves with it), or both, averaged.
        With ``gammas`` given "auto" is "raw", because ridges have units.
    class_weight : None, "balanced" or dict, default=None
        How much a sample of each class matters in the fit and in every criterion; only ratios count.
        "balanced" gives all classes the same weight, n / (K n_c) to each of the n_c samples of class c.  Such
        a weight is no number of copies: the sample is left out as a whole.
    threshold : float or str, default=0.0
        For two classes: the second is predicted where the score is above it.  The name of a metric takes the
        threshold that is best for the exact leave-one-out scores: "accuracy", "balanced_accuracy", "f1" (of
        the second class) or "matthews_corrcoef"; of equally good ones the nearest to 0.

    Attributes
    ----------
    coef_ : ndarray of shape (1, p) or (K, p)
        Fine-tuned weights; if ``alpha_`` is infinite, those of the limit divided by the length of alpha.
    intercept_ : ndarray of shape (1,) or (K,)
        Intercept.
    alpha_ : float or ndarray of shape (k,)
        The alpha chosen; infinite where the criterion only approaches its best value; 0 without a source.
    alpha_stderr_ : float or ndarray of shape (k,)
        Its standard error over draws of the data at the chosen ridges (jackknife), the spread over rules
        included.
    rules_ : list of dict
        The rules that are averaged, by decreasing share: ``rule`` in words, ``share``, ``gamma`` (of features
        in its units) and ``alpha``.  ``alpha_`` is the mean over them; so are ``coef_``, ``intercept_`` and
        ``loo_decision_function_`` of two classes; what follows is of the first.
    gamma_ : float
        The ridge chosen.
    best_score_ : float
        The criterion there; larger is better.
    best_index_ : int
        Its place in ``cv_results_``.
    cv_results_ : dict of ndarray of shape (g,)
        For each ridge, with the keys of ``GridSearchCV``: ``params``, ``param_gamma``, ``mean_test_score``
        (the criterion), ``rank_test_score``; and ``alpha``, the best one there.
    loo_decision_function_ : ndarray of shape (n,) or (n, K)
        Scores of the training samples, each by the classifier trained without it: exactly those of refitting
        everything, mean and standard units of the features too, with the chosen alpha, penalty ``n * gamma``
        and shares; of more than two classes by the discriminant of the others' scores.  (Of many samples
        standard units are held: :doc:`/from_data/ridge`.)
    classes_ : ndarray of shape (K,)
        Class labels, sorted: those of the sample, and those in ``classes_without_samples_``.
    classes_without_source_, classes_without_samples_ : ndarray
        Classes of the sample that no source knows, and those that only the source knows and speaks for.
    threshold_ : float or ndarray of shape (L,)
        Where the second class begins, or each of several labels.
    scale_ : float
        What scores are multiplied with to be log-odds, for `predict_proba`: its mean by the log-loss of the
        exact leave-one-out scores (as in PreVal, arXiv 2401.15610) where it is positive, finite even if they
        are all right.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of str
        Names of the features, if X had any.

    See Also
    --------
    AlphaRidgeClassifier : At a given ridge.
    alpha_path : The leave-one-out curve over all alpha.
    estimate_problem : What the theory says about the same data.

    Notes
    -----
    y may be a matrix of zeros and ones with a column for each of L labels, of which a sample may have
    several: L fits with one alpha and one ridge, judged by all their decisions.  Rows of the source belong to
    the columns in turn; ``classes_source`` names them by number, or by the name of the column in a data
    frame.  ``coef_``, ``intercept_`` and scores have the precision of X: float32 stays float32, computed in
    float64.

    ``sample_weight`` counts: weight 2 is a sample that is there twice, for the fit, the choice and the
    leave-one-out scores (which leave out one of the two).  Weights whose mean is below 1 are scaled up to
    mean 1.  Among ridges of equal score the largest is taken.

    Under all rules the change d, b of the classifier minimises, with r the labels minus alpha times the
    source's scores,

    .. math:: \frac1n \sum_i (r_i - x_i^\top d - b)^2 + \gamma |d|^2 + \frac{k_0}{n} (b + m^\top d)^2 ,

    m the mean of the features, or b is 0 (``fit_intercept=False``).  k0 = 0 is a free intercept, k0 = 10 the
    rule "shrunk".  With b, the fit is the same wherever the features lie if the source's intercept moves
    along; without it, it knows their origin.  In standard units :math:`|d|^2` becomes
    :math:`\sum_j v_j d_j^2` with the variances v of the features.

    "auto" chooses ridge and alpha under several rules: that the source is all there is, no intercept, and
    shrunk averages with k0 = 1, 10, 100 and inf, in raw and in standard units
    (`rmt_alpha.from_data.decomposition.rules`).  A few labels do not tell which of them is best, so that
    picking one is luck: their classifiers are averaged, with the weights that their predictions for samples
    left out have in the mixture of them all that explains the labels best
    (`rmt_alpha.from_data.selection`).  The mean is one linear classifier.  Of more than two classes it is the
    linear discriminant of what is trained, one class against the rest, with the source alone beside it
    (`rmt_alpha.from_data.discriminant`).

    Features that were centred by their own mean have lost their origin (the sum of the other rows would give
    away the one that is left out): they are centred again without each sample, and no intercept means
    k0 = inf, which is the same fit.  Sparse features stay sparse, as in `AlphaRidgeClassifier`.  See
    :doc:`/from_data/ridge` for derivations.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> mean = np.ones(200) / 10
    >>> source = mean + 0.1 * rng.standard_normal(200)
    >>> y = np.repeat([0, 1], 20)
    >>> X = np.where(y, 1, -1)[:, None] * mean + rng.standard_normal((40, 200))
    >>> model = AlphaRidgeClassifierCV(coef_source=source).fit(X, y)
    >>> print(
    ...     f"alpha = {model.alpha_:.2f} +- {model.alpha_stderr_:.2f} at gamma = {model.gamma_:.2g}"
    ... )
    alpha = 0.16 +- 0.07 at gamma = 28
    >>> print(
    ...     f"leave-one-out accuracy {np.mean((model.loo_decision_function_ > 0) == y):.3f}"
    ... )
    leave-one-out accuracy 0.900
    """
