"""What is known of the source model: fixed weights, or the data that it was trained on."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from rmt_alpha._core import arithmetic
from rmt_alpha._core.arithmetic import MP_ARRAY
from rmt_alpha._core.checks import as_real, check_range
from rmt_alpha.problems.labels import check_label_noise, label_law
from rmt_alpha.problems.mixture import GaussianMixture
from rmt_alpha.theory.mixtures.score_law import Prior, ScoreLaw, Task, score_law
from rmt_alpha.theory.ridge.basis import Basis, Operator
from rmt_alpha.theory.ridge.isotropic import RIDGE, SAMPLES
from rmt_alpha.theory.ridge.mixture import MixtureRidge, fit_ridge
from rmt_alpha.theory.ridge.spectrum import exact_shares

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
class FixedSource:
    r"""Frozen source weights :math:`\tilde w`, one or several sources.

    Parameters
    ----------
    weights : array_like
        Shape (p,) for one source, (k, p) for k sources: alpha then has k components, and the target is held
        near :math:`\sum_s \alpha_s \tilde w_s`.  With ``outputs=q`` every source is a matrix: shape (q, p)
        or (k, q, p).
    outputs : int
        Outputs of the classifier: 1 for two classes with labels -1 and +1, else the number of classes, whose
        scores are then fitted to one-hot targets.

    Raises
    ------
    TypeError, ValueError
        If the weights are not finite real numbers of such a shape.

    Examples
    --------
    >>> FixedSource([0.5, 0.5, 0.0])
    FixedSource(p=3, outputs=1)
    >>> FixedSource([[0.5, 0.5, 0.0], [0.0, 0.0, 1.0]])
    FixedSource(p=3, outputs=1, sources=2)
    """

    weights: Any
    outputs: int = 1

    def __post_init__(self) -> None:
        outputs = check_outputs(self.outputs)
        array = np.array(as_real("weights", self.weights), dtype=np.float64)
        inner = 1 if outputs == 1 else 2
        if array.ndim not in (inner, inner + 1) or array.size == 0:
            shape = "(p,) or (k, p)" if outputs == 1 else f"({outputs}, p) or (k, {outputs}, p)"
            raise ValueError(
                f"weights must have shape {shape} for outputs={outputs}, got shape {array.shape}"
            )
        if outputs > 1 and array.shape[-2] != outputs:
            raise ValueError(
                f"weights must have one row per output, (..., {outputs}, p), got shape {array.shape}"
            )
        if not np.isfinite(array).all():
            where = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
            raise ValueError(f"weights must have finite entries, got {array[where]} at index {where}")
        array.flags.writeable = False
        object.__setattr__(self, "weights", array)
        object.__setattr__(self, "outputs", outputs)

    @property
    def p(self) -> int:
        """Dimension."""
        return int(self.weights.shape[-1])

    @property
    def count(self) -> int | None:
        """Number of sources; None for a single one without an axis for it, whose alpha is a scalar."""
        inner = 1 if self.outputs == 1 else 2
        return int(self.weights.shape[0]) if self.weights.ndim > inner else None

    def prior(self, basis: Basis, dps: int | None) -> Prior:
        """The source as the target sees it."""
        if dps is not None:
            return self._prior(MP_ARRAY.number(self.weights))
        last: tuple[Basis, Prior] | None = self.__dict__.get("_last_prior")
        if last is None or last[0] is not basis:
            # Rotating costs O(p^2): kept, so that further ridges and sample sizes cost O(p).
            last = basis, self._prior(basis.coordinates(self.weights))
            self.__dict__["_last_prior"] = last
        return last[1]

    def _prior(self, weights: Array) -> Prior:
        rows = weights.reshape(-1, self.outputs, self.p)
        return Prior(rows, ((),) * len(rows))

    def __repr__(self) -> str:
        sources = "" if self.count is None else f", sources={self.count}"
        return f"FixedSource(p={self.p}, outputs={self.outputs}{sources})"


@dataclass(frozen=True, eq=False)
class RidgeSource:
    r"""A source classifier trained by ridge on n samples of its own mixture, independent of the target's.

    .. math:: \tilde w = \arg\min_w \frac1n \sum_i |t_i - w x_i - b|^2 + \gamma |w|^2

    Parameters
    ----------
    mixture : GaussianMixture
        The source data.
    n : float
        Number of source samples, positive; ``inf`` is the classifier of an infinite sample.
    gamma : float
        Ridge penalty, non-negative, per sample (1/n in front of the loss).  0 is the ridgeless limit.
    intercept : bool
        Whether an unpenalised intercept was fitted.  Only the weights are transferred.
    label_noise : float or array_like of shape (K,)
        Fraction of wrong labels among the training samples, overall or per class.
    outputs : int, optional
        1 (labels -1 and +1) or the number of classes (one-hot targets).  By default 1 for two classes.

    Notes
    -----
    The weights enter as a random vector, its deterministic part plus a Gaussian part
    with covariance :math:`\frac1n \sum_a \pi_a \omega_a \bar Q C_a \bar Q`.

    Examples
    --------
    >>> source = RidgeSource(
    ...     GaussianMixture.symmetric([1.0, 0.0, 0.0]), n=20, gamma=0.5
    ... )
    >>> source.ridge.kappa.round(4)
    array([0.5534])
    """

    mixture: GaussianMixture
    n: Any
    gamma: Any
    intercept: bool = field(default=False, kw_only=True)
    label_noise: Any = field(default=0.0, kw_only=True)
    outputs: Any = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        check_mixture("mixture", self.mixture)
        object.__setattr__(self, "n", check_scalar("n", self.n, SAMPLES))
        object.__setattr__(self, "gamma", check_scalar("gamma", self.gamma, RIDGE))
        object.__setattr__(self, "label_noise", check_label_noise(self.label_noise, self.mixture.classes))
        classes = self.mixture.classes
        outputs = (1 if classes == 2 else classes) if self.outputs is None else check_outputs(self.outputs)
        check_outputs_fit(outputs, classes)
        object.__setattr__(self, "outputs", outputs)

    @property
    def p(self) -> int:
        """Dimension."""
        return self.mixture.p

    @property
    def count(self) -> None:
        """A single source: alpha is a scalar."""
        return None

    @cached_property
    def ridge(self) -> MixtureRidge:
        """Effective ridges of the source fit."""
        return fit_ridge(self.mixture.model, self.n, self.gamma)

    @cached_property
    def law(self) -> ScoreLaw:
        """The law of the source classifier's scores on its own task."""
        return self._law(self.ridge, None)

    def prior(self, basis: Basis, dps: int | None) -> Prior:
        """The source as the target sees it."""
        if dps is None:
            n, ridge, law = self.n, self.ridge, self.law
        else:
            n, gamma = arithmetic.to_mpf(self.n), arithmetic.to_mpf(self.gamma)
            ridge = fit_ridge(self.mixture.model.exact(), n, gamma)
            law = self._law(ridge, dps)
        weights, own = law.weights, law.task.basis
        if own is not basis:
            weights = basis.coordinates(own.vectors_from(weights))
        return Prior(weights[None], (_weight_noise(n, ridge, law),))

    def _law(self, ridge: MixtureRidge, dps: int | None) -> ScoreLaw:
        task = make_task(self.mixture, self.outputs, self.label_noise, dps)
        return score_law(task, ridge, None, self.intercept)


