"""`AlphaPath`: everything that leaving samples out tells about alpha at one ridge."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from rmt_alpha._core.alphas import as_alpha
from rmt_alpha._core.checks import as_real
from rmt_alpha.from_data.class_law import ClassLaw
from rmt_alpha.from_data.criteria import DEFAULT, find_criterion
from rmt_alpha.from_data.criteria.base import Criterion
from rmt_alpha.from_data.design import Array
from rmt_alpha.from_data.ridge_path import RidgeFit
from rmt_alpha.from_data.zero_one import StepFunction, zero_one_path


@dataclass(frozen=True, eq=False)
class AlphaPath:
    r"""Leave-one-out accuracy and risk as functions of all real alpha.

    .. math:: f_{-i}(x_i) = A_i + \alpha B_i

    is the score of sample i by the classifier that is fine-tuned without it: affine in alpha, exactly.  Made
    by `alpha_path`.

    Parameters
    ----------
    fit : RidgeFit
        Fits of labels and source scores at one ridge.
    features : ndarray of shape (n, p)
        The features, for criteria that need them.
    sources : ndarray of shape (1, K, p)
        The source weights.

    Examples
    --------
    >>> import numpy as np
    >>> from rmt_alpha import alpha_path
    >>> rng = np.random.default_rng(0)
    >>> mean = np.ones(100) / 8
    >>> y = np.repeat([-1, 1], 20)
    >>> X = y[:, None] * mean + rng.standard_normal((40, 100))
    >>> path = alpha_path(X, y, coef_source=mean, gamma=1.0)
    >>> path.loo_accuracy([0.0, 1.0, np.inf])
    array([0.825, 0.9  , 0.85 ])
    >>> path.gaussian_accuracy([0.0, 1.0, np.inf]).round(3)
    array([0.832, 0.892, 0.841])
    """

    fit: RidgeFit
    features: Array
    sources: Array

    @property
    def gamma(self) -> float:
        """The ridge, per sample."""
        return self.fit.gamma

    @cached_property
    def steps(self) -> StepFunction:
        """The exact leave-one-out accuracy: ``breakpoints``, ``values`` between them, ``at_breakpoints``."""
        return zero_one_path(self.fit.leave_one_out)

    @property
    def breakpoints(self) -> Array:
        """The alphas at which the leave-one-out accuracy changes, at most one or two for each sample."""
        return self.steps.breakpoints

    def loo_accuracy(self, alpha: Any) -> Any:
        """Exact leave-one-out accuracy at alpha, any shape; ``inf`` is the source alone, fine-tuned away.

        At infinity it is the accuracy of the limit of the classifiers as alpha grows.
        """
        return _plain(self.steps(as_real("alpha", alpha)))

    def loo_risk(self, alpha: Any) -> Any:
        """Mean squared leave-one-out error, summed over outputs, at finite alpha of any shape."""
        alpha = np.asarray(as_real("alpha", alpha), dtype=np.float64)
        lines = self.fit.leave_one_out
        missed = lines.lines.copy()
        missed[:, 0] = lines.labels - missed[:, 0]
        gram = np.einsum("i,iak,ibk->ab", lines.weights, missed, missed)
        best = gram[0, 1] / gram[1, 1] if gram[1, 1] > 0 else 0.0
        return _plain(gram[0, 0] - best * gram[0, 1] + gram[1, 1] * (alpha - best) ** 2)

    def gaussian_accuracy(self, alpha: Any) -> Any:
        r"""Accuracy :math:`\sum_c \pi_c \Phi(m_c / \sigma_c)` with the moments of the leave-one-out scores.

        Smooth in alpha; right where the scores are Gaussian in each class, which sums of many features are.
        """
        alpha = np.asarray(as_real("alpha", alpha), dtype=np.float64)
        infinite = np.isinf(alpha)
        slope = np.where(infinite, np.sign(alpha), np.where(infinite, 0.0, alpha))
        points = np.stack([np.where(infinite, 0.0, 1.0), slope], axis=-1)
        return _plain(ClassLaw.from_lines(self.fit.leave_one_out).accuracy(points))

    def best_alpha(self, criterion: str = DEFAULT) -> tuple[float, float]:
        """The alpha that a criterion of `AlphaRidgeClassifierCV` takes at this ridge, and its standard error.

        Parameters
        ----------
        criterion : str
            Such as "evidence" or "loo_accuracy".
        """
        chooser: Criterion = find_criterion(criterion)
        chooser = chooser.prepared(self.fit.path, self.features, self.sources)
        choice = chooser.choose(self.fit)
        variance = float(chooser.covariance(self.fit, choice.point)[0, 0])
        return float(as_alpha(choice.point)[0]), variance**0.5


def _plain(value: Any) -> Any:
    return float(value) if np.ndim(value) == 0 else np.asarray(value)
