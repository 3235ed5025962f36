r"""Edges of the bulk of squared singular values, and the spikes outside, with their rates.

With mu = 1/m, m = u^T (z - M M^T)^-1 u for any unit vector u, equation (17) of the theory is explicit,

    z(mu) = mu + tr T mu/(mu - d T),     z' = 1 - d tr T^2/(mu - d T)^2.

The bulk ends where z' = 0 with mu above d T or below; a spike theta is where (18)
theta^2 (1/p) tr q/(mu - d T) = 1, if that mu lies above the edge.  All these equations are f(mu) = 1 with f
convex, falling, and a sum of powers of 1/(mu - d T): of f^(-1/k) Newton's steps from below are monotone, and
Jensen's inequality is where they start.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from rmt_alpha._core.types import BoolArray, FloatArray
from rmt_alpha.errors import ConvergenceError
from rmt_alpha.theory.low_rank.model import Direction, Model

STEPS = 100
ROUNDING = 4 * np.finfo(float).eps


class Outliers(NamedTuple):
    """The spikes of M, arrays of shape (alphas, spikes)."""

    mu: FloatArray
    seen: BoolArray
    """Whether the spike lies outside of the bulk; where not, mu is the edge's."""


def increasing_root(
    start: FloatArray, newton: Callable[[FloatArray], FloatArray], scale: FloatArray
) -> FloatArray:
    """Roots reached by Newton's steps that never pass them, from below; ``newton`` gives the step."""
    x = start
    for _ in range(STEPS):
        step = np.maximum(newton(x), 0.0)
        x = x + step
        if (step <= ROUNDING * scale).all():
            return np.asarray(x)
    raise ConvergenceError(f"no root after {STEPS} Newton steps; the last was {step.max():.1e}", x)


def edge(model: Model, side: int) -> FloatArray:
    """mu at the upper (``side`` = 1) or lower (-1) end of the bulk, shape (alphas,)."""
    poles = side * model.d * model.T
    mass = model.d * model.p * model.weights * model.T**2
    total = mass.sum(axis=1)
    last = poles.argmax(axis=1)[:, None]
    alone = np.take_along_axis(poles, last, 1) + np.sqrt(np.take_along_axis(mass, last, 1))
    start = np.maximum((mass * poles).sum(axis=1) / total + np.sqrt(total), alone[:, 0])

    def newton(x: FloatArray) -> FloatArray:
        inverse = 1 / (x[:, None] - poles)
        terms = mass * inverse * inverse
        f, slope = terms.sum(axis=1), -2 * (terms * inverse).sum(axis=1)
        # The step of f^(-1/2) - 1, a concave function.
        return np.asarray(2 * (f - np.sqrt(f) * f) / slope)

    return side * increasing_root(start, newton, abs(start) + np.sqrt(total))


def outliers(model: Model, top: FloatArray) -> Outliers:
    """The spikes; ``top`` is the upper edge."""
    poles, mass = model.d * model.T, model.weights * model.q
    strength = model.spikes**2
    at_top = (mass / (top[:, None] - poles)).sum(axis=1)
    seen = at_top[:, None] * strength > 1
    mean = (mass * poles).sum(axis=1) / mass.sum()
    start = np.maximum(strength * mass.sum() + mean[:, None], top[:, None])

    def newton(x: FloatArray) -> FloatArray:
        inverse = 1 / (x[..., None] - poles[:, None])
        f = strength * (inverse @ mass)
        slope = -strength * ((inverse * inverse) @ mass)
        return np.asarray(np.where(seen, (f - f * f) / slope, 0.0))  # of 1/f - 1

    mu = increasing_root(start, newton, start) if model.spikes.size else start
    return Outliers(np.where(seen, mu, top[:, None]), seen)


def location(model: Model, mu: FloatArray) -> FloatArray:
    """z(mu), the squared singular value; mu of shape (alphas, ...)."""
    poles, trace = _spread(model.d * model.T, mu), _spread(model.p * model.weights * model.T, mu)
    return np.asarray(mu + (trace * mu[..., None] / (mu[..., None] - poles)).sum(axis=-1))


def moved(model: Model, mu: FloatArray, along: Direction) -> FloatArray:
    """Rate of z at fixed mu: at an edge, where z' = 0, it is that of the edge itself."""
    poles, trace = _spread(model.d * model.T, mu), _spread(model.p * model.weights * along.T, mu)
    return np.asarray((trace * (mu[..., None] / (mu[..., None] - poles)) ** 2).sum(axis=-1))


def slope(model: Model, mu: FloatArray) -> FloatArray:
    """z'(mu)."""
    mass, poles = model.d * model.p * model.weights * model.T**2, _spread(model.d * model.T, mu)
    return np.asarray(1 - (_spread(mass, mu) / (mu[..., None] - poles) ** 2).sum(axis=-1))


def rate(model: Model, mu: FloatArray, along: Direction) -> FloatArray:
    """Rate of the squared singular value of a spike at ``mu``, shape (alphas, spikes)."""
    inverse = 1 / (mu[..., None] - _spread(model.d * model.T, mu))
    mass = model.weights * model.q
    moving = inverse @ (model.weights * along.q)
    moving = moving + (inverse * inverse * _spread(mass * model.d * along.T, mu)).sum(axis=-1)
    at_fixed = moved(model, mu, along)
    return np.asarray(slope(model, mu) * moving / ((inverse * inverse) @ mass) + at_fixed)


def _spread(values: FloatArray, like: FloatArray) -> FloatArray:
    """(alphas, nodes) as (alphas, 1, ..., nodes)."""
    return values.reshape(values.shape[0], *(1,) * (like.ndim - 1), values.shape[-1])
