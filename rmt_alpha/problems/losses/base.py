r"""`Loss`: a convex function of the margin, and what the theory asks of it.

Labels are t = -1 and +1, and the loss of a score s is phi(t s).  With the proximal operator

    prox(z) = argmin_u  phi(u) + (u - z)^2 / (2 kappa)

a training sample whose margin would be z without it ends at margin prox(z), and pulls on the weights with
the force g(z) = (prox(z) - z) / kappa = -phi'(prox(z)): minus the slope of the Moreau envelope of phi.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from rmt_alpha._core.types import Array
from rmt_alpha._core.values import same
from rmt_alpha.problems.losses import quadrature

Elementwise = Callable[[Array], Array]

ROUNDING = 1e-14
"""Absolute error of the value of a loss near its minimum."""
STEPS = 200
"""More than bisection needs to go from the largest float64 bracket to neighbouring numbers."""


class Moments(NamedTuple):
    """Expectations over Gaussian margins, one for each entry of mean, std and kappa."""

    pull: Array
    """E g, the average force."""
    power: Array
    """E g^2."""
    stiffness: Array
    """-E g', how fast the force falls as the margin grows: E[phi'' / (1 + kappa phi'')]."""


class Loss:
    r"""A convex loss :math:`\varphi(t s)` of the margin, label times score.

    Subclass it with `value`, `slope` and `curvature`; ten lines are enough (see the example).

    What a loss does, and one of your own: :doc:`/theory/losses`.

    Attributes
    ----------
    name : str
        For messages and legends.
    kinks : tuple of float
        Margins where the slope or the curvature jumps; expectations are integrated piece by piece between
        them.  At a jump of the slope, ``slope`` may return either side.

    Notes
    -----
    The training objective is :math:`\frac1n \sum_i \varphi(t_i s_i) + \frac\gamma2 \|w - P\|^2`.

    Examples
    --------
    A loss of one's own, the exponential loss of boosting:

    >>> import numpy as np
    >>> class Exponential(Loss):
    ...     name = "exponential"
    ...
    ...     def value(self, z):
    ...         return np.exp(-z)
    ...
    ...     def slope(self, z):
    ...         return -np.exp(-z)
    ...
    ...     def curvature(self, z):
    ...         return np.exp(-z)
    >>> u = Exponential().prox(np.array([0.0]), np.array([1.0]))
    >>> (u - np.exp(-u)).round(12) + 0.0
    array([0.])
    """

    name: str = "loss"
    kinks: tuple[float, ...] = ()

    def value(self, z: Array) -> Array:
        """phi(z), elementwise."""
        raise NotImplementedError

    def slope(self, z: Array) -> Array:
        """phi'(z), elementwise."""
        raise NotImplementedError

    def curvature(self, z: Array) -> Array:
        """phi''(z), elementwise; any of its values where it jumps."""
        raise NotImplementedError

    def probability(self, score: Array) -> Array:
        """The probability of label +1 that the classifier states at a score; only some losses have one."""
        raise ValueError(
            f"the {self.name} loss states no probabilities: a score of it is only compared with 0; use "
            "loss='logistic', or read the true ones from curve.posterior"
        )

    @property
    def states_probabilities(self) -> bool:
        """Whether `probability` has an answer."""
        return type(self).probability is not Loss.probability

    def prox(self, z: Array, kappa: Array) -> Array:
        """argmin_u phi(u) + (u - z)^2 / (2 kappa), elementwise, to rounding."""
        return proximal_point(self.slope, self.curvature, z, kappa)

    def force(self, z: Array, kappa: Array) -> tuple[Array, Array]:
        """g(z) = (prox(z) - z) / kappa and -g'(z), elementwise."""
        u = self.prox(z, kappa)
        force, bend = -self.slope(u), self.curvature(u)
        stiffness = bend / (1 + kappa * bend)
        for low, kink, high in self.jumps:
            # prox rests on the kink for all z between these two, where the force takes every value between.
            held = (z >= kink + kappa * low) & (z <= kink + kappa * high)
            force = np.where(held, (kink - z) / kappa, force)
            stiffness = np.where(held, 1 / kappa, stiffness)
        return force, stiffness

    def moments(self, mean: Array, std: Array, kappa: Array) -> Moments:
        """E g, E g^2 and -E g' for margins z ~ N(mean, std^2); arrays of one shape."""
        shape, (mean, std, kappa) = mean.shape, (each.ravel() for each in (mean, std, kappa))

        def integrands(z: Array, owner: Array) -> Array:
            force, stiffness = self.force(z, kappa[owner])
            return np.stack([force, force * force, stiffness])

        found = quadrature.expectation(integrands, mean, std, self.breaks(kappa), self.name)
        return Moments(*found.reshape(-1, *shape))

    def training_loss(self, mean: Array, std: Array, kappa: Array) -> Array:
        """E phi(prox(z)): the loss of a sample that was trained on; shape (m,)."""

        def integrand(z: Array, owner: Array) -> Array:
            return np.asarray(self.value(self.prox(z, kappa[owner])))[None]

        found = quadrature.expectation(integrand, mean, std, self.breaks(kappa), self.name, floor=ROUNDING)
        return np.asarray(found[0])

    def test_loss(self, mean: Array, std: Array) -> Array:
        """E phi(z): the loss of a fresh sample; shape (m,)."""
        places = np.broadcast_to(np.asarray(self.kinks, float), (len(mean), len(self.kinks)))
        found = quadrature.expectation(
            lambda z, _: np.asarray(self.value(z))[None], mean, std, places, self.name, floor=ROUNDING
        )
        return np.asarray(found[0])

    def breaks(self, kappa: Array) -> Array:
        """Margins z where g is not smooth, for each kappa; shape (m, any)."""
        sides = [kink + np.multiply.outer(kappa, s) for kink, s in self._kink_slopes()]
        return np.concatenate(sides, axis=1) if sides else np.empty((len(kappa), 0))

    @property
    def jumps(self) -> list[tuple[float, float, float]]:
        """(slope before, kink, slope after) where the slope jumps."""
        return [(float(s[0]), kink, float(s[1])) for kink, s in self._kink_slopes() if s[1] > s[0]]

    def _kink_slopes(self) -> list[tuple[float, Array]]:
        # On both sides of every kink, a step away that neither rounding nor curvature makes visible.
        found = []
        for kink in self.kinks:
            step = 1e-9 * max(1.0, abs(kink))
            sides = np.asarray(self.slope(np.array([kink - step, kink + step])), float)
            bends = np.asarray(self.curvature(np.array([kink - step, kink + step])), float)
            sides = sides + step * bends * np.array([1.0, -1.0])
            if sides[1] - sides[0] < 1e-7 * max(1.0, abs(sides[0])):
                sides = np.full(2, sides.mean())
            found.append((float(kink), sides))
        return found

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return vars(self).keys() == vars(other).keys() and all(
            same(value, vars(other)[name]) for name, value in vars(self).items()
        )

    def __hash__(self) -> int:
        return hash((type(self), self.name))

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


