r"""The fixed-point map of fine-tuning with a convex loss.

The score of a fresh sample of class a is N(u_a, sigma_g^2), u_a = m_a.w + b.  Its margin z, label times
score, feels the force g(z) (`problems.losses`).  With eta_a = E[t g], omega_a = E g^2, theta_a = -E g',

    w = Q (sum_a pi_a eta_a m_a + gamma P),   sum_a pi_a eta_a = 0 (intercept),   kappa_g = (1/n) tr C_g Q,
    sigma_g^2 = E[w]^T C_g E[w] + (1/n) sum_a pi_a omega_a tr C_g Q C_a Q + noise of the sources.

Unknowns are u, b, log sigma and log theta; given theta, Q is known.  In the step for u and b the force is
linear, eta_a - theta_a (change of u_a): exact for the squared loss, and stable however strong the means are.
Several states at once, along leading axes, cost hardly more than one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from rmt_alpha._core.types import Array
from rmt_alpha.problems.losses.base import Loss
from rmt_alpha.theory.convex.reduction import Reduced, Reduction

FAR = 1e3
"""Scores farther away than this times their size are not where a linear step leads."""
ROUNDING = 16 * float(np.finfo(float).eps)
"""Error of a sum of forces, whose largest is of order 1."""
LARGEST_LOG = 300.0
LEAST_STD, LEAST_THETA = 1e-150, 1e-130
"""Smallest sizes of a step, so that they have logarithms; without a ridge it may meet no stiffness at all."""
LEAST_KAPPA = 1e-13
"""An infinite sample has kappa = 0; so small a number changes nothing else."""


@dataclass(frozen=True, eq=False)
class State:
    """The scores of the classes, and the stiffness of the samples of each covariance."""

    mean: Array
    """u, shape (..., K)."""
    offset: Any
    """b, shape (...)."""
    std: Array
    """sigma, shape (..., G)."""
    theta: Array
    """shape (..., G)."""

    def packed(self) -> Array:
        """As the unknowns of the solver."""
        offset = np.asarray(self.offset)[..., None]
        return np.concatenate([self.mean, offset, np.log(self.std), np.log(self.theta)], axis=-1)

    @classmethod
    def unpacked(cls, x: Array, classes: int) -> State:
        """The inverse of `packed`."""
        # Trial steps may lead anywhere; what they are worth shows in the residual.
        sizes = np.exp(np.minimum(np.maximum(x[..., classes + 1 :], -LARGEST_LOG), LARGEST_LOG))
        half = sizes.shape[-1] // 2
        return cls(x[..., :classes], x[..., classes][()], sizes[..., :half], sizes[..., half:])


class LabelShares(NamedTuple):
    """Every label that occurs."""

    chance: Array
    """Its share of the samples of its class."""
    sign: Array
    """-1 or +1."""
    rows: Array
    """Its class."""


@dataclass(frozen=True, eq=False)
class Equations:
    """The map at one alpha, (k,), or one for each state, (..., k), for shares ``noise`` of wrong labels.

    With ``smoothing`` the loss is replaced by its Moreau envelope with this parameter.  ``drawn``, a sample's
    shares of the labels -1 and +1 in units of their probabilities, is (1, 1) in the limit of large n.
    """

    reduction: Reduction
    loss: Loss
    noise: Array
    intercept: bool
    alpha: Array
    smoothing: float = 0.0
    drawn: tuple[float, float] = (1.0, 1.0)

    @property
    def classes(self) -> int:
        """K, which is 2."""
        return len(self.noise)

    def forces(self, state: State, kappa: Array) -> tuple[Array, Array, Array]:
        """(eta, omega, theta) of each class, shape (..., K)."""
        return self.averaged(self.label_forces(state, kappa))

    def label_forces(self, state: State, kappa: Array) -> Array:
        """t E g, E g^2 and -E g' of each label, shape (3, ..., labels)."""
        _, sign, rows = self.labels()
        group = self.reduction.task.group[rows]
        mean, std = sign * state.mean[..., rows], state.std[..., group]
        # The force of an envelope is that of the loss at a larger kappa.
        step = np.maximum(kappa[..., group], LEAST_KAPPA) + self.smoothing
        pull, power, stiffness = self.loss.moments(mean, std, step)
        # A mean square, which rounding may leave below 0.
        return np.array([sign * pull, np.maximum(power, 0.0), stiffness])

    def averaged(self, label_forces: Array) -> tuple[Array, Array, Array]:
        """(eta, omega, theta) of each class from those of its labels."""
        eta, omega, theta = _product(label_forces, self._by_class)
        return eta, omega, theta

    def labels(self) -> LabelShares:
        """Share, sign and class of every label that occurs."""
        return self._labels

    @cached_property
    def _labels(self) -> LabelShares:
        sign = np.array([-1.0, 1.0, 1.0, -1.0])
        chance = np.concatenate([1 - self.noise, self.noise]) * np.where(sign > 0, *self.drawn[::-1])
        rows = np.tile(np.arange(self.classes), 2)
        keep = chance > 0
        return LabelShares(chance[keep], sign[keep], rows[keep])

    @cached_property
    def _by_class(self) -> Array:
        """Averages over the labels of each class, shape (labels, K)."""
        chance, _, rows = self.labels()
        return np.asarray(chance[:, None] * (rows[:, None] == np.arange(self.classes)))

    @cached_property
    def _by_group(self) -> Array:
        """pi_a where class a has covariance g, shape (K, G)."""
        task = self.reduction.task
        return np.asarray(task.priors[:, None] * (task.group[:, None] == np.arange(task.group.max() + 1)))

    def step(self, state: State) -> State:
        """One application of the map."""
        reduced = self.reduction.at(state.theta)
        eta, omega, theta = self.forces(state, reduced.kappa)
        reached = (reduced.reach @ self.alpha[..., None])[..., 0]
        force, offset = self._balanced(reduced, state, eta, omega, theta, reached)
        pushed = (reduced.gram @ (self.reduction.task.priors * force)[..., None])[..., 0]
        mean = pushed + reached + np.asarray(offset)[..., None]
        std = np.sqrt(self.variance(reduced, force, omega))
        return State(mean, offset, np.maximum(std, LEAST_STD), np.maximum(self._pooled(theta), LEAST_THETA))

    def variance(self, reduced: Reduced, force: Array, omega: Array) -> Array:
        """sigma_g^2, shape (..., G)."""
        priors = self.reduction.task.priors
        alpha = np.broadcast_to(self.alpha, (*force.shape[:-1], self.alpha.shape[-1]))
        weights = np.concatenate([priors * force, alpha], axis=-1)[..., None, :]
        direct = ((weights[..., None, :] @ reduced.forms)[..., 0, :] * weights).sum(axis=-1)
        kicks = reduced.echo @ _product(omega, self._by_group)[..., None]
        return np.asarray(direct + (kicks + reduced.noise @ alpha[..., None] ** 2)[..., 0])

    def _pooled(self, theta: Array) -> Array:
        """Average over the classes of each covariance."""
        table = self._by_group
        return np.asarray(_product(theta, table) / table.sum(axis=0) + self.reduction.least_theta)

    def _balanced(
        self, reduced: Reduced, state: State, eta: Array, omega: Array, theta: Array, reached: Array
    ) -> tuple[Array, Any]:
        """Forces and intercept after the linear step: force + theta (u - old u) = eta for all classes."""
        priors, classes = self.reduction.task.priors, self.classes
        system = np.zeros((*eta.shape[:-1], classes + 1, classes + 1))
        right = np.zeros(system.shape[:-1])
        system[..., :classes, :classes] = np.eye(classes) + theta[..., None] * reduced.gram * priors
        right[..., :classes] = eta + theta * (state.mean - reached)
        if self.intercept:
            system[..., :classes, classes] = theta
            system[..., classes, :classes] = priors
            balance, stiffness = _product(np.array([eta, theta]), priors[:, None])[..., 0]
            width = 1.0 + state.std.max(axis=-1)
            held = abs(balance) < stiffness * FAR * (width + abs(state.mean).max(axis=-1))
            if not np.all(held):
                # Too little stiffness to say where the intercept balances the forces: a step that way, if
                # they are out of balance beyond rounding.
                size = _product(np.sqrt(omega), priors[:, None])[..., 0]
                side = np.where(abs(balance) > ROUNDING * size, np.sign(balance), 0.0)
                last = np.append(np.zeros(classes), 1.0)
                system[..., classes, :] = np.where(held[..., None], system[..., classes, :], last)
                right[..., classes] = np.where(held, 0.0, state.offset + side * width)
        else:
            system[..., classes, classes] = 1.0
        scale = abs(system).max(axis=-1)
        solution = np.linalg.solve(system / scale[..., None], (right / scale)[..., None])[..., 0]
        return solution[..., :classes], solution[..., classes][()]


def _product(rows: Array, table: Array) -> Array:
    """``rows @ table`` of each row alone: beside others BLAS may round it in another way."""
    return np.asarray((rows[..., None, :] @ table)[..., 0, :])
