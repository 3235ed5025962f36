r"""From the fixed-point map to its solution: Anderson's mixing, first with few nodes, then with more.

The residual is what a step changes: of the logarithms of matrices, and of scores in units of their own size.
A solution belongs to its nodes; what one more step with other, finer nodes changes is the error of the
quadrature, in the same unit.  Where nodes are scattered the finer ones are twice as many, and the solution
that is returned is theirs, whose error is about half of that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np

from rmt_alpha._core.types import Array
from rmt_alpha.errors import ConvergenceError
from rmt_alpha.theory.softmax.equations import ContrastState, SoftmaxEquations
from rmt_alpha.theory.softmax.nodes import GRIDS, levels

TOLERANCES = (1e-8, 1e-8, 1e-7, 5e-6, 5e-5, 3e-4, 5e-4)
"""Largest quadrature error for d = 1 to 6, what grids can give, and for more, what Sobol points can."""
SHARE = 0.05
"""Of the tolerance that the residual may take."""
WINDOW = 15
"""Steps that Anderson's mixing remembers."""
LIMIT, SEARCH = 200, 100
"""Applications of the map with one set of nodes; with the first ones altogether."""
FARTHEST = 2.0
"""Largest change of a logarithm, or of scores in units of their size, in one step."""
WORSE = 3.0
"""Growth of the residual at which the memory is dropped."""
ROUGH = 1e-2
"""Residual that is enough with the first nodes."""
WIDER = 1.5
"""Growth of the spread of scores at which the first nodes are chosen anew."""
SHORT = 0.5
"""Share of a plain step after the memory was dropped."""


Secants: TypeAlias = list[tuple[Array, Array]]
"""Steps of the unknowns, and how they changed the residual."""


MapOf: TypeAlias = Callable[[int, tuple[Array, Array]], SoftmaxEquations]
"""The map with the nodes of a level, for spreads (G, d) of the scores along axes (G, d, d)."""


class Iterated(NamedTuple):
    """Where an iteration ended."""

    state: ContrastState
    residual: float
    n_iter: int
    """Applications of the map."""
    done: bool
    """Whether the residual is small enough."""
    secants: Secants


@dataclass(frozen=True, eq=False)
class SoftmaxSolution:
    """The fixed point at one alpha, and how well it is known."""

    alpha: Array
    """Shape (k,)."""
    state: ContrastState
    """Scores, spreads and stiffnesses."""
    other: ContrastState
    """The solution with other nodes: those that check it, to first order; of scattered ones the coarser."""
    residual: float
    """Largest relative change by one more step."""
    quadrature_error: float
    """Largest relative change by one step with other nodes, at least as many; inf if not tried."""
    n_iter: int
    """Applications of the map, with all nodes."""
    n_nodes: int
    """Nodes of each average in the end."""
    status: str
    """"converged"; "nodes" if the most nodes that are taken leave a quadrature error above the tolerance; or
    "max_iter"."""


def solve(equations: MapOf, groups: int, d: int) -> SoftmaxSolution:
    """The fixed point of a map that can be had with any nodes, of G covariances and d contrasts."""
    state, total, secants = _rough(equations, np.ones((groups, d)), np.stack([np.eye(d)] * groups))
    tolerance = TOLERANCES[min(d, len(TOLERANCES)) - 1]
    here = equations(1, state.axes)
    for level in range(1, levels(d) - 1):
        found = iterate(here, state, SHARE * tolerance, LIMIT, secants)
        total += found.n_iter + 1
        if not found.done:
            solution = _solution(here, found, found.state, np.inf, total, "max_iter")
            raise _failure(here, solution, SHARE * tolerance)
        finer = equations(level + 1, found.state.axes)
        error, other = _checked(finer, found.state, found.secants)
        if error <= tolerance or level == levels(d) - 2:
            break
        state, secants, here = other, found.secants, finer
    status = "converged" if error <= tolerance else "nodes"
    if d > len(GRIDS):  # the checking nodes are better ones there: the solution is theirs
        better = iterate(finer, other, SHARE * tolerance, LIMIT, found.secants)
        if better.done:
            total += better.n_iter
            return _solution(finer, better, found.state, error, total, status)
    return _solution(here, found, other, error, total, status)


def _solution(
    equations: SoftmaxEquations,
    found: Iterated,
    other: ContrastState,
    error: float,
    total: int,
    status: str,
) -> SoftmaxSolution:
    count = max(len(rule.weights) for rule in equations.nodes)
    return SoftmaxSolution(equations.alpha, found.state, other, found.residual, error, total, count, status)


