"""What is known of the source model: fixed weights, or the data that it was trained on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from rmt_alpha._core.checks import as_real, check_flag, check_scalar
from rmt_alpha._core.pictures.html import Card, Shown
from rmt_alpha._core.pictures.svg import plot, spread
from rmt_alpha._core.types import FloatArray
from rmt_alpha._core.values import Value, shown
from rmt_alpha.problems.labels import check_label_noise, check_outputs, check_outputs_fit
from rmt_alpha.problems.losses import Loss, as_loss, check_trainable
from rmt_alpha.problems.mixture import GaussianMixture, check_mixture
from rmt_alpha.problems.ranges import RIDGE, SAMPLES, check_entries

if TYPE_CHECKING:
    from rmt_alpha.theory.convex.curve import LossCurve
    from rmt_alpha.theory.mixtures.score_law import ScoreLaw
    from rmt_alpha.theory.ridge.mixture import MixtureRidge
    from rmt_alpha.theory.softmax.curve import SoftmaxCurve


@dataclass(frozen=True, eq=False, init=False, repr=False)
class FixedSource(Value, Shown):
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

    Examples
    --------
    >>> FixedSource([0.5, 0.5, 0.0])
    FixedSource(p=3, outputs=1)
    >>> FixedSource([[0.5, 0.5, 0.0], [0.0, 0.0, 1.0]])
    FixedSource(p=3, outputs=1, sources=2)
    """

    weights: FloatArray
    outputs: int

    def __init__(self, weights: ArrayLike, outputs: int = 1) -> None:
        outputs = check_outputs(outputs)
        array = np.array(as_real("weights", weights), dtype=np.float64)
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
        vars(self).update(weights=check_entries("weights", array), outputs=outputs)

    @property
    def p(self) -> int:
        """Dimension."""
        return int(self.weights.shape[-1])

    @property
    def count(self) -> int | None:
        """Number of sources; None for a single one without an axis for it, whose alpha is a scalar."""
        inner = 1 if self.outputs == 1 else 2
        return int(self.weights.shape[0]) if self.weights.ndim > inner else None

    def _card(self) -> Card:
        rows: dict[str, object] = {"p": self.p, "outputs": self.outputs, "sources": self.count or 1}
        rows |= {"lengths of the weights": np.linalg.norm(self.weights, axis=-1)}
        largest = -np.sort(-abs(self.weights.reshape(-1, self.p)[:6]), axis=1)
        at = spread(self.p, 121)
        name = "source" if self.outputs == 1 else "output"
        lines = {"" if len(largest) == 1 else f"{i}": (at, row[at]) for i, row in enumerate(largest, 1)}
        label = f"size of the weights, the largest first, of every {name}"
        return Card(rows, plot(label, ("rank", "size"), lines=lines), note=f"Picture: {label}.")

    def __repr__(self) -> str:
        sources = "" if self.count is None else f", sources={self.count}"
        return f"FixedSource(p={self.p}, outputs={self.outputs}{sources})"


@dataclass(frozen=True, eq=False, init=False, repr=False)
class TrainedSource(Value, Shown):
    """A source classifier that was trained on n samples of its own mixture, independent of the target's."""

    mixture: GaussianMixture
    n: float
    gamma: float
    intercept: bool
    label_noise: FloatArray
    outputs: int

    def _set(
        self,
        mixture: GaussianMixture,
        n: float,
        gamma: float,
        intercept: bool,
        label_noise: ArrayLike,
        outputs: int | None,
    ) -> None:
        classes = check_mixture("mixture", mixture).classes
        vars(self).update(
            mixture=mixture,
            n=check_scalar("n", n, SAMPLES),
            gamma=check_scalar("gamma", gamma, RIDGE),
            intercept=check_flag("intercept", intercept),
            label_noise=check_label_noise(label_noise, classes),
            outputs=(1 if classes == 2 else classes) if outputs is None else check_outputs(outputs),
        )
        check_outputs_fit(self.outputs, classes)

    @property
    def p(self) -> int:
        """Dimension."""
        return self.mixture.p

    @property
    def count(self) -> None:
        """A single source: alpha is a scalar."""
        return None

    def _card(self) -> Card:
        rows = {"n": self.n, "gamma": self.gamma, "intercept": self.intercept, "outputs": self.outputs}
        of_data = self.mixture._card()
        return of_data._replace(rows=rows | {"label noise": self.label_noise} | dict(of_data.rows))

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(p={self.p}, n={shown(self.n)}, gamma={shown(self.gamma)}, "
            f"outputs={self.outputs})"
        )


