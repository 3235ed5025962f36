r"""The classifier at alpha = +-inf: what the fixed point tends to, in units of alpha.

A loss that grows linearly pulls with bounded forces, which are nothing next to an infinite source: the source
alone is left, with the intercept that balances forces of the two sizes that the loss ends with.  Under a loss
that grows like a square forces grow like alpha, and the limit is the fixed point at alpha = +-1 of the loss
that is left of it far away, c z^2/2 with one c on each side of 0.
"""

from __future__ import annotations

import numpy as np
from scipy import optimize, special

from rmt_alpha._core.types import Array
from rmt_alpha.errors import NotAvailable
from rmt_alpha.problems.losses.base import Loss
from rmt_alpha.problems.losses.logistic import Logistic
from rmt_alpha.problems.losses.piecewise import PiecewiseQuadratic
from rmt_alpha.theory.convex.equations import Equations, State
from rmt_alpha.theory.convex.separability import HardMargin


def far_loss(loss: Loss) -> PiecewiseQuadratic | None:
    """What is left of a loss far away from 0 if it grows like a square there; None if it grows linearly."""
    if isinstance(loss, HardMargin):
        return HardMargin(0.0)
    if isinstance(loss, PiecewiseQuadratic):
        if loss.before == loss.after == 0:
            return None
        return PiecewiseQuadratic([(0.0, 0.0)], loss.before, loss.after, name=loss.name)
    if type(loss) is Logistic:
        return None
    raise NotAvailable(
        f"accuracy at infinite alpha is known for losses that end linearly or quadratically and say so, not "
        f"for {loss!r}: ask at a large finite alpha"
    )


def seen(equations: Equations) -> bool:
    """Whether any source changes a score, by its expected weights or by their noise."""
    reduced, k = equations.reduction.at(np.ones(len(equations.reduction.model.priors))), equations.classes
    return bool(reduced.reach.any() or reduced.forms[:, k:, k:].any() or reduced.noise.any())


def source_alone(equations: Equations) -> State:
    """Scores of the sources alone, and the intercept that balances the forces a loss ends with."""
    reduction, alpha = equations.reduction, equations.alpha
    reduced = reduction.at(np.zeros(len(reduction.model.priors)))
    classes = equations.classes
    mean = reduced.reach @ alpha
    direct = np.einsum("i,gij,j->g", alpha, reduced.forms[:, classes:, classes:], alpha)
    std = np.sqrt(direct + reduced.noise @ alpha**2)
    offset = _balance(equations, mean, std) if equations.intercept else 0.0
    return State(mean + offset, offset, std, np.full(len(std), 1e-300))


def _balance(equations: Equations, mean: Array, std: Array) -> float:
    far = np.array([-1e8, 1e8])
    wrong, right = (-equations.loss.slope(far)).tolist()
    chance, sign, rows = equations.labels()
    priors, spread = equations.reduction.task.priors[rows] * chance, std[equations.reduction.task.group[rows]]

    def force(offset: float) -> float:
        share = special.ndtr(-sign * (mean[rows] + offset) / spread)
        return float(priors @ (sign * (wrong * share + right * (1 - share))))

    reach = float(abs(mean).max() + 40 * std.max())
    if not force(-reach) > 0 > force(reach):
        return 0.0
    return float(optimize.brentq(force, -reach, reach, xtol=1e-14 * reach))