def proximal_point(slope: Elementwise, curvature: Elementwise, z: Array, kappa: Array) -> Array:
    r"""Root u of F(u) = u + kappa phi'(u) - z, elementwise; slope is phi' and curvature phi''.

    F increases at least as fast as u, so that one evaluation brackets the root: between u and u - F(u).
    Newton's steps are taken inside the bracket while they at least halve \|F\|; bisection does the rest, so
    that neither a cycle of Newton's method nor a jump of the slope does harm.
    """
    z, kappa = np.broadcast_arrays(np.asarray(z, float), np.asarray(kappa, float))
    shape = z.shape
    z, kappa = z.ravel(), kappa.ravel()
    u = np.where(z < 0, np.minimum(z + kappa, 0.0), np.minimum(z, 1e3))
    with np.errstate(over="ignore", invalid="ignore"):
        gap = u + kappa * slope(u) - z
        low, high = np.where(gap > 0, u - gap, u), np.where(gap > 0, u, u - gap)
        low, high = np.where(np.isfinite(low), low, -1e300), np.where(np.isfinite(high), high, 1e300)
        for _ in range(STEPS):
            newton = u - gap / (1 + kappa * curvature(u))
            middle = 0.5 * (low + high)
            inside = (newton >= low) & (newton <= high)
            trial = np.where(inside, newton, middle)
            value = trial + kappa * slope(trial) - z
            slow = ~(abs(value) <= 0.5 * abs(gap))
            low, high = np.where(value <= 0, trial, low), np.where(value >= 0, trial, high)
            if slow.any():
                middle = 0.5 * (low + high)
                trial = np.where(slow, middle, trial)
                value = np.where(slow, trial + kappa * slope(trial) - z, value)
                low, high = np.where(value <= 0, trial, low), np.where(value >= 0, trial, high)
            u, gap = trial, value
            size = np.maximum(abs(u), abs(z)) + kappa * abs(slope(u))
            if ((high - low <= 4e-16 * np.maximum(1.0, abs(u))) | (abs(gap) <= 4e-16 * size)).all():
                break
    return np.asarray(u).reshape(shape)