@dataclass(frozen=True, eq=False, init=False, repr=False)
class RidgeSource(TrainedSource):
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

    def __init__(
        self,
        mixture: GaussianMixture,
        n: float,
        gamma: float,
        *,
        intercept: bool = False,
        label_noise: ArrayLike = 0.0,
        outputs: int | None = None,
    ) -> None:
        self._set(mixture, n, gamma, intercept, label_noise, outputs)

    @cached_property
    def ridge(self) -> MixtureRidge:
        """Effective ridges of the source fit."""
        from rmt_alpha.theory.ridge.mixture import fit_ridge

        return fit_ridge(self.mixture.model, self.n, self.gamma)

    @cached_property
    def law(self) -> ScoreLaw:
        """The law of the source classifier's scores on its own task."""
        from rmt_alpha.theory.mixtures.build import source_law

        return source_law(self, self.ridge, None)


@dataclass(frozen=True, eq=False, init=False, repr=False)
class LossSource(TrainedSource):
    r"""A source classifier trained with a convex loss: pretrained by cross-entropy, say.

    .. math:: \tilde w = \arg\min_w \frac1n \sum_i \varphi(t_i (w x_i + b)) + \frac\gamma2 |w|^2

    on n samples of its own mixture, independent of the target's; with one output per class and
    ``loss="logistic"`` the cross-entropy of softmax.

    Parameters
    ----------
    mixture : GaussianMixture
        The source data.
    n : float
        Number of source samples, positive; ``inf`` is the classifier of an infinite sample.
    gamma : float
        Ridge penalty, positive, per sample (scikit-learn's ``C = 1 / (n * gamma)``).
    loss : {"logistic", "hinge", "squared_hinge", "huber"} or Loss
        What was minimised.
    intercept : bool
        Whether an unpenalised intercept was fitted.  Only the weights are transferred.
    label_noise : float or array_like of shape (K,)
        Fraction of wrong labels among the training samples, overall or per class.
    outputs : int, optional
        1 (labels -1 and +1) or the number of classes (softmax).  By default 1 for two classes.

    Raises
    ------
    ValueError
        If the loss does not fit the outputs or is squared (that is a `RidgeSource`), or gamma is 0.

    Notes
    -----
    The weights enter as a random vector, its deterministic part plus a Gaussian part with covariance
    :math:`\frac1n \sum_a \pi_a \omega_a Q C_a Q`, with the average squared forces :math:`\omega_a` of the
    fixed point of the source fit.  The target may be trained with any loss.

    Examples
    --------
    >>> import rmt_alpha as ra
    >>> target = GaussianMixture.symmetric([1.5, 0.5, 0.0, 0.0])
    >>> source = LossSource(
    ...     GaussianMixture.symmetric([1.5, 0.0, 0.0, 0.5]),
    ...     n=40,
    ...     gamma=0.01,
    ...     loss="logistic",
    ... )
    >>> curve = ra.FineTuning(target, source, n=4, gamma=1.0).curve()
    >>> print(f"{curve.accuracy(0.0):.3f} {curve.accuracy(1.0):.3f}")
    0.892 0.857
    """

    loss: str | Loss

    def __init__(
        self,
        mixture: GaussianMixture,
        n: float,
        gamma: float,
        loss: str | Loss,
        *,
        intercept: bool = False,
        label_noise: ArrayLike = 0.0,
        outputs: int | None = None,
    ) -> None:
        self._set(mixture, n, gamma, intercept, label_noise, outputs)
        if isinstance(loss, str) and loss == "squared":
            raise ValueError("loss='squared' is a RidgeSource(mixture, n, gamma); give another loss")
        check_trainable(loss, self.outputs, self.mixture.classes, self.gamma)
        vars(self).update(loss=loss)

    @cached_property
    def law(self) -> LossCurve | SoftmaxCurve:
        """The law of the source classifier's scores on its own task, a curve on which alpha does nothing."""
        from rmt_alpha.theory.mixtures.build import source_curve

        return source_curve(self)

    def _card(self) -> Card:
        card = super()._card()
        return card._replace(rows={"loss": as_loss(self.loss).name} | dict(card.rows))


Source: TypeAlias = FixedSource | RidgeSource | LossSource
