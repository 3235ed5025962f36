"""`MixtureDraws`: classifiers trained on Gaussian mixtures, each scored exactly."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from rmt_alpha._core.checks import check_choice
from rmt_alpha._core.types import FloatArray
from rmt_alpha.errors import MissingQuantity, NotAvailable
from rmt_alpha.simulation.arguments import check_vector_alpha
from rmt_alpha.simulation.mixtures.decision import least_risky, most_accurate, right_probabilities
from rmt_alpha.simulation.scores import CLASS_QUANTITIES, CRITERIA, Draws


@dataclass(frozen=True, eq=False, repr=False)
class MixtureDraws(Draws):
    r"""Every trained classifier of a simulated `FineTuning`, reduced to the moments of its scores.

    The classifier is affine in alpha, :math:`W_\alpha = W_0 + \sum_j \alpha_j W_j`, and so is its intercept.
    Given the classifier, its scores :math:`s = W_\alpha^\top x + b_\alpha` for class c are exactly
    :math:`\mathcal N(\mu_c, S_c)`, with

    .. math:: \mu_c = W_\alpha^\top m_c + b_\alpha, \qquad S_c = W_\alpha^\top C_c W_\alpha,

    affine and quadratic in alpha.  So no test set is drawn:

    .. math:: \text{class accuracy} = \Phi(y_c\, \mu_c / \sigma_c) \ (K = 2), \qquad
        P(s_c > s_a \text{ for all } a \ne c) \ (K > 2),

    and the risk, measured against the true labels t_c, is
    :math:`\sum_c \pi_c \{ \|t_c - \mu_c\|^2 + \operatorname{tr} S_c \}`.

    Parameters
    ----------
    alpha : ndarray
        Where the arrays below are evaluated: any shape S, or (\*S, k) for a vector alpha.
    components : int or None
        k if alpha is a vector with one component for each of k sources, None if it is a number.
    priors : ndarray, shape (K,)
        Probabilities of the classes of the target.
    targets : ndarray, shape (K, q)
        What the scores are fitted to: -1 and +1 (K = 2, q = 1), or the unit vectors (q = K).
    score_mean : ndarray, shape (replicates, K, 1 + k, q)
        Mean score of each part of the classifier in each class.
    score_gram : ndarray, shape (replicates, K, 1 + k, q, 1 + k, q)
        :math:`W_i^\top C_c W_j`.

    Notes
    -----
    ``accuracy`` and ``risk`` have shape (replicates, \*S), ``class_accuracy`` (replicates, \*S, K).

    Examples
    --------
    >>> import numpy as np
    >>> import rmt_alpha as ra
    >>> target = ra.GaussianMixture.symmetric(
    ...     np.full(20, 0.3), np.linspace(0.5, 1.5, 20)
    ... )
    >>> problem = ra.FineTuning(
    ...     target, ra.FixedSource(np.full(20, 0.2)), n=30, gamma=0.1
    ... )
    >>> draws = ra.simulate(problem, [0, 1, 2], replicates=10, rng=0).draws
    >>> draws.accuracy.shape, draws.class_accuracy.shape
    ((10, 3), (10, 3, 2))
    """

    alpha: FloatArray
    components: int | None
    priors: FloatArray
    targets: FloatArray
    score_mean: FloatArray
    score_gram: FloatArray
    kind = "a FineTuning"
    quantities = (*CLASS_QUANTITIES, "mean", "variance")

    @property
    def replicates(self) -> int:
        """Number of independent draws of the data."""
        return len(self.score_mean)

    @property
    def classes(self) -> int:
        """K."""
        return len(self.priors)

    @property
    def sources(self) -> int:
        """k."""
        return int(self.score_mean.shape[2]) - 1

    @cached_property
    def _moments(self) -> tuple[FloatArray, FloatArray]:
        # alpha flattened to A rows (1, alpha_1, ..., alpha_k).
        columns = self.alpha.reshape(self.alpha.size // self.sources, self.sources)
        return self.moments(np.hstack([np.ones((len(columns), 1)), columns])[None])

    def moments(self, parts: FloatArray) -> tuple[FloatArray, FloatArray]:
        r"""Means (R, A, K, q) and covariances (R, A, K, q, q) of the scores of :math:`\sum_j u_j W_j`.

        Parameters
        ----------
        parts : ndarray, shape (R, A, 1 + k) or (1, A, 1 + k)
            The factors u of the parts of the classifier; (1, alpha) is the classifier at alpha.
        """
        shape = (self.replicates, parts.shape[1], self.classes, self.outputs)
        width, scores = 1 + self.sources, self.classes * self.outputs
        table = self.score_mean.transpose(0, 2, 1, 3).reshape(self.replicates, width, scores)
        squares = (parts[..., :, None] * parts[..., None, :]).reshape(*parts.shape[:2], width**2)
        gram = self.score_gram.transpose(0, 2, 4, 1, 3, 5)
        gram = gram.reshape(self.replicates, width**2, scores * self.outputs)
        return (parts @ table).reshape(shape), (squares @ gram).reshape(*shape, self.outputs)

    def _shaped(self, values: FloatArray) -> FloatArray:
        # From (R, A, ...) to (R, *S, ...).
        return values.reshape(self.replicates, *self._shape, *values.shape[2:])

    # --- moments of the scores, by class ---------------------------------------------------------------

    @property
    def outputs(self) -> int:
        """Scores of a classifier, q."""
        return int(self.score_mean.shape[-1])

    @property
    def class_mean(self) -> FloatArray:
        r"""Mean score in each class, intercept included: (replicates, \*S, K), or (..., K, q) for q > 1."""
        return self._shaped(self._squeezed(self._moments[0]))

    @property
    def class_variance(self) -> FloatArray:
        r"""Variance of the score in each class: (replicates, \*S, K), or (..., K, q) for q > 1."""
        variance = np.diagonal(self._moments[1], axis1=-2, axis2=-1)
        # Below zero only by rounding.
        return self._shaped(self._squeezed(np.maximum(variance, 0.0)))

    @property
    def mean(self) -> FloatArray:
        r"""Mean of label times score, for labels -1 and +1: (replicates, \*S)."""
        self._check_labels()
        return super().mean

    @property
    def variance(self) -> FloatArray:
        r"""Variance of label times score: that within the classes, and that between their means."""
        self._check_labels()
        return super().variance

    def _check_labels(self) -> None:
        if self.outputs > 1:
            raise MissingQuantity(
                "mean and variance are those of two classes with labels -1 and +1; use class_mean and "
                "class_variance for one-hot scores"
            )

    def _squeezed(self, values: FloatArray) -> FloatArray:
        return values[..., 0] if self.outputs == 1 else values

    # --- what a user wants to know ---------------------------------------------------------------------

    @cached_property
    def _right(self) -> tuple[FloatArray, FloatArray]:
        return right_probabilities(*self._moments)

    @property
    def class_accuracy(self) -> FloatArray:
        r"""Probability that a fresh sample of each class is classified rightly, (replicates, \*S, K)."""
        return self._shaped(self._right[0])

    @property
    def accuracy(self) -> FloatArray:
        r"""Probability that a fresh target sample is classified rightly, (replicates, \*S)."""
        return self._shaped(self._right[0] @ self.priors)

    @property
    def quadrature_error(self) -> float:
        """Largest estimated error of an accuracy; 0 for K <= 3, where accuracies are exact to rounding."""
        return float((self._right[1] @ self.priors).max(initial=0.0))

    @cached_property
    def risk(self) -> FloatArray:
        r"""Squared error :math:`E \|t - s\|^2` on fresh target samples, against their true labels."""
        mean, covariance = self._moments
        spread = np.maximum(np.trace(covariance, axis1=-2, axis2=-1), 0.0)
        miss = np.sum((mean - self.targets) ** 2, axis=-1)
        return self._shaped((spread + miss) @ self.priors)

    def optimal_alpha(self, criterion: str = "accuracy") -> FloatArray:
        r"""The best alpha of every replicate, shape (replicates,), or (replicates, k) for a vector alpha.

        Parameters
        ----------
        criterion : {"accuracy", "risk"}
            Maximise the accuracy, or minimise the squared error.

        Returns
        -------
        ndarray
            For the risk, a quadratic function of alpha, in closed form; where several alphas are equally
            good, the shortest.  For the accuracy, by search over all alpha from -inf to inf; infinite where
            the source alone, or its negative, is best; 0 where alpha does not matter.

        Raises
        ------
        ValueError
            If ``criterion`` is neither, or is "accuracy" for several sources.
        """
        check_choice("criterion", criterion, CRITERIA)
        if criterion == "risk":
            best = least_risky(self.score_mean, self.score_gram, self.priors, self.targets)
            return best[:, 0] if self.components is None else best
        if self.sources > 1:
            raise NotAvailable(
                f"criterion='accuracy' is searched for one source only, got {self.sources}; use "
                "criterion='risk', or compare the accuracies of draws.at(alpha) for alphas of your choice"
            )
        best = most_accurate(self.score_gram, self.priors, self.moments)
        return best if self.components is None else best[:, None]

    def at(self, alpha: ArrayLike) -> Self:
        """The same classifiers at other alphas; nothing is drawn again."""
        return replace(self, alpha=check_vector_alpha(alpha, self.components))