def _rough(equations: MapOf, spreads: Array, axes: Array) -> tuple[ContrastState, int, Secants]:
    """A state that solves the equations with few nodes, whose number follows the spread of the scores."""
    state, total, secants = equations(0, (spreads, axes)).start(), 0, Secants()
    spreads, axes = np.maximum(state.axes[0], 1.0), state.axes[1]
    here = equations(0, (spreads, axes))
    while total < SEARCH:
        found = iterate(here, state, ROUGH, SEARCH - total, secants, widest=WIDER * spreads)
        state, secants, total = found.state, found.secants, total + found.n_iter
        if found.done:
            break
        secants = Secants()  # of a map that too few nodes may have led astray
        spreads, axes = np.maximum(state.axes[0], 1.0), state.axes[1]
        here = equations(0, (spreads, axes))
    # If that failed, finer nodes may do: a few may miss what holds the scores together.
    return state, total, secants


def _checked(
    equations: SoftmaxEquations, state: ContrastState, secants: Secants
) -> tuple[float, ContrastState]:
    """Residual with other nodes, and the state to which it leads: the solution with them, about."""
    x, scale = state.packed(), units(state)
    change = equations.step(state).packed() - x
    other = ContrastState.unpacked(x + _mixed(change, secants, scale), equations.classes)
    return float(np.max(abs(change / scale))), other


def units(state: ContrastState) -> Array:
    """What counts as 1 in each unknown: the size of the scores, and a factor of e."""
    scores = state.mean.size + state.offset.size
    logs = len(state.covariance) * len(state.offset) * (len(state.offset) + 1)
    return np.concatenate([np.full(scores, state.size), np.ones(logs)])


def iterate(
    equations: SoftmaxEquations,
    start: ContrastState,
    tolerance: float,
    limit: int,
    secants: Secants,
    *,
    widest: Array | float = np.inf,
) -> Iterated:
    """Anderson's mixing (Walker and Ni 2011), until the residual or ``limit`` is reached.

    The next point is where the residual would vanish if it changed linearly, as along the last steps
    (``secants``, of the same map with other nodes at first); where the residual grows much, they are
    forgotten and a plain step from the best point takes over.  It ends early once scores spread more than
    ``widest``, (G, d).
    """
    classes, x = equations.classes, start.packed()
    best, last = (np.inf, x, 0 * x), None
    for count in range(1, limit + 1):
        state = ContrastState.unpacked(x, classes)
        if (state.axes[0] > widest).any():
            return Iterated(state, np.inf, count - 1, False, secants)
        change, scale = _change(equations, x, state), units(state)
        merit = float(np.max(abs(change / scale))) if np.isfinite(change).all() else np.inf
        if last is not None and np.isfinite(merit):
            secants = [*secants, (x - last[0], change - last[1])][-WINDOW:]
        if merit <= tolerance:
            return Iterated(state, merit, count, True, secants)
        if merit > WORSE * best[0]:
            secants, last, (_, x, change) = [], None, best
            move, best = SHORT * change, (np.inf, x, change)  # what follows may be worse for a while
        else:
            best = min(best, (merit, x, change), key=lambda each: each[0])
            last, move = (x, change), _mixed(change, secants, scale)
        x = x + move / max(1.0, float(np.max(abs(move / scale))) / FARTHEST)
    return Iterated(ContrastState.unpacked(best[1], classes), best[0], limit, False, secants)


def _failure(equations: SoftmaxEquations, solution: SoftmaxSolution, tolerance: float) -> ConvergenceError:
    return ConvergenceError(
        f"no convergence in {solution.n_iter} iterations at alpha = {equations.alpha}: the residual is "
        f"{solution.residual:.2g}, above {tolerance:.2g}; the best estimate is in the attribute `best` of "
        "this exception; a larger gamma may help",
        solution,
    )


def _change(equations: SoftmaxEquations, x: Array, state: ContrastState) -> Array:
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            return equations.step(state).packed() - x
    except (np.linalg.LinAlgError, ArithmeticError):
        return np.full(x.shape, np.nan)


def _mixed(change: Array, secants: Secants, scale: Array) -> Array:
    """The step after which the residual would vanish, as far as the secants tell."""
    if not secants:
        return change
    moved, turned = (np.stack(each, axis=1) for each in zip(*secants, strict=True))
    share = np.linalg.lstsq(turned / scale[:, None], change / scale, rcond=1e-12)[0]
    return np.asarray(change - (moved + turned) @ share)
