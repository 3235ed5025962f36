"""`AlphaPath`: everything that leaving samples out tells about alpha at one ridge."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from rmt_alpha._core.checks import as_real
from rmt_alpha._core.pictures.html import Card, Shown
from rmt_alpha._core.pictures.svg import plot, window
from rmt_alpha._core.types import Features, FloatArray, Real
from rmt_alpha._core.values import Value
from rmt_alpha.from_data.criteria import DEFAULT, find_criterion
from rmt_alpha.from_data.leave_one_out import ClassLaw
from rmt_alpha.from_data.ridge_path import RidgeFit
from rmt_alpha.from_data.zero_one import StepFunction, zero_one_path

LARGEST = 2_000_000
"""Entries of the features up to which a criterion takes a moment."""


@dataclass(frozen=True, eq=False, repr=False)
class AlphaPath(Value, Shown):
    r"""Leave-one-out accuracy and risk as functions of all real alpha.

    .. math:: f_{-i}(x_i) = A_i + \alpha B_i

    is the score of sample i by the classifier that is fine-tuned without it: affine in alpha, exactly.  Made
    by `alpha_path`.

    Parameters
    ----------
    fit : RidgeFit
        Fits of labels and source scores at one ridge.
    features : ndarray or sparse matrix of shape (n, p)
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
    features: Features
    sources: FloatArray

    @property
    def gamma(self) -> float:
        """The ridge, per sample."""
        return self.fit.gamma

    @cached_property
    def alpha_unit(self) -> float:
        r"""The alpha of least squares for the source alone.

        .. math:: \langle y, s\rangle / \langle s, s\rangle

        s are the source's scores; both are centred if a free intercept is trained.  ``alpha / alpha_unit`` is
        alpha in least-squares units: at 1 the source is as large as squared loss wants it.  A logistic source
        is in log-odds, for which alpha = 1 is usually too much.  NaN if the scores do not vary.

        Examples
        --------
        >>> import numpy as np
        >>> from rmt_alpha import alpha_path
        >>> y = np.array([-1.0, -1.0, 1.0, 1.0])
        >>> X = np.column_stack([4 * y, [1.0, -1.0, 1.0, -1.0]])
        >>> alpha_path(X, y, [1.0, 0.0], gamma=1.0).alpha_unit
        0.25
        """
        squares = self.fit.path.at(math.inf).gram
        return float(squares[0, 1] / squares[1, 1]) if squares[1, 1] > 0 else math.nan

    @cached_property
    def steps(self) -> StepFunction:
        """The exact leave-one-out accuracy: ``breakpoints``, ``values`` between them, ``at_breakpoints``."""
        return zero_one_path(self.fit.leave_one_out)

    @property
    def breakpoints(self) -> FloatArray:
        """The alphas at which the leave-one-out accuracy changes, at most one or two for each sample."""
        return self.steps.breakpoints

    def loo_accuracy(self, alpha: ArrayLike) -> Real:
        """Exact leave-one-out accuracy at alpha, any shape; ``inf`` is the source alone, fine-tuned away.

        At infinity it is the accuracy of the limit of the classifiers as alpha grows.
        """
        return _plain(self.steps(as_real("alpha", alpha)))

    def loo_risk(self, alpha: ArrayLike) -> Real:
        """Mean squared leave-one-out error, summed over outputs, at finite alpha of any shape."""
        values = np.asarray(as_real("alpha", alpha), dtype=np.float64)
        lines = self.fit.leave_one_out
        missed = lines.missed
        gram = np.einsum("i,iak,ibk->ab", lines.weights, missed, missed)
        best = gram[0, 1] / gram[1, 1] if gram[1, 1] > 0 else 0.0
        return _plain(gram[0, 0] - best * gram[0, 1] + gram[1, 1] * (values - best) ** 2)

    def gaussian_accuracy(self, alpha: ArrayLike) -> Real:
        r"""Accuracy :math:`\sum_c \pi_c \Phi(m_c / \sigma_c)` with the moments of the leave-one-out scores.

        Smooth in alpha; right where the scores are Gaussian in each class, which sums of many features are.
        """
        values = np.asarray(as_real("alpha", alpha), dtype=np.float64)
        infinite = np.isinf(values)
        slope = np.where(infinite, np.sign(values), values)
        points = np.stack([np.where(infinite, 0.0, 1.0), slope], axis=-1)
        return _plain(ClassLaw.from_lines(self.fit.leave_one_out).accuracy(points))

    def best_alpha(self, criterion: str = DEFAULT) -> tuple[float, float]:
        """The alpha that a criterion of `AlphaRidgeClassifierCV` takes at this ridge, and its standard error.

        Parameters
        ----------
        criterion : str
            Such as "evidence" or "loo_accuracy".
        """
        path = self.fit.path.judged
        chooser = find_criterion(criterion).prepared(path, self.features, self.sources)
        choice = chooser.choose(path.at(self.gamma))
        variance = float(chooser.covariance(path.at(self.gamma), choice.point)[0, 0])
        return float(choice.alpha[0]), variance**0.5

    def _card(self) -> Card:
        n, p = self.features.shape
        classes = max(self.fit.path.outputs, 2)
        rows = {"n": n, "p": p, "classes": classes, "gamma": self.gamma}
        ends, unit = {"zero": 0.0, "one": 1.0}, self.alpha_unit
        rows |= {"least-squares unit of alpha": unit}
        rows |= {f"accuracy at alpha = {at:.4g}": self.loo_accuracy(at) for at in (*ends.values(), unit)}
        if self.features.size <= LARGEST:
            ends["best"], error = self.best_alpha()
            rows |= {"best alpha": f"{ends['best']:.4g} +- {error:.2g}"}
            rows |= {"in least-squares units": f"{ends['best'] / unit:.4g} +- {error / abs(unit):.2g}"}
            rows |= {"accuracy there": self.loo_accuracy(ends["best"])}
        at = window(list(ends.values()), 301)
        lines = {"exact": (at, self.loo_accuracy(at))}
        if classes == 2:
            lines |= {"Gaussian": (at, self.gaussian_accuracy(at))}
        marks = {kind: (alpha, float(self.loo_accuracy(alpha))) for kind, alpha in ends.items()}
        label = "leave-one-out accuracy against alpha"
        return Card(rows, plot(label, ("alpha", "accuracy"), lines=lines, marks=marks), f"Picture: {label}.")

    def __repr__(self) -> str:
        n, p = self.features.shape
        classes = max(self.fit.path.outputs, 2)
        return f"AlphaPath(n={n}, p={p}, {classes} classes, gamma={self.gamma:g})"


def _plain(value: Real) -> Real:
    return float(value) if np.ndim(value) == 0 else np.asarray(value)
