r"""What one training sample adds to the covariance of overlaps, for a convex loss.

With r = u + sigma xi the score that a sample would have without its own pull, f(r) its force, f' = df/dr and
f f' the derivative of f by kappa, a source h moves

    D = dM/dh = -f (du + dsigma xi) - f^2 dkappa / 2,     df/dh = f' (du + dsigma xi) + f f' dkappa,

at a fixed correlation of r and r'.  At h = h' = 0 both are the same: all expectations are over one normal
variable.  The derivatives of u, b, sigma, kappa and of the stiffness theta = -E f' = -E f xi / sigma solve
the fixed-point equations of `theory.convex.equations`, differentiated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from rmt_alpha._core.types import Array
from rmt_alpha.errors import NotAvailable
from rmt_alpha.problems.losses import quadrature
from rmt_alpha.theory.convex.equations import LEAST_KAPPA, Equations, State
from rmt_alpha.theory.error_bars.kernel import Kernel, noise_traces
from rmt_alpha.theory.error_bars.pairs import Overlaps, Response, Trained, joint_covariance
from rmt_alpha.theory.error_bars.squared import SampleCells
from rmt_alpha.theory.ridge.basis import Operator

POWERS = (
    *((1, 0, 0), (2, 0, 0), (1, 0, 1), (2, 0, 1), (2, 0, 2), (3, 0, 0), (3, 0, 1), (4, 0, 0)),
    *((0, 1, 0), (0, 1, 1), (0, 1, 2), (1, 1, 0), (1, 1, 1), (2, 1, 0), (0, 2, 0)),
)
"""(a, b, c) of the expectations E f^a (f')^b xi^c that occur."""


@dataclass(frozen=True, eq=False)
class LossFit:
    """The fixed point of a convex loss at one alpha."""

    equations: Equations
    state: State
    trained: Trained
    cells: SampleCells

    @classmethod
    def at(cls, equations: Equations, state: State, others: Sequence[Operator] = ()) -> LossFit:
        """With the vectors and traces that error bars need, also those of other operators."""
        reduction = equations.reduction
        task, gamma, alpha = reduction.task, reduction.gamma, equations.alpha
        model = reduction.model
        kernel = Kernel.of_model(model, model.priors * state.theta, gamma, float(reduction.n), others)
        chance, sign, rows = equations.labels()
        cells = SampleCells(task.means, task.priors, task.group, rows, chance, sign[:, None])
        eta = equations.forces(state, reduction.at(state.theta).kappa)[0]
        weights = (task.priors * eta) @ task.means + gamma * alpha @ reduction.prior.mean[:, 0]
        noise = tuple(noise_traces(kernel, pairs, 1) for pairs in reduction.prior.noise)
        trained = Trained(kernel, kernel.damped(weights)[None, None], gamma * alpha[None], noise)
        return cls(equations, state, trained, cells)

    @property
    def groups(self) -> int:
        """Number of covariances, G."""
        return self.trained.kernel.groups

    @cached_property
    def cell_group(self) -> Array:
        """Covariance of each cell."""
        return np.asarray(self.cells.group[self.cells.row])

    @cached_property
    def expectations(self) -> dict[tuple[int, int, int], Array]:
        """E f^a (f')^b xi^c in each cell, f the force on the score."""
        cells, loss = self.cells, self.equations.loss
        sign = cells.label[:, 0]
        kappa = np.maximum(self.equations.reduction.at(self.state.theta).kappa, LEAST_KAPPA)[self.cell_group]
        mean, std = sign * self.state.mean[cells.row], self.state.std[self.cell_group]

        def integrands(z: Array, owner: Array) -> Array:
            force, stiffness = loss.force(z, kappa[owner])
            xi = (z - mean[owner]) / std[owner]
            return np.stack([force**a * (-stiffness) ** b * xi**c for a, b, c in POWERS])

        found = quadrature.expectation(integrands, mean, std, loss.breaks(kappa), loss.name)
        # On the score, force and xi have the sign of the label, f' has none.
        return {key: sign ** (key[0] + key[2]) * value for key, value in zip(POWERS, found, strict=True)}

    def by_group(self, values: Array) -> Array:
        """Average over the sample of something of each cell, (..., C), by covariance: (..., G)."""
        table = (self.cell_group[:, None] == np.arange(self.groups)) * self.cells.share[:, None]
        return np.asarray(values @ table)

    def by_class(self, values: Array) -> Array:
        """Average over the labels of each class, (..., C) to (..., K)."""
        table = (self.cells.row[:, None] == np.arange(len(self.cells.priors))) * self.cells.chance[:, None]
        return np.asarray(values @ table)


class StateChange(NamedTuple):
    """Derivatives of a fixed point, for F sources."""

    mean: Array
    """du, (F, K)."""
    std: Array
    """dsigma, (F, G)."""
    kappa: Array
    """(F, G)."""
    theta: Array
    """(F, G)."""
    offset: Array
    """db, (F,)."""


def moved(fit: LossFit, overlaps: Overlaps) -> tuple[StateChange, Response]:
    """By implicit differentiation: the map of moves is affine, its matrix found column by column."""
    classes, groups = len(fit.cells.priors), fit.groups
    size, count = classes + 1 + 3 * groups, len(overlaps.offset)
    nothing = Overlaps(
        np.zeros((size, *overlaps.linear.shape[1:])),
        np.zeros((size, 1)),
        np.zeros((size, overlaps.operator.shape[1])),
        np.ones((size, 1, 1)),
    )
    matrix = _mapped(fit, nothing, np.eye(size))[0]
    start, _ = _mapped(fit, overlaps, np.zeros((count, size)))
    system = np.eye(size) - matrix
    if not fit.equations.intercept:
        # No intercept: db = 0.
        system[:, classes], system[classes, classes] = 0.0, 1.0
        start[:, classes] = 0.0
    try:
        found = np.linalg.solve(system.T, start.T).T
    except np.linalg.LinAlgError:
        raise NotAvailable(
            f"LossCurve has no error bars at alpha = {fit.equations.alpha}: no sample of the "
            f"{fit.equations.loss.name} loss holds the intercept, which any small imbalance decides; choose "
            "intercept=False, a smaller gamma, or a smooth loss"
        ) from None
    _, response = _mapped(fit, overlaps, found)
    return _unpacked(found, classes, groups), response


def _unpacked(x: Array, classes: int, groups: int) -> StateChange:
    edges = np.cumsum([classes, 1, groups, groups])
    mean, offset, std, kappa, theta = np.split(x, edges, axis=1)
    return StateChange(mean, std, kappa, theta, offset[:, 0])


def _mapped(fit: LossFit, overlaps: Overlaps, x: Array) -> tuple[Array, Response]:
    """The derivative of the fixed-point equations: what moves x, (F, size), lead to, and that of w."""
    classes, groups, kernel = len(fit.cells.priors), fit.groups, fit.trained.kernel
    move = _unpacked(x, classes, groups)
    eta, omega, theta = changes(fit, move)
    load = overlaps.operator.copy()
    load[:, :groups] += kernel_share(fit) * move.theta
    weights = fit.trained.weights[0]
    turned = np.stack([kernel.apply(weights, c) for c in kernel.operators])
    source = np.einsum("fg,gbp->fbp", load, turned) + overlaps.linear
    force = (fit.cells.priors * eta) @ fit.cells.means
    change = kernel.damped(force[:, None] - source)
    response = Response(fit.trained, load, overlaps.pattern, change[None])
    mean = change[:, 0] @ fit.cells.means.T + move.offset[:, None]
    by_force = fit.by_group(fit.expectations[2, 0, 0])[:, None, None]
    coupling = kernel.second[:, :groups]
    variance = 2 * (response.product(0, 0) + response.echo(by_force))[..., 0, 0] + omega @ coupling.T
    # The intercept balances forces: its own change is what is left of the balance.
    balance = move.offset + eta @ fit.cells.priors - overlaps.offset[:, 0]
    kappa = -load @ kernel.second.T
    return np.concatenate(
        [mean, balance[:, None], variance / (2 * fit.state.std), kappa, theta], axis=1
    ), response


def kernel_share(fit: LossFit) -> Array:
    """Share of the samples of each covariance, (G,)."""
    return np.bincount(fit.cells.group, fit.cells.priors, fit.groups)


def changes(fit: LossFit, move: StateChange) -> tuple[Array, Array, Array]:
    """d eta by class, d omega (summed) and d theta (averaged) by covariance."""
    e, std = fit.expectations, fit.state.std[fit.cell_group]
    mean, spread, kappa = (
        move.mean[:, fit.cells.row],
        move.std[:, fit.cell_group],
        move.kappa[:, fit.cell_group],
    )
    eta = mean * e[0, 1, 0] + spread * e[0, 1, 1] + kappa * e[1, 1, 0]
    omega = 2 * (mean * e[1, 1, 0] + spread * e[1, 1, 1] + kappa * e[2, 1, 0])
    turned = mean * e[0, 1, 1] + spread * e[0, 1, 2] + kappa * e[1, 1, 1]
    theta = -(turned - spread * e[1, 0, 1] / std) / std
    return fit.by_class(eta), fit.by_group(omega), fit.by_group(theta) / kernel_share(fit)


def covariance(fit: LossFit, overlaps: Overlaps, counts: str) -> tuple[Array, Response]:
    """n Cov of functionals, (F, F), and the response of the weights."""
    move, response = moved(fit, overlaps)
    e, kernel = fit.expectations, fit.trained.kernel
    mean, spread, kappa = (
        move.mean[:, fit.cells.row],
        move.std[:, fit.cell_group],
        move.kappa[:, fit.cell_group],
    )
    average = -(mean * e[1, 0, 0] + spread * e[1, 0, 1] + kappa * e[2, 0, 0] / 2)  # E D
    share, moves = fit.cells.share, np.stack([mean, spread, kappa / 2])
    squares = np.array([
        [e[2, 0, 0], e[2, 0, 1], e[3, 0, 0]],
        [e[2, 0, 1], e[2, 0, 2], e[3, 0, 1]],
        [e[3, 0, 0], e[3, 0, 1], e[4, 0, 0]],
    ])  # fmt: skip
    own = (
        np.einsum("ikc,ijc,jlc,c->kl", moves, squares, moves, share, optimize=True)
        - (average * share) @ average.T
    )
    own += average @ fit.cells.count_covariance(counts) @ average.T
    force = fit.by_group(e[2, 0, 0])
    own -= (move.std * force) @ move.std.T  # at a fixed correlation q is proportional to sigma sigma'
    pull = (changes(fit, move)[1] / 2)[:, :, None, None]
    forced = force[:, None, None]
    push = response.product(0, 0) + response.echo(forced) - (move.std * fit.state.std)[:, :, None, None]
    stiffness = fit.by_group(e[0, 2, 0])
    second = response.second(0, 0, forced)
    return joint_covariance(kernel, own, second, stiffness, (pull, pull), (push, push)), response
