"""`Comparison`: theory beside simulation in a table, with an honest error bar, and a verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
from scipy import special

from rmt_alpha._core.pictures.html import Card, Shown
from rmt_alpha._core.pictures.svg import plot
from rmt_alpha._core.types import FloatArray
from rmt_alpha._core.values import Value
from rmt_alpha.simulation.setting import Problem

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Size: TypeAlias = tuple[float, float, float | tuple[float | None, ...] | None]
"""p, n, and the samples of the source or sources; None for known weights."""


class Row(NamedTuple):
    """One quantity at one alpha."""

    quantity: str
    alpha: float | tuple[float, ...]
    """A tuple if alpha is a vector, one component for each source."""
    theory: float
    simulation: float
    stderr: float
    z: float
    """(simulation - theory) / stderr, at the size that was asked for: contains the bias of order 1/n."""
    limit: float
    """Simulation extrapolated to infinite size."""
    limit_stderr: float
    limit_z: float
    """(limit - theory) / limit_stderr: standard normal if the theory is right."""
    spread: float = 0.0
    """Standard deviation of one draw, simulated at the size that was asked for."""
    theory_spread: float | None = None
    """The same in theory, up to terms of order 1/n; None where the theory has no error bar."""


@dataclass(frozen=True, eq=False)
class Comparison(Value, Shown):
    r"""Theory against simulation, quantity by quantity and alpha by alpha.

    The theory is the limit of infinite n; a simulation of size n is off by :math:`b/n + O(1/n^2)`.
    Doubling p, n and N halves the bias, so

    .. math:: q_\infty = 2\, \bar q_{2n} - \bar q_n

    is free of it, with the standard error :math:`\sqrt{4 s_{2n}^2 + s_n^2}`.  The verdict judges this limit.
    Beside it stands how far one draw falls from the average, simulated and predicted (`Row.spread`).

    Parameters
    ----------
    problem : TransferProblem, FineTuning, RidgeRegressionTransfer or LowRankTransfer
        What was compared.
    alpha : ndarray
        The alphas, one-dimensional; for vector alphas one row each.
    replicates : int
        Draws of the data at each size.
    rows : list of Row
        Every quantity at every alpha.
    level : float
        Probability of a false alarm of the verdict, all rows together.
    sizes : list of tuple
        (p, n, N) of every simulation; N is None for known source weights, and a tuple for several sources.
    rank : int or None
        Of the correction of a `LowRankTransfer`.

    Examples
    --------
    >>> import rmt_alpha as ra
    >>> problem = ra.TransferProblem(beta=0.6, p=300, n=200, N=500, gamma=0.3)
    >>> comparison = ra.compare(problem, [0, 1], rng=0)
    >>> comparison.column("theory").round(4)
    array([0.6953, 0.7116])
    >>> comparison.verdict().split(":")[0]
    'theory and simulation agree'
    """

    problem: Problem
    alpha: FloatArray
    replicates: int
    rows: list[Row]
    level: float
    sizes: list[Size]
    rank: int | None = None

    @property
    def threshold(self) -> float:
        """Largest absolute z that chance explains: two-sided, shared among all rows (Bonferroni)."""
        return float(-special.ndtri(self.level / (2 * len(self.rows))))

    @property
    def worst(self) -> Row:
        """The row whose ``limit_z`` is largest in size."""
        return max(self.rows, key=lambda row: abs(row.limit_z))

    @property
    def agrees(self) -> bool:
        """Whether the theory agrees with the simulation, its bias of order 1/n taken out."""
        return abs(self.worst.limit_z) <= self.threshold

    @property
    def bias_matters(self) -> bool:
        """Whether the bias of order 1/n shows at the size that was asked for."""
        return max(abs(row.z) for row in self.rows) > self.threshold

    def column(self, name: str, quantity: str = "accuracy") -> FloatArray:
        """One column of the table, for example ``column("theory")``, along alpha."""
        return np.array([getattr(row, name) for row in self.rows if row.quantity == quantity])

    def verdict(self) -> str:
        """The verdict in one sentence."""
        worst = self.worst
        where = f"worst z = {worst.limit_z:+.2f} ({worst.quantity} at alpha = {_shown(worst.alpha)})"
        bound = f"chance allows {self.threshold:.2f}"
        if not self.agrees:
            return f"theory and simulation DISAGREE: {where}, {bound}"
        if self.bias_matters:
            return f"theory and simulation agree once the bias of order 1/n is taken out: {where}, {bound}"
        return f"theory and simulation agree: {where}, {bound}"

    def plot(self, quantity: str | None = None, *, ax: Axes | None = None) -> Axes:
        """Draw one quantity against alpha: theory as a line, simulation as points with standard errors.

        Parameters
        ----------
        quantity : str, optional
            As in the table; by default accuracy, or the first where there is none.
        ax : matplotlib.axes.Axes, optional
            Where to draw; by default in a new figure, which notebooks show.
        """
        from rmt_alpha.plotting.curve import plot_comparison

        return plot_comparison(self, quantity, ax=ax)

    def _card(self) -> Card:
        rows = {"problem": repr(self.problem), "alphas": self.alpha, "draws at each size": self.replicates}
        rows |= {"rows": len(self.rows), "largest z": self.worst.limit_z, "chance allows": self.threshold}
        z = np.array([row.limit_z for row in self.rows])
        at = np.array([row.alpha if self.alpha.ndim == 1 else i for i, row in enumerate(self.rows)])
        axis = "alpha" if self.alpha.ndim == 1 else "row"
        label = f"z of simulation against theory, by {axis}"
        picture = plot(
            label, (axis, "z"), points=(at, z, 0 * z), levels=(-self.threshold, 0.0, self.threshold)
        )
        return Card(rows, picture, f"{self.verdict()[:1].upper()}{self.verdict()[1:]}.")

    def __repr__(self) -> str:
        agreement = "agreement" if self.agrees else "DISAGREEMENT"
        found = f"{agreement}, worst z {self.worst.limit_z:+.2f} of {self.threshold:.2f}"
        return f"Comparison({type(self.problem).__name__}, {len(self.rows)} rows: {found})"

    def __str__(self) -> str:
        name = max(9, 1 + max(len(row.quantity) for row in self.rows))
        first = max(9, 1 + max(len(_shown(row.alpha)) for row in self.rows))
        words = (
            ("alpha", first),
            ("theory", 12),
            ("simulation", 12),
            ("stderr", 10),
            ("z", 8),
            ("n->inf", 12),
            ("z", 8),
            ("one draw", 10),
            ("theory", 10),
        )
        head = f"{'quantity':{name}}" + "".join(f"{word:>{width}}" for word, width in words)
        lines = [
            f"{row.quantity:{name}}{_shown(row.alpha):>{first}}{row.theory:12.6f}{row.simulation:12.6f}"
            f"{row.stderr:10.2g}{row.z:8.2f}{row.limit:12.6f}{row.limit_z:8.2f}"
            f"{row.spread:10.2g}{'-' if row.theory_spread is None else f'{row.theory_spread:.2g}':>10}"
            for row in self.rows
        ]
        return "\n".join([head, *lines, "", self.verdict()])


def _shown(alpha: float | tuple[float, ...]) -> str:
    if isinstance(alpha, tuple):
        return f"({', '.join(f'{a:.4g}' for a in alpha)})"
    return f"{alpha:.4g}"
