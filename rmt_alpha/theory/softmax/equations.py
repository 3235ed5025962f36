r"""The fixed-point map of fine-tuning with softmax (docs/theory/softmax.md).

Scores of a fresh sample of class a are N(u_a, Sigma_g) in d = K - 1 contrasts, u_a = W^T m_a + b, and

    W_j = G_j (sum_a pi_a m_aj eta_a + gamma P_j),   sum_a pi_a eta_a = 0 (intercept),
    V_g = (1/n) sum_j C_gj G_j,
    Sigma_g = E[W]^T C_g E[W] + (1/n) sum_j C_gj G_j (sum_a pi_a C_aj Omega_a) G_j + noise of the sources,

with eta_a = E f, Omega_a = E f f^T and Theta_a = -E df/dr of the forces.  Unknowns are u, b and the matrix
logarithms of Sigma and Theta.  In the step for u and b the force is linear, eta_a - Theta_a (change of u_a).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np

from rmt_alpha._core.types import Array
from rmt_alpha.theory.softmax.forces import CLOSE, Forces, LeftOutScores, ProximalStep, forces, proximal_force
from rmt_alpha.theory.softmax.nodes import Nodes
from rmt_alpha.theory.softmax.reduction import ContrastReduction, Resolvent

LARGEST_LOG = 300.0
RARE = 0.25
"""Probability of a label in its class up to which the light rule does."""
SLIGHT = 0.05
"""`ProximalStep.rest` up to which the light rule of the light rule does for Theta - Theta_D."""
LEAST = 1e-14
"""Of an eigenvalue of Theta, relative to gamma over the average variance: less is hidden by the ridge."""


@dataclass(frozen=True, eq=False)
class ContrastState:
    """The scores of the classes, and the stiffness of the samples of each covariance."""

    mean: Array
    """u, shape (K, d), intercept included."""
    offset: Array
    """b, shape (d,)."""
    covariance: Array
    """Sigma, shape (G, d, d)."""
    stiffness: Array
    """Average of Theta over the classes of each covariance, times their fraction, shape (G, d, d)."""

    def packed(self) -> Array:
        """As the unknowns of the solver."""
        logs = _log(np.concatenate([self.covariance, self.stiffness]))
        return np.concatenate([self.mean.ravel(), self.offset, _vector(logs)])

    @classmethod
    def unpacked(cls, x: Array, classes: int) -> ContrastState:
        """The inverse of `packed`."""
        d = classes - 1
        matrices = _exp(_symmetric(x[(classes + 1) * d :], d))
        half = len(matrices) // 2
        mean = x[: classes * d].reshape(classes, d)
        return cls(mean, x[classes * d : (classes + 1) * d], matrices[:half], matrices[half:])

    @property
    def size(self) -> float:
        """Of the scores: the unit of u and b."""
        return float(abs(self.mean).max() + np.sqrt(np.trace(self.covariance, axis1=1, axis2=2).max()))

    @cached_property
    def axes(self) -> tuple[Array, Array]:
        """Standard deviations along the principal axes of the scores, the largest first, and these axes.

        Shapes (G, d) and (G, d, d), a column for each axis.
        """
        values, vectors = np.linalg.eigh(self.covariance)
        return np.sqrt(np.maximum(values, 0.0))[:, ::-1], vectors[:, :, ::-1]


class Averages(NamedTuple):
    """Of the forces on the samples of each class, over its labels."""

    pull: Array
    """eta, shape (K, d)."""
    power: Array
    """Omega, shape (K, d, d)."""
    stiffness: Array
    """Theta, shape (K, d, d)."""


@dataclass(frozen=True, eq=False)
class SoftmaxEquations:
    """The map at one alpha, with averages over one set of nodes."""

    reduction: ContrastReduction
    basis: Array
    """Of the contrasts, shape (K, d)."""
    chances: Array
    """Probability of each label (column) in each class (row), shape (K, K)."""
    intercept: bool
    alpha: Array
    """Shape (k,)."""
    axes: Array
    """Orthonormal, about the principal ones of the scores of each covariance, shape (G, d, d)."""
    nodes: tuple[Nodes, ...]
    """Along these axes, for each covariance."""
    starts: dict[tuple[int, int, int], Array] = field(default_factory=dict)
    """The force at every node by class, label and how light: where the next proximal points start."""

    @property
    def classes(self) -> int:
        """K."""
        return len(self.basis)

    def start(self) -> ContrastState:
        """The scores of the source alone, and the stiffness of samples whose scores spread like these."""
        d, groups = self.classes - 1, self.reduction.model.values.shape[0]
        shares = np.bincount(self.reduction.group, self.reduction.priors, groups)
        one, spread, none = np.eye(d), 0.0, np.zeros((self.classes, d))
        for _ in range(3):
            stiffness = shares[:, None, None] * one / (self.classes * (1 + spread))
            resolvent = self.reduction.resolvent(stiffness)
            weights = resolvent.weights(none, self.alpha)
            covariance = resolvent.covariance(weights, 0 * stiffness, self.alpha) + one
            state = ContrastState(self.reduction.means @ weights.T, np.zeros(d), covariance, stiffness)
            spread = state.size
        return state

    def step(self, state: ContrastState) -> ContrastState:
        """One application of the map."""
        resolvent = self.reduction.resolvent(state.stiffness)
        found = self.averages(state, resolvent.step)
        eta, power, theta = found.pull, self.pooled(found.power), self.pooled(found.stiffness)
        force, offset = self._balanced(resolvent, state, eta, found.stiffness)
        weights = resolvent.weights(force, self.alpha)
        mean = self.reduction.means @ weights.T + offset
        covariance = resolvent.covariance(weights, power, self.alpha)
        least = LEAST * self.reduction.gamma * self.reduction.model.p
        least /= max(float(self.reduction.model.moments[0].max()), 1e-300)
        return ContrastState(mean, offset, covariance, theta + least * np.eye(self.classes - 1))

    def averages(self, state: ContrastState, step: Array) -> Averages:
        """Averages of the forces; the forces themselves are kept as starts."""
        steps = [ProximalStep.of(self.basis, each) for each in step]
        roots = self.roots(state)
        classes, d = state.mean.shape
        sums = [np.zeros((classes, d)), np.zeros((classes, d, d)), np.zeros((classes, d, d))]
        for a, label, chance in self.labels():
            one, rule = steps[self.reduction.group[a]], self.nodes[self.reduction.group[a]]
            # Of rules with a lighter one, what is small is averaged over that.
            depth = 1 if chance <= RARE else 0
            deep = 2 if one.rest <= SLIGHT else 1
            whole = rule.light is None or depth == deep or one.rest > CLOSE
            found = self._forces(state, roots, one, a, label, depth, gap=whole)
            more = found if whole else self._forces(state, roots, one, a, label, deep, gap=True)
            for total, part in zip(sums, (found.pull, found.power, found.stiffness + more.gap), strict=True):
                total[a] += chance * part
        return Averages(*sums)

    def _forces(
        self,
        state: ContrastState,
        roots: Array,
        step: ProximalStep,
        a: int,
        label: int,
        depth: int,
        *,
        gap: bool,
    ) -> Forces:
        """On samples of class a with a label, over the nodes or lighter ones; kept as starts."""
        g = self.reduction.group[a]
        law, start = LeftOutScores(state.mean[a], roots[g]), self.starts.get((a, label, depth))
        found = forces(step, label, law, self._rule(g, depth), start, gap=gap)
        self.starts[a, label, depth] = found.nodes
        return found

    def scores(self, state: ContrastState, a: int, *, light: bool = False) -> tuple[Array, Array]:
        """Scores of class a at the nodes, (d, N), and the weights, (N,)."""
        g = self.reduction.group[a]
        rule = self._rule(g, int(light))
        return LeftOutScores(state.mean[a], self.roots(state)[g]).at(rule.points), rule.weights

    def _rule(self, g: int, depth: int) -> Nodes:
        """The nodes, or the light rule of that rule and so on, as far as there are any."""
        rule = self.nodes[g]
        for _ in range(depth):
            rule = rule.light or rule
        return rule

    def labels(self) -> list[tuple[int, int, float]]:
        """Class, label, and the probability of the label in the class, of all that occur."""
        return [
            (a, label, float(self.chances[a, label])) for a, label in np.argwhere(self.chances > 0).tolist()
        ]

    def trained(self, state: ContrastState) -> Iterator[tuple[float, int, Array, Array]]:
        """Share, label, scores after training at the nodes, (d, N), and weights of every class and label."""
        step = self.reduction.resolvent(state.stiffness).step
        for a, label, chance in self.labels():
            one = step[self.reduction.group[a]]
            scores, weights = self.scores(state, a)
            start = np.zeros((self.classes, len(weights)))
            force, _ = proximal_force(ProximalStep.of(self.basis, one), label, scores, start)
            yield self.reduction.priors[a] * chance, label, scores + one @ self.basis.T @ force, weights

    def roots(self, state: ContrastState) -> Array:
        """Square roots of the covariances, smooth functions of them that hardly turn the axes."""
        turned = np.swapaxes(self.axes, 1, 2)
        return np.asarray(self.axes @ np.linalg.cholesky(turned @ state.covariance @ self.axes))

    def pooled(self, matrices: Array) -> Array:
        """Sum over the classes of each covariance with their fractions, shape (G, d, d)."""
        found = np.zeros((len(self.reduction.model.values), *matrices.shape[1:]))
        np.add.at(found, self.reduction.group, self.reduction.priors[:, None, None] * matrices)
        return found

    def _balanced(
        self, resolvent: Resolvent, state: ContrastState, eta: Array, theta: Array
    ) -> tuple[Array, Array]:
        """Forces and intercept after the linear step: force + Theta (u - old u) = eta for all classes."""
        priors, (classes, d) = self.reduction.priors, eta.shape
        size = classes * d
        reach = resolvent.reach(self.alpha)
        coupling = np.einsum("aij,abjk,b->aibk", theta, resolvent.gram(), priors).reshape(size, size)
        right = (eta + np.einsum("aij,aj->ai", theta, state.mean - reach)).ravel()
        if not self.intercept:
            force = np.linalg.solve(np.eye(size) + coupling, right)
            return force.reshape(classes, d), np.zeros(d)
        system = np.zeros((size + d, size + d))
        system[:size, :size] = np.eye(size) + coupling
        system[:size, size:] = theta.reshape(size, d)
        system[size:, :size] = np.kron(priors, np.eye(d))
        solution = np.linalg.solve(system, np.concatenate([right, np.zeros(d)]))
        return solution[:size].reshape(classes, d), solution[size:]


# --- symmetric matrices as vectors that keep their norm -----------------------------------------------------


def _log(matrices: Array) -> Array:
    values, vectors = np.linalg.eigh(matrices)
    values = np.log(np.maximum(values, np.exp(-LARGEST_LOG)))
    return np.asarray((vectors * values[:, None]) @ np.swapaxes(vectors, 1, 2))


def _exp(matrices: Array) -> Array:
    values, vectors = np.linalg.eigh(matrices)
    values = np.exp(np.clip(values, -LARGEST_LOG, LARGEST_LOG))
    return np.asarray((vectors * values[:, None]) @ np.swapaxes(vectors, 1, 2))


def _vector(matrices: Array) -> Array:
    rows, columns = np.tril_indices(matrices.shape[1])
    scale = np.where(rows == columns, 1.0, np.sqrt(2.0))
    return np.asarray((matrices[:, rows, columns] * scale).ravel())


def _symmetric(x: Array, d: int) -> Array:
    rows, columns = np.tril_indices(d)
    entries = x.reshape(-1, len(rows)) / np.where(rows == columns, 1.0, np.sqrt(2.0))
    found = np.empty((len(entries), d, d))
    found[:, rows, columns] = found[:, columns, rows] = entries
    return found
