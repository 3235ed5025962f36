"""`TransferProblem`: the isotropic two-class model of fine-tuning, validated once."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
from numpy.typing import ArrayLike

from rmt_alpha._core import arithmetic
from rmt_alpha._core.checks import Range, as_real, check_range, check_vector, common_shape
from rmt_alpha._core.pictures.html import Card, Shown
from rmt_alpha._core.types import Real, SimulationOptions
from rmt_alpha._core.values import Value, shown
from rmt_alpha.problems.ranges import DIMENSION, NORM, RIDGE, SAMPLES, check_interpolation

if TYPE_CHECKING:
    from rmt_alpha.explore.server import Explorer
    from rmt_alpha.simulation.result import Simulation
    from rmt_alpha.theory.isotropic.curve import AlphaCurve

ALIGNMENT = Range("a number in [-1, 1]", -1.0, 1.0)

RANGES = {"beta": ALIGNMENT, "p": DIMENSION, "n": SAMPLES, "N": SAMPLES, "mu": NORM, "mu_orth": NORM}
RANGES |= {"gamma": RIDGE, "gamma_source": RIDGE, "target_scale": NORM}


@dataclass(frozen=True, eq=False, init=False, repr=False)
class TransferProblem(Value, Shown):
    r"""Fine-tuning a ridge classifier from a source task to a target task, both with identity covariance.

    .. math:: w_\alpha = \arg\min_w \frac1n \sum_i (y_i - w^\top x_i)^2 + \gamma \|w - \alpha \tilde w\|^2

    on n target samples :math:`x \sim \mathcal N(y\, m_t, I_p)`, with balanced labels :math:`y = \pm 1`,

    .. math:: m_t = \mathtt{target\_scale}\,(\beta\, m_s + \sqrt{1 - \beta^2}\, m_\perp), \qquad
        \|m_s\| = \mathtt{mu}, \quad \|m_\perp\| = \mathtt{mu\_orth}, \quad m_s \perp m_\perp .

    The source vector :math:`\tilde w` is the ridge classifier trained on N samples
    :math:`x \sim \mathcal N(y\, m_s, I_p)` with ridge gamma_source.

    The theory of this problem: :doc:`/theory/isotropic`.

    Parameters
    ----------
    beta : float or array_like
        Alignment of the target mean with the source mean, in [-1, 1].
    p, n : float or array_like
        Dimension and number of target samples, positive.  Only p/n matters.  ``n=inf`` is allowed.
    N : float, array_like or None
        Number of source samples.  None: the source direction is known exactly, w~ = m_s.  ``inf``: the ridge
        classifier of an infinite source sample.
    mu, mu_orth : float or array_like
        Norms of the source mean and of the orthogonal component, non-negative.
    gamma, gamma_source : float or array_like
        Ridge penalties of the target and the source fit, non-negative, per-sample convention (1/n in front of
        the loss: scikit-learn's ``Ridge(alpha=n * gamma)``).  0 is the ridgeless limit.
    target_scale : float or array_like
        Multiplies the target mean; 1 in the paper.

    Raises
    ------
    ValueError
        If an argument is outside its range, shapes do not broadcast, or p == n with gamma = 0 (p == N with
        gamma_source = 0), where the variance is infinite.

    Notes
    -----
    All fields broadcast like the arguments of a ufunc.  The model, and the alpha-LoRA method it explains, are
    those of arXiv 2510.21345.

    Examples
    --------
    >>> problem = TransferProblem(beta=0.8, p=400, n=40, N=2000, gamma=0.1)
    >>> curve = problem.curve()
    >>> round(curve.optimal_alpha(), 4)
    2.0801
    >>> TransferProblem(beta=1.2, p=400, n=40)
    Traceback (most recent call last):
        ...
    ValueError: beta must be a number in [-1, 1], got 1.2
    """

    beta: Real
    p: Real
    n: Real
    N: Real | None = None
    mu: Real = 1.0
    mu_orth: Real = 1.0
    gamma: Real = 1.0
    gamma_source: Real = 1.0
    target_scale: Real = 1.0

    def __init__(
        self,
        beta: ArrayLike,
        p: ArrayLike,
        n: ArrayLike,
        N: ArrayLike | None = None,
        mu: ArrayLike = 1.0,
        mu_orth: ArrayLike = 1.0,
        gamma: ArrayLike = 1.0,
        gamma_source: ArrayLike = 1.0,
        target_scale: ArrayLike = 1.0,
    ) -> None:
        given = (beta, p, n, N, mu, mu_orth, gamma, gamma_source, target_scale)
        values, arrays = vars(self), False
        for (name, allowed), value in zip(RANGES.items(), given, strict=True):
            checked: Any = value
            if not (allowed.plain(value) or (value is None and name == "N")):
                checked = as_real(name, value)
                check_range(name, checked, allowed)
                arrays = arrays or isinstance(checked, np.ndarray)
            values[name] = checked
        if arrays:
            common_shape(values)
        check_interpolation(self.p, self.n, self.gamma, "p == n", "gamma")
        if self.N is not None:
            check_interpolation(self.p, self.N, self.gamma_source, "p == N", "gamma_source")

    @classmethod
    def from_means(
        cls,
        mu_source: ArrayLike,
        mu_target: ArrayLike,
        *,
        n: ArrayLike,
        N: ArrayLike | None = None,
        gamma: ArrayLike = 1.0,
        gamma_source: ArrayLike = 1.0,
    ) -> TransferProblem:
        """The problem whose source and target classes have means +-mu_source and +-mu_target.

        The means, of shape (p,), have any geometry: the angle becomes beta, the lengths mu and target_scale.

        Examples
        --------
        >>> problem = TransferProblem.from_means([1.0, 0.0, 0.0], [3.0, 4.0, 0.0], n=20)
        >>> round(problem.beta, 12), round(problem.target_norm, 12)
        (0.6, 5.0)
        """
        source, target = check_vector("mu_source", mu_source), check_vector("mu_target", mu_target)
        if source.size != target.size:
            raise ValueError(
                f"mu_source and mu_target must have the same length, got {source.size} and {target.size}"
            )
        mu, norm = float(np.linalg.norm(source)), float(np.linalg.norm(target))
        common: dict[str, Any] = {"n": n, "N": N, "gamma": gamma, "gamma_source": gamma_source}
        if mu == 0 or norm == 0:
            # No angle: the whole target mean (if any) is new.
            return cls(0.0, source.size, mu=mu, mu_orth=norm, **common)
        unit = source / mu
        along = float(unit @ target)
        across = float(np.linalg.norm(target - along * unit))  # from vectors: 1 - beta^2 would lose digits
        beta, scale = max(-1.0, min(1.0, along / norm)), norm / mu
        sine = math.sqrt((1 - beta) * (1 + beta))
        mu_orth = across / (scale * sine) if sine > 0 else mu
        return cls(beta, source.size, mu=mu, mu_orth=mu_orth, target_scale=scale, **common)

    @classmethod
    def from_source(
        cls, coef_source: ArrayLike, mu_target: ArrayLike, *, n: ArrayLike, gamma: ArrayLike = 1.0
    ) -> TransferProblem:
        """The problem with a fixed source vector and target classes with means +-mu_target.

        Examples
        --------
        >>> problem = TransferProblem.from_source(
        ...     [0.5, 0.5, 0.0], [1.0, 0.0, 1.0], n=6, gamma=0.5
        ... )
        >>> round(problem.curve().optimal_alpha(), 4)
        0.2077
        """
        w, target = check_vector("coef_source", coef_source), check_vector("mu_target", mu_target)
        if w.size != target.size:
            raise ValueError(
                f"coef_source and mu_target must have the same length, got {w.size} and {target.size}"
            )
        # A known source, N = None, is a fixed vector: w~ = m_s.
        return cls.from_means(w, target, n=n, N=None, gamma=gamma)

    # --- geometry ------------------------------------------------------------------------------------

    @property
    def along(self) -> Real:
        """Component of the target mean along the source mean, target_scale beta mu."""
        return self.target_scale * (self.beta * self.mu)

    @property
    def across(self) -> Real:
        """Length of the target mean across the source mean, target_scale sqrt(1 - beta^2) mu_orth."""
        sine: Real = arithmetic.square_root((1 - self.beta) * (1 + self.beta))
        return self.target_scale * (sine * self.mu_orth)

    @property
    def target_norm(self) -> Real:
        """Norm of the target mean; Phi(target_norm) is the best accuracy that any classifier can have."""
        norm: Real = arithmetic.square_root(self.along * self.along + self.across * self.across)
        return norm

    @property
    def shape(self) -> tuple[int, ...]:
        """Broadcast shape of all fields, () for a scalar problem."""
        return np.broadcast_shapes(*(np.shape(value) for value in vars(self).values() if value is not None))

    # --- answers -------------------------------------------------------------------------------------

    def curve(self, dps: int | None = None) -> AlphaCurve:
        """The law of the score as a function of alpha; arrays of curves where fields are arrays.

        ``dps=None`` evaluates in float64; a number of decimal digits evaluates the same formulas in mpmath.
        """
        from rmt_alpha.theory.isotropic.stage import transfer_curve

        return transfer_curve(self, dps)

    def simulate(self, alpha: ArrayLike, **options: Unpack[SimulationOptions]) -> Simulation:
        """Classifiers trained on random data, each scored exactly; see `rmt_alpha.simulate`."""
        from rmt_alpha.simulation import simulate

        return simulate(self, alpha, **options)

    def source_accuracy(self, dps: int | None = None) -> Real:
        r"""Accuracy of the source as it is on the target task, nothing trained.

        .. math:: \Phi\bigl(\langle\tilde w, \mu_\beta\rangle / \lVert\tilde w\rVert\bigr)

        signed, and free of the ridge and the n target samples, which only training needs.  Fine-tuning pays
        where the curve is above it.

        Examples
        --------
        >>> for beta, n in ((0.8, 40), (0.6, 200)):
        ...     problem = TransferProblem(beta, p=400, n=n, N=2000)
        ...     tuned = problem.curve().optimum().value
        ...     print(f"{problem.source_accuracy():.3f} as it is, {tuned:.3f} fine-tuned")
        0.762 as it is, 0.758 fine-tuned
        0.704 as it is, 0.735 fine-tuned
        """
        from rmt_alpha.theory.isotropic.stage import source_accuracy

        return source_accuracy(self, dps)

    def explore(self, *, port: int | None = None, browser: bool = True) -> Explorer:
        """Open it in the application in the browser (extra ``explore``), where its numbers can be moved.

        ``port`` of 127.0.0.1, else 5006 or any that is free; ``browser=False`` opens nothing: see ``url`` of
        what is returned.  It is served until the program ends, or ``stop()``; in a script, ``wait()``.
        """
        from rmt_alpha.explore.server import explore

        return explore(self, port, browser)

    def equivalent_samples(self, alpha: ArrayLike | None = None) -> Real:
        """How many more target samples would buy, without a source, what the source buys.

        The smallest n' - n >= 0 such that training on n' target samples with alpha = 0 and the same gamma
        (per sample) reaches the accuracy of ``alpha``, by default alpha*, on n samples; inf if no number of
        samples does.  ``alpha`` broadcasts with the fields.

        Examples
        --------
        >>> problem = TransferProblem(beta=0.8, p=400, n=40, N=2000)
        >>> (
        ...     round(problem.equivalent_samples(), 1),
        ...     round(problem.equivalent_samples(1.0), 1),
        ... )
        (471.7, 395.8)
        """
        from rmt_alpha.theory.isotropic.equivalent_samples import equivalent_samples

        return equivalent_samples(self, alpha)

    def _given(self) -> dict[str, Real]:
        """The fields that differ from their defaults."""
        each = ((vars(self)[f.name], f) for f in fields(self))
        return {f.name: value for value, f in each if np.ndim(value) or value != f.default}

    def _facts(self) -> dict[str, object]:
        return {**self._given(), **({"source": "known exactly"} if self.N is None else {})}

    def _card(self) -> Card:
        from rmt_alpha.theory.pictures import problem_card

        return problem_card(self)

    def __repr__(self) -> str:
        shown_values = [f"{name}={shown(value)}" for name, value in self._given().items()]
        return f"TransferProblem({', '.join(shown_values)})"
