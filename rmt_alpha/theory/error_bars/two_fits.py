r"""The covariance of overlaps between two fits with a smooth loss to the same data, at different alphas.

The two scores of a sample have a correlation rho below 1.  With the Hermite coefficients a_m and b_m of two
functions of standard normal variables of that correlation (Mehler)

    E a(xi) b(xi') = sum_m rho^m a_m b_m ,

so that S, its derivatives and Cov[D_k, D_l] of `any_loss` are sums, and q = A + V S(q) is solved by Newton's
method.  V has the resolvents of both fits, docs/theory/error_bars.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from rmt_alpha._core.types import Array
from rmt_alpha.errors import ConvergenceError
from rmt_alpha.theory.convex.equations import LEAST_KAPPA
from rmt_alpha.theory.error_bars.any_loss import LossFit, StateChange, moved
from rmt_alpha.theory.error_bars.pairs import Overlaps, Response

NODES = 160
"""Of the Gauss-Hermite rule."""
TERMS = 100
"""Of Mehler's sum."""
STEPS = 50
"""Of Newton's method at most."""
ACCURACY = 1e-5
"""Of sums against the expectations that are known at correlation 1, where they converge slowest."""
CLOSE = 1e-13
"""Its last step, relative."""


@dataclass(frozen=True, eq=False)
class HermiteFit:
    """A fit, its answer to sources, and the Hermite coefficients of what depends on the score of a sample."""

    fit: LossFit
    move: StateChange
    response: Response

    @classmethod
    def of(cls, fit: LossFit, overlaps: Overlaps) -> HermiteFit:
        """By implicit differentiation."""
        return cls(fit, *moved(fit, overlaps))

    @cached_property
    def coefficients(self) -> tuple[Array, Array, Array, Array]:
        """Of f (C, M), f' (C, M), D (F, C, M) and df/dh (F, C, M), in each cell."""
        fit, cells, group = self.fit, self.fit.cells, self.fit.cell_group
        sign = cells.label[:, :1]
        kappa = np.maximum(fit.equations.reduction.at(fit.state.theta).kappa, LEAST_KAPPA)[group]
        xi, table = hermite()
        score = fit.state.mean[cells.row][:, None] + fit.state.std[group][:, None] * xi
        pull, stiffness = fit.equations.loss.force(sign * score, kappa[:, None] + 0 * score)
        force, slope = sign * pull, -stiffness
        by_kappa = self.move.kappa[:, group, None]
        moving = self.move.mean[:, cells.row, None] + self.move.std[:, group, None] * xi
        envelope = -force * moving - force**2 * by_kappa / 2
        change = slope * moving + force * slope * by_kappa
        found = force @ table, slope @ table, envelope @ table, change @ table
        for each, moment in zip(found, ((2, 0, 0), (0, 2, 0)), strict=False):
            right = self.fit.expectations[moment]
            if not np.allclose((each**2).sum(axis=-1), right, rtol=ACCURACY, atol=0):
                raise ConvergenceError(
                    f"{TERMS} Hermite terms of the {fit.equations.loss.name} loss are too few for the spread "
                    "of the scores; choose a larger gamma, or simulate several alphas",
                    None,
                )
        return found


def hermite() -> tuple[Array, Array]:
    """Nodes, and weights times normalised Hermite polynomials, shape (nodes, terms)."""
    xi, weights = np.polynomial.hermite_e.hermegauss(NODES)
    rows = [np.ones(NODES), xi]
    for m in range(1, TERMS - 1):
        rows.append((xi * rows[m] - np.sqrt(m) * rows[m - 1]) / np.sqrt(m + 1))
    return xi, (np.stack(rows) * weights / weights.sum()).T


def covariance_between(one: HermiteFit, two: HermiteFit, counts: str) -> Array:
    """n Cov of functionals of the first fit and of the second, (F, F), for known sources."""
    fit, kernels = one.fit, (one.fit.trained.kernel, two.fit.trained.kernel)
    steps = [kernel.steps[: fit.groups] for kernel in kernels]
    pairs = [kernel.times(each[:, None], each[None]) for kernel, each in zip(kernels, steps, strict=True)]
    traces = kernels[0]._traces
    coupling = traces(steps[0], steps[1])
    weights, seen = one.fit.trained.weights[0, 0], two.fit.trained.seen[0, :, 0]
    rho = _correlation(one, two, seen @ weights, coupling)
    by_group, powers = fit.by_group, rho[fit.cell_group][:, None] ** np.arange(TERMS)
    (f1, s1, d1, c1), (f2, s2, d2, c2) = one.coefficients, two.coefficients
    force = by_group((powers * f1 * f2).sum(axis=-1))
    stiffness = by_group((powers * s1 * s2).sum(axis=-1))
    shared = fit.cells.share[:, None] * powers
    own = np.einsum("kcm,lcm,cm->kl", d1[..., 1:], d2[..., 1:], shared[:, 1:], optimize=True)
    own += d1[..., 0] @ fit.cells.count_covariance(counts) @ d2[..., 0].T
    own -= (one.move.std * (force * rho)) @ two.move.std.T  # at a fixed correlation
    pull = by_group((c1 * f2 * powers).sum(axis=-1)), by_group((c2 * f1 * powers).sum(axis=-1))
    first, second = (each.response.weights[0, :, 0] for each in (one, two))
    loads = one.response.load, two.response.load
    echoes = (
        np.einsum("kx,gxh,h->kg", loads[0], traces(pairs[0], steps[1]), force),
        np.einsum("kx,ghx,h->kg", loads[1], traces(steps[0], pairs[1]), force),
    )
    push = (
        first @ seen.T - echoes[0] - one.move.std * (rho * two.fit.state.std),
        second @ one.fit.trained.seen[0, :, 0].T - echoes[1] - two.move.std * (rho * one.fit.state.std),
    )
    operators = two.fit.trained.kernel.operators[: fit.groups]
    mixed = sum(s * first @ kernels[1].apply(second, c).T for s, c in zip(force, operators, strict=True))
    fourth = traces(pairs[0], pairs[1])
    mixed = mixed + np.einsum("kx,ly,gxhy,g,h->kl", *loads, fourth, force, force, optimize=True) / 2
    flow = np.linalg.inv(np.eye(fit.groups) - stiffness[:, None] * coupling)
    left, right = push[0] + pull[0] @ coupling.T, pull[1] + stiffness * push[1]
    return np.asarray(own + mixed + pull[0] @ push[1].T + left @ (right @ flow.T).T)


def _correlation(one: HermiteFit, two: HermiteFit, product: Array, coupling: Array) -> Array:
    """rho of q = A + V S(q), (G,)."""
    fit, size = one.fit, one.fit.state.std * two.fit.state.std
    (f1, s1, *_), (f2, s2, *_) = one.coefficients, two.coefficients
    q = size
    for _ in range(STEPS):
        powers = (q / size)[fit.cell_group][:, None] ** np.arange(TERMS)
        force = fit.by_group((powers * f1 * f2).sum(axis=-1))
        stiffness = fit.by_group((powers * s1 * s2).sum(axis=-1))
        step = np.linalg.solve(np.eye(fit.groups) - coupling * stiffness, product + coupling @ force - q)
        q, before = np.minimum(q + step, size), q
        if (abs(q - before) <= CLOSE * size).all():
            return np.asarray(q / size)
    raise ConvergenceError(f"the correlation of two fits did not converge in {STEPS} steps", q / size)
