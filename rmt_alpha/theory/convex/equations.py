r"""The fixed-point map of fine-tuning with a convex loss.

The score of a fresh sample of class a is N(u_a, sigma_g^2), u_a = m_a.w + b.  Its margin z, label times
score, feels the force g(z) (`problems.losses`).  With eta_a = E[t g], omega_a = E g^2, theta_a = -E g',

    w = Q (sum_a pi_a eta_a m_a + gamma P),   sum_a pi_a eta_a = 0 (intercept),   kappa_g = (1/n) tr C_g Q,
    sigma_g^2 = E[w]^T C_g E[w] + (1/n) sum_a pi_a omega_a tr C_g Q C_a Q + noise of the sources.

Unknowns are u, b, log sigma and log theta; given theta, Q is known.  In the step for u and b the force is
linear, eta_a - theta_a (change of u_a): exact for the squared loss, and stable however strong the means are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rmt_alpha._core.types import Array
from rmt_alpha.problems.losses.base import Loss, Moments
from rmt_alpha.theory.convex.reduction import Reduced, Reduction

FAR = 1e3
"""Scores farther away than this times their size are not where a linear step leads."""
LARGEST_LOG = 300.0
LEAST_KAPPA = 1e-13
"""An infinite sample has kappa = 0; so small a number changes nothing else."""


@dataclass(frozen=True, eq=False)
class State:
    """The scores of the classes, and the stiffness of the samples of each covariance."""

    mean: Array
    """u, shape (K,)."""
    offset: float
    """b."""
    std: Array
    """sigma, shape (G,)."""
    theta: Array
    """shape (G,)."""

    def packed(self) -> Array:
        """As the unknowns of the solver."""
        return np.concatenate([self.mean, [self.offset], np.log(self.std), np.log(self.theta)])

    @classmethod
    def unpacked(cls, x: Array, classes: int) -> State:
        """The inverse of `packed`."""
        # Trial steps may lead anywhere; what they are worth shows in the residual.
        sizes = np.exp(np.clip(x[classes + 1 :], -LARGEST_LOG, LARGEST_LOG))
        half = len(sizes) // 2
        return cls(x[:classes], float(x[classes]), sizes[:half], sizes[half:])


@dataclass(frozen=True, eq=False)
class Equations:
    """The map at one alpha, for a share ``noise`` of wrong labels in each class.

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
        """(eta, omega, theta) of each class, shape (K,)."""
        chance, sign, rows = self.labels()
        group = self.reduction.task.group[rows]
        mean, std = sign * state.mean[rows], state.std[group]
        # The force of an envelope is that of the loss at a larger kappa.
        found = self.loss.moments(mean, std, np.maximum(kappa[group], LEAST_KAPPA) + self.smoothing)
        signed = Moments(sign * found.pull, found.power, found.stiffness)
        sums = [np.bincount(rows, chance * part, self.classes) for part in signed]
        return sums[0], sums[1], sums[2]

    def labels(self) -> tuple[Array, Array, Array]:
        """Share, sign and class of every label that occurs."""
        sign = np.array([-1.0, 1.0, 1.0, -1.0])
        chance = np.concatenate([1 - self.noise, self.noise]) * np.where(sign > 0, *self.drawn[::-1])
        rows = np.tile(np.arange(self.classes), 2)
        keep = chance > 0
        return chance[keep], sign[keep], rows[keep]

    def step(self, state: State) -> State:
        """One application of the map."""
        reduced = self.reduction.at(state.theta)
        eta, omega, theta = self.forces(state, reduced.kappa)
        force, offset = self._balanced(reduced, state, eta, theta)
        priors = self.reduction.task.priors
        mean = reduced.gram @ (priors * force) + reduced.reach @ self.alpha + offset
        std = np.sqrt(self.variance(reduced, force, omega))
        return State(mean, offset, np.maximum(std, 1e-150), self._pooled(theta))

    def variance(self, reduced: Reduced, force: Array, omega: Array) -> Array:
        """sigma_g^2, shape (G,)."""
        task = self.reduction.task
        weights = np.concatenate([task.priors * force, self.alpha])
        direct = np.einsum("i,gij,j->g", weights, reduced.forms, weights)
        kicks = np.bincount(task.group, task.priors * omega, len(reduced.kappa))
        return np.asarray(direct + reduced.echo @ kicks + reduced.noise @ self.alpha**2)

    def _pooled(self, theta: Array) -> Array:
        """Average over the classes of each covariance."""
        task = self.reduction.task
        shares = np.bincount(task.group, task.priors)
        return np.asarray(np.bincount(task.group, task.priors * theta) / shares + self.reduction.least_theta)

    def _balanced(self, reduced: Reduced, state: State, eta: Array, theta: Array) -> tuple[Array, float]:
        """Forces and intercept after the linear step: force + theta (u - old u) = eta for all classes."""
        priors, classes = self.reduction.task.priors, self.classes
        system = np.zeros((classes + 1, classes + 1))
        system[:classes, :classes] = np.eye(classes) + theta[:, None] * reduced.gram * priors
        right = np.append(eta + theta * (state.mean - reduced.reach @ self.alpha), 0.0)
        if self.intercept:
            system[:classes, classes] = theta
            system[classes, :classes] = priors
            balance, width = float(priors @ eta), 1.0 + float(state.std.max())
            if not abs(balance) < float(priors @ theta) * FAR * (width + abs(state.mean).max()):
                # Too little stiffness to say where the intercept balances the forces: a step that way.
                system[classes] = np.append(np.zeros(classes), 1.0)
                right[classes] = state.offset + np.sign(balance) * width
        else:
            system[classes, classes] = 1.0
        scale = abs(system).max(axis=1, keepdims=True)
        solution = np.linalg.solve(system / scale, right / scale[:, 0])
        return solution[:classes], float(solution[classes])
