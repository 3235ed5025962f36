r"""How a fit with softmax answers to sources, and the covariance of overlaps: matrices for numbers.

With scores r = u + R xi in d contrasts, R R^T = Sigma, the force f and Theta = -df/dr at r, a source h moves

    D = dM/dh = -f.z + f dV f / 2,    df/dh = -Theta z,    z = du + dR xi + dV f,    dR = dSigma R^-T / 2,

at a fixed correlation of xi and xi'.  In the basis in which the covariances are diagonal, with N_j = G_j^-1,

    dN_j = O_j + sum_g C_gj dTheta_g,    dW_j = G_j (sum_a pi_a m_aj deta_a - u_j - dN_j W_j).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from rmt_alpha._core.types import Array
from rmt_alpha.theory.error_bars.squared import SampleCells
from rmt_alpha.theory.softmax.equations import RARE, ContrastState, SoftmaxEquations
from rmt_alpha.theory.softmax.forces import ProximalStep, proximal_force, stiffness_at
from rmt_alpha.theory.softmax.reduction import Resolvent

BLOCK, ENTRIES = 1 << 14, 1 << 22
"""Nodes whose moments are summed at a time; entries of the matrices of the moves that are made at a time."""


class Functionals(NamedTuple):
    """F functionals u.w + o.b + sum_j w_j O_j w_j / 2 of trained weights and intercepts."""

    linear: Array
    """u, shape (F, p, d)."""
    offset: Array
    """o, shape (F, d)."""
    operator: Array
    """O, symmetric, shape (F, J, d, d), where one entry j may stand for all coordinates."""


class Move(NamedTuple):
    """Derivatives of a fixed point."""

    mean: Array
    """du, (F, K, d)."""
    offset: Array
    """db, (F, d)."""
    covariance: Array
    """dSigma, (F, G, d, d)."""
    stiffness: Array
    """dTheta, summed over the classes of each covariance with their fractions, (F, G, d, d)."""


class FitChange(NamedTuple):
    """What a move leads to, through the forces and the resolvent."""

    resolvent: Array
    """dG, (F, J, d, d)."""
    step: Array
    """dV, (F, G, d, d)."""
    weights: Array
    """dW, (F, p, d)."""
    pull: Array
    """E (df/dh) f^T, summed over the classes of each covariance with their fractions, (F, G, d, d)."""


class CellSamples(NamedTuple):
    """The training samples of one class with one label."""

    row: int
    """The class."""
    group: int
    """Its covariance."""
    chance: float
    """Probability of the label in the class."""
    away: Array
    """r - u at the nodes, (d, N)."""
    force: Array
    """f, (d, N)."""
    stated: Array
    """Softmax at the proximal points, (K, N)."""
    weights: Array
    """(N,)."""


@dataclass(frozen=True, eq=False)
class SoftmaxFit:
    """The fixed point at one alpha: ``equations`` have its alpha, and nodes for averages in ``state``."""

    equations: SoftmaxEquations
    state: ContrastState
    wide: bool = False
    """Whether every coordinate has an entry of its own, also where the covariances need only one."""

    @property
    def values(self) -> Array:
        """C, shape (G, J)."""
        model = self.equations.reduction.model
        return np.broadcast_to(model.values, (len(model.values), model.p)) if self.wide else model.values

    @property
    def multiplicity(self) -> float:
        """Coordinates that an entry stands for."""
        return 1.0 if self.wide else float(self.equations.reduction.model.multiplicity)

    # --- the samples ------------------------------------------------------------------------------------

    @cached_property
    def resolvent(self) -> Resolvent:
        """G."""
        return self.equations.reduction.resolvent(self.state.stiffness)

    @cached_property
    def steps(self) -> list[ProximalStep]:
        """V of each covariance."""
        return [ProximalStep.of(self.equations.basis, each) for each in self.resolvent.step]

    @cached_property
    def samples(self) -> list[CellSamples]:
        """Of every class and label."""
        equations, found = self.equations, []
        for a, label, chance in equations.labels():
            g = equations.reduction.group[a]
            scores, weights = equations.scores(self.state, a, light=chance <= RARE)
            start = np.zeros((equations.classes, len(weights)))
            force, stated = proximal_force(self.steps[g], label, scores, start)
            away = scores - self.state.mean[a][:, None]
            found.append(CellSamples(a, g, chance, away, equations.basis.T @ force, stated, weights))
        return found

    @cached_property
    def cells(self) -> SampleCells:
        """Classes and labels."""
        reduction, (row, _, chance) = self.equations.reduction, np.array(self.equations.labels()).T
        label = np.zeros((len(row), 1))
        return SampleCells(reduction.means, reduction.priors, reduction.group, row.astype(int), chance, label)

    @cached_property
    def moments(self) -> tuple[Array, Array]:
        """Averages of products of Theta, (K, d, d, m, m) and (G, d d, d d).

        E Theta b b^T of each class for b = (1, r - u, f), m = 1 + 2 d; and Y = E Theta_ac Theta_bd from (c,
        d) to (a, b), summed over the classes of each covariance with their fractions.
        """
        d = len(self.state.offset)
        size, priors = 1 + 2 * d, self.equations.reduction.priors
        first = np.zeros((self.equations.classes, d * d, size * size))
        second = np.zeros((len(self.state.covariance), d * d, d * d))
        for one in self.samples:
            for start in range(0, len(one.weights), BLOCK):
                part = slice(start, start + BLOCK)
                theta = stiffness_at(self.steps[one.group], one.stated[:, part]).reshape(-1, d * d)
                weights = one.chance * one.weights[part]
                rows = np.concatenate([np.ones((1, len(weights))), one.away[:, part], one.force[:, part]])
                first[one.row] += theta.T @ ((rows[:, None] * rows).reshape(size * size, -1) * weights).T
                second[one.group] += priors[one.row] * (theta.T * weights) @ theta
        turned = second.reshape(-1, d, d, d, d).transpose(0, 1, 3, 2, 4)  # (a, c, b, d) to (a, b, c, d)
        return first.reshape(-1, d, d, size, size), turned.reshape(second.shape)

    @cached_property
    def power(self) -> Array:
        """S: E f f^T, summed over the classes of each covariance with their fractions, (G, d, d)."""
        found, priors = np.zeros_like(self.state.covariance), self.equations.reduction.priors
        for one in self.samples:
            found[one.group] += priors[one.row] * one.chance * (one.force * one.weights) @ one.force.T
        return found

    @cached_property
    def weights(self) -> Array:
        """E W, shape (p, d)."""
        pull = np.zeros_like(self.state.mean)
        for one in self.samples:
            pull[one.row] += one.chance * (one.force @ one.weights)
        return self.resolvent.weights(pull, self.equations.alpha).T

    @cached_property
    def kicks(self) -> tuple[Array, Array]:
        """T_j = sum_g C_gj S_g, and gamma^2 alpha^2 times the covariance of the sources at coordinate j."""
        reduction = self.equations.reduction
        forces = np.tensordot(self.values.T, self.power, axes=1)
        if not any(reduction.prior.noise):
            return forces, 0 * forces
        return forces, reduction.gamma**2 * np.tensordot(
            self.equations.alpha**2, reduction.source_noise, axes=1
        )

    # --- its answer to sources --------------------------------------------------------------------------

    def answered(self, sources: Functionals, move: Move) -> tuple[Move, FitChange]:
        """The derivative of the fixed-point equations: where a move leads."""
        reduction, inverse, n = self.equations.reduction, self.resolvent.inverse, self.equations.reduction.n
        turned = np.einsum("gj,fgab->fjab", self.values, move.stiffness, optimize=True) + sources.operator
        bent = -inverse @ turned @ inverse
        step = self._sum(bent) / n
        eta, pull, theta = self.by_forces(move, step)
        load = np.einsum("fka,kp->fpa", reduction.priors[:, None] * eta, reduction.means, optimize=True)
        load = load - sources.linear - (turned @ self.weights[..., None])[..., 0]
        weights = (inverse @ load[..., None])[..., 0]
        mean = np.einsum("fpa,kp->fka", weights, reduction.means, optimize=True) + move.offset[:, None]
        # The intercept balances forces: its own change is what is left of the balance.
        balance = move.offset + np.einsum("k,fka->fa", reduction.priors, eta) - sources.offset
        half = self.pushed(bent, weights)
        omega = pull + np.swapaxes(pull, -1, -2)
        echo = inverse @ np.einsum("gj,fgab->fjab", self.values, omega, optimize=True) @ inverse
        covariance = half + np.swapaxes(half, -1, -2) + self._sum(echo) / n
        return Move(mean, balance, covariance, theta), FitChange(bent, step, weights, pull)

    def pushed(self, bent: Array, weights: Array) -> Array:
        """dA/dh + dV/dh S, (F, G, d, d)."""
        reduction, (forces, noise) = self.equations.reduction, self.kicks
        kicks = forces / reduction.n + noise
        direct = np.einsum("fpa,gp,pb->fgab", weights, self._spectra, self.weights, optimize=True)
        return np.asarray(direct + self._sum(bent @ kicks @ self.resolvent.inverse))

    def by_forces(self, move: Move, step: Array) -> tuple[Array, Array, Array]:
        """d eta (F, K, d), and E (df/dh) f^T and dTheta, summed by covariance, (F, G, d, d)."""
        d, group = step.shape[-1], self.equations.reduction.group
        turn = move.covariance @ np.linalg.inv(self.state.covariance) / 2
        z = np.concatenate([move.mean[..., None], turn[:, group], step[:, group]], axis=-1)
        change = -np.einsum("kabmn,fkbm->fkan", self.moments[0], z, optimize=True)
        inverse, average = np.linalg.inv(self.state.covariance)[group], self.moments[0][..., 0, 0]
        theta = -change[..., 1 : 1 + d] @ inverse - average @ turn[:, group]
        theta = (theta + np.swapaxes(theta, -1, -2)) / 2
        return change[..., 0], self._pooled(change[..., 1 + d :]), self._pooled(theta)

    def _pooled(self, matrices: Array) -> Array:
        table = (self.equations.reduction.group == np.arange(len(self.state.covariance))[:, None]) * 1.0
        pooled: Array = np.einsum(
            "gk,k,fkab->fgab", table, self.equations.reduction.priors, matrices, optimize=True
        )
        return pooled

    def _sum(self, entries: Array) -> Array:
        """sum_j C_gj A_j for (F, J, d, d)."""
        return np.asarray(self.multiplicity * np.einsum("gj,fjab->fgab", self.values, entries, optimize=True))

    @property
    def _spectra(self) -> Array:
        model = self.equations.reduction.model
        return np.broadcast_to(model.values, (len(model.values), model.p))

    def moved(self, sources: Functionals) -> tuple[Move, FitChange]:
        """By implicit differentiation: the map of moves is affine, its matrix found column by column."""
        size, count = len(self._flat(self._nowhere(1))[0]), len(sources.offset)
        none = Functionals(*(0 * each[:1] for each in sources))
        entries = self.values.shape[1] * self.state.offset.size**2 + sources.linear[0].size
        parts = np.array_split(np.eye(size), -(-size * entries // ENTRIES))
        matrix = np.concatenate([self._flat(self.answered(none, self._lifted(part))[0]) for part in parts])
        start = self._flat(self.answered(sources, self._nowhere(count))[0])
        system = np.eye(size) - matrix
        if not self.equations.intercept:
            classes, d = self.state.mean.shape
            held = slice(classes * d, (classes + 1) * d)  # db = 0
            system[:, held], system[held, :], system[held, held] = 0.0, 0.0, np.eye(d)
            start[:, held] = 0.0
        move = self._lifted(np.linalg.solve(system.T, start.T).T)
        return move, self.answered(sources, move)[1]

    def _nowhere(self, count: int) -> Move:
        state = self.state
        parts = (state.mean, state.offset, state.covariance, state.stiffness)
        return Move(*(np.zeros((count, *each.shape)) for each in parts))

    def _flat(self, move: Move) -> Array:
        rows, columns = np.tril_indices(move.offset.shape[1])
        matrices = [each[..., rows, columns] for each in (move.covariance, move.stiffness)]
        return np.concatenate(
            [each.reshape(len(each), -1) for each in (move.mean, move.offset, *matrices)], axis=1
        )

    def _lifted(self, flat: Array) -> Move:
        (classes, d), groups = self.state.mean.shape, len(self.state.covariance)
        rows, columns = np.tril_indices(d)
        edges = np.cumsum([classes * d, d, groups * len(rows)])
        mean, offset, *rest = np.split(flat, edges, axis=1)
        matrices = np.zeros((2, len(flat), groups, d, d))
        for matrix, part in zip(matrices, rest, strict=True):
            matrix[..., rows, columns] = matrix[..., columns, rows] = part.reshape(len(flat), groups, -1)
        return Move(mean.reshape(-1, classes, d), offset, matrices[0], matrices[1])

    # --- the covariance ---------------------------------------------------------------------------------

    def covariance(self, sources: Functionals, counts: str) -> tuple[Array, FitChange]:
        """n Cov of functionals, (F, F), (eq-bars-covariance), and how the fit answers to them."""
        move, answer = self.moved(sources)
        count, (forces, noise) = len(sources.offset), self.kicks
        own = self._envelopes(move, answer, counts)
        turn = move.covariance @ np.linalg.inv(self.state.covariance) / 2  # dR R^-1
        # At a fixed correlation q is R R'.
        own -= np.einsum("gab,kgac,lgcb->kl", self.power, turn, move.covariance / 2, optimize=True)
        own += np.einsum(
            "gab,gp,kpa,lpb->kl", self.power, self._spectra, answer.weights, answer.weights, optimize=True
        )
        middle = forces / (2 * self.equations.reduction.n) + noise
        own += self.multiplicity * np.einsum(
            "jab,kjac,jcd,ljdb->kl", forces, answer.resolvent, middle, answer.resolvent, optimize=True
        )
        push = self.pushed(answer.resolvent, answer.weights) - move.covariance / 2
        x, y = answer.pull.reshape(count, -1), push.reshape(count, -1)
        mirrored = [np.swapaxes(each, -1, -2).reshape(count, -1) for each in (answer.pull, push)]
        coupling, stiffness = self.coupling, self.stiffness
        left, right = y + x @ coupling.T, mirrored[0] + mirrored[1] @ stiffness.T
        flow = np.linalg.solve(np.eye(len(coupling)) - stiffness @ coupling, right.T)
        return np.asarray(own + x @ mirrored[1].T + left @ flow), answer

    def _envelopes(self, move: Move, answer: FitChange, counts: str) -> Array:
        """Cov[D_k, D_l] within the cells, and of the averages by random cells."""
        turn, shares = move.covariance @ np.linalg.inv(self.state.covariance) / 2, self.cells.share
        total, averages = np.zeros((len(turn), len(turn))), []
        for share, one in zip(shares, self.samples, strict=True):
            z = move.mean[:, one.row, :, None] + turn[:, one.group] @ one.away
            z += answer.step[:, one.group] @ one.force / 2
            envelope = -(one.force * z).sum(axis=1)
            average = envelope @ one.weights
            total += share * ((envelope * one.weights) @ envelope.T - np.outer(average, average))
            averages.append(average)
        table = np.array(averages).T
        return np.asarray(total + table @ self.cells.count_covariance(counts) @ table.T)

    @property
    def coupling(self) -> Array:
        """V as a matrix from (h, c, d) to (g, a, b): (1/n) sum_j C_gj G_j s G_j C_hj."""
        inverse, values = self.resolvent.inverse, self.values
        weighted = values[:, None] * values * (self.multiplicity / self.equations.reduction.n)
        inverse = np.broadcast_to(inverse, (values.shape[1], *inverse.shape[1:]))
        found = np.einsum("ghj,jac,jbd->gabhcd", weighted, inverse, inverse, optimize=True)
        size = int(np.sqrt(found.size))
        return np.asarray(found.reshape(size, size))

    @property
    def stiffness(self) -> Array:
        """Y for all covariances at once."""
        pairs = self.moments[1]
        groups, size, _ = pairs.shape
        found = np.zeros((groups, size, groups, size))
        found[np.arange(groups), :, np.arange(groups)] = pairs
        return found.reshape(groups * size, groups * size)