def _weight_noise(n: Any, ridge: MixtureRidge, law: ScoreLaw) -> tuple[tuple[Operator, Array], ...]:
    r"""Covariance of ridge-trained weights, (1/n) sum_a pi_a E[e e^T | a] Q C_a Q / x_a^2.

    e is the residual of a fresh training sample: mean ``residual``, label noise and the variance of the
    score.
    """
    if n == math.inf:
        return ()
    task, pairs = law.task, []
    residual, spread = law.residual[:, :, 0], law.spread[:, :, :, 0]
    squares = residual[:, :, None] * residual[:, None, :] + task.labels.covariance
    for g, x in enumerate(ridge.relative):
        members = task.group == g
        scores = task.priors[members].sum() * (spread[g].T @ spread[g])
        covariance = scores + np.tensordot(task.priors[members], squares[members], axes=1)
        pairs.append((ridge.resolvent.sandwich(g), covariance / (x * x * n)))
    return tuple(pairs)


Source = FixedSource | RidgeSource


def make_task(mixture: GaussianMixture, outputs: int, noise: Array, dps: int | None) -> Task:
    """The classes in the basis of their covariances, in floats or mpmath numbers."""
    means, priors = mixture.mean_coordinates, mixture.priors
    if dps is not None:
        means, priors, noise = MP_ARRAY.number(means), exact_shares(priors), MP_ARRAY.number(noise)
    labels = label_law(mixture.classes, outputs, noise)
    return Task(means, priors, mixture.group, labels, mixture.model.basis)


def check_mixture(name: str, value: Any) -> GaussianMixture:
    """``value`` if it is a mixture, else TypeError."""
    if not isinstance(value, GaussianMixture):
        raise TypeError(f"{name} must be a GaussianMixture, got {type(value).__name__}")
    return value


def check_scalar(name: str, value: Any, allowed: Any) -> float:
    """One real number in a range."""
    value = as_real(name, value)
    if isinstance(value, np.ndarray):
        raise TypeError(
            f"{name} must be one number here, got an array of shape {value.shape}; loop over its values"
        )
    check_range(name, value, allowed)
    return float(value)


def check_outputs(value: Any) -> int:
    """A positive integer."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ValueError(f"outputs must be 1 or the number of classes, got {value!r}")
    return int(value)


def check_outputs_fit(outputs: int, classes: int) -> None:
    """1 output is for two classes, else there is one for each class."""
    if outputs not in ((1, 2) if classes == 2 else (classes,)):
        allowed = "1 (labels -1 and +1) or 2 (one-hot)" if classes == 2 else f"{classes}, one for each class"
        raise ValueError(f"outputs must be {allowed}, got {outputs}")
