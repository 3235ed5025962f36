"""`compare`: the theory held against simulation, with an honest error bar and a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy import special

from rmt_alpha._core.checks import Range, as_real, check_range
from rmt_alpha.simulation import Simulation, simulate
from rmt_alpha.simulation.arguments import check_count, root_seed
from rmt_alpha.simulation.regression import is_regression
from rmt_alpha.simulation.setting import alpha_components, is_fine_tuning, sources_of
from rmt_alpha.validation.enlarged import enlarged

if TYPE_CHECKING:
    from rmt_alpha.problems.fine_tuning import FineTuning
    from rmt_alpha.problems.regression import RidgeRegressionTransfer
    from rmt_alpha.problems.transfer import TransferProblem

QUANTITIES = ("accuracy", "mean", "variance", "risk")
MIXTURE_QUANTITIES = ("accuracy", "risk", "class_accuracy", "class_mean", "class_std")
"""Of a `FineTuning`; those by class give rows for each class, named "class_mean[0]", "class_mean[1]", ..."""
LOSS_QUANTITIES = (*MIXTURE_QUANTITIES, "training_loss", "training_accuracy")
"""Of a `FineTuning` whose loss is not squared."""
LEVEL = Range("a number in (0, 1)", 0.0, 1.0, open_low=True)
ROUNDING = 1e-14
Array = np.ndarray[Any, Any]


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


@dataclass(frozen=True, eq=False)
class Comparison:
    r"""Theory against simulation, quantity by quantity and alpha by alpha.

    The theory is the limit of infinite n; a simulation of size n is off by :math:`b/n + O(1/n^2)`.
    Doubling p, n and N halves the bias, so

    .. math:: q_\infty = 2\, \bar q_{2n} - \bar q_n

    is free of it, with the standard error :math:`\sqrt{4 s_{2n}^2 + s_n^2}`.  The verdict judges this limit.

    Parameters
    ----------
    problem : TransferProblem, FineTuning or RidgeRegressionTransfer
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

    problem: Any
    alpha: Array
    replicates: int
    rows: list[Row] = field(repr=False)
    level: float
    sizes: list[tuple[Any, Any, Any]]

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

    def column(self, name: str, quantity: str = "accuracy") -> Array:
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
        )
        head = f"{'quantity':{name}}" + "".join(f"{word:>{width}}" for word, width in words)
        lines = [
            f"{row.quantity:{name}}{_shown(row.alpha):>{first}}{row.theory:12.6f}{row.simulation:12.6f}"
            f"{row.stderr:10.2g}{row.z:8.2f}{row.limit:12.6f}{row.limit_z:8.2f}"
            for row in self.rows
        ]
        return "\n".join([head, *lines, "", self.verdict()])


def compare(
    problem: TransferProblem | FineTuning | RidgeRegressionTransfer,
    alpha: Any,
    *,
    theory: Any = None,
    quantities: Sequence[str] | None = None,
    replicates: int = 400,
    doublings: int = 1,
    level: float = 1e-3,
    method: str = "auto",
    rng: Any = None,
    n_jobs: int = 1,
    progress: bool = False,
) -> Comparison:
    r"""Hold the theory against simulations that share no code with it.

    .. math:: z = \frac{q_\infty - q_{\text{theory}}}{\text{stderr}}, \qquad
        q_\infty = 2\, \bar q_{2n} - \bar q_n

    Parameters
    ----------
    problem : TransferProblem, FineTuning or RidgeRegressionTransfer
        Scalars only; p, n and a finite N are whole numbers.
    alpha : float or array_like
        Finite alphas.  For k sources shape (k,) or (count, k), or a number for all of them.
    theory : object, optional
        What is judged: anything with methods ``accuracy(alpha)``, ``mean(alpha)``, ... for the
        ``quantities``. The default is ``problem.curve()`` (a regression is its own); give your own formula
        to test it.
    quantities : sequence of str, optional
        Among "accuracy", "mean", "variance" and "risk", all of them by default.  For a `FineTuning` also
        "class_accuracy", "class_mean" and "class_std"; the default is these three, "accuracy" and "risk", and
        "training_loss" and "training_accuracy" where the loss is not squared.
        A regression has a "risk" only.
    replicates : int
        Draws of the data at each size.
    doublings : int
        How often the size is doubled: 0 judges the simulation as it is, bias included; 1 removes the bias
        of order 1/n; 2 removes 1/n^2 as well, for small n, at the price of a larger standard error.
    level : float
        Probability that a right theory is rejected.
    method, rng, n_jobs, progress
        As in `simulate`.

    Returns
    -------
    Comparison
        Table, z-scores and verdict; ``print`` it.

    Raises
    ------
    TypeError, ValueError
        As `simulate`; or if a quantity is unknown, or fewer than 2 replicates give no standard error.

    Examples
    --------
    >>> import rmt_alpha as ra
    >>> problem = ra.TransferProblem(beta=0.6, p=300, n=200, N=500, gamma=0.3)
    >>> ra.compare(problem, [0, 1], rng=0).agrees
    True

    A theory that forgets the noise of the source fails:

    >>> wrong = ra.TransferProblem(beta=0.6, p=300, n=200, N=float("inf"), gamma=0.3)
    >>> ra.compare(problem, [0, 1], theory=wrong.curve(), rng=0).agrees
    False
    """
    alphas = _alphas(alpha, alpha_components(problem))
    check_range("level", level := as_real("level", level), LEVEL)
    if check_count("replicates", replicates) < 2:
        raise ValueError("replicates must be at least 2 to give a standard error, got 1")
    steps = 0 if doublings == 0 else check_count("doublings", doublings)
    default, allowed = _quantities(problem)
    quantities = default if quantities is None else quantities
    unknown = [name for name in quantities if name not in allowed]
    if unknown or not quantities:
        raise ValueError(f"quantities must be among {', '.join(allowed)}, got {tuple(quantities)!r}")
    if theory is None:
        model: Any = problem
        theory = model if is_regression(problem) else model.curve()
    problems = [enlarged(problem, 2**step) for step in range(steps + 1)]
    runs = [
        simulate(
            each, alphas, replicates=replicates, method=method, rng=seed, n_jobs=n_jobs, progress=progress
        )
        for each, seed in zip(problems, root_seed(rng).spawn(steps + 1), strict=True)
    ]
    rows = [row for name in quantities for row in _rows(name, alphas, theory, runs)]
    sizes = [_sizes(each) for each in problems]
    return Comparison(problem, alphas, replicates, rows, float(level), sizes)


def _quantities(problem: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    # By default, and allowed.
    if is_regression(problem):
        return ("risk",), ("risk",)
    if is_fine_tuning(problem):
        squared = isinstance(problem.loss, str) and problem.loss == "squared"
        default = MIXTURE_QUANTITIES if squared else LOSS_QUANTITIES
        return default, tuple(dict.fromkeys(QUANTITIES + default))
    return QUANTITIES, QUANTITIES


def _alphas(alpha: Any, components: int | None) -> Array:
    alphas = np.asarray(as_real("alpha", alpha), float)
    if components is None:
        alphas = np.atleast_1d(alphas)
        if alphas.ndim != 1 or alphas.size == 0:
            raise ValueError(
                f"alpha must be a number or a non-empty one-dimensional array, got shape {alphas.shape}"
            )
        return alphas
    alphas = np.atleast_2d(alphas if alphas.ndim else np.full(components, alphas))
    if alphas.ndim != 2 or alphas.size == 0 or alphas.shape[1] != components:
        raise ValueError(
            f"alpha must have shape ({components},) or (count, {components}), one number for each of "
            f"{components} sources, got shape {np.shape(alpha)}"
        )
    return alphas


def _rows(name: str, alphas: Array, curve: Any, runs: list[Simulation]) -> list[Row]:
    # One row for every alpha; for a quantity by class one such block for each class (and score).
    averages = np.array([getattr(run, name) for run in runs])
    errors = np.array([getattr(run, f"{name}_stderr") for run in runs])
    expected = np.asarray(getattr(curve, name)(alphas), float)
    if expected.shape != averages.shape[1:]:
        raise ValueError(
            f"the theory's {name} must have the simulation's shape, {averages.shape[1:]}, got "
            f"{expected.shape}"
        )
    weights = extrapolation_weights(len(runs) - 1)
    limit, limit_error = np.tensordot(weights, averages, 1), np.sqrt(np.tensordot(weights**2, errors**2, 1))
    columns = np.stack(
        [
            expected,
            averages[0],
            errors[0],
            _z(averages[0] - expected, errors[0], expected),
            limit,
            limit_error,
            _z(limit - expected, limit_error, expected),
        ]
    )
    points = [tuple(a.tolist()) if a.ndim else float(a) for a in alphas]
    rows = []
    for place in np.ndindex(expected.shape[1:]):
        label = name + (f"[{','.join(map(str, place))}]" if place else "")
        table = columns[(slice(None), slice(None), *place)]
        rows += [Row(label, a, *map(float, row)) for a, row in zip(points, table.T, strict=True)]
    return rows


def _sizes(problem: Any) -> tuple[Any, Any, Any]:
    if is_regression(problem):
        return problem.p, problem.n, None
    if not is_fine_tuning(problem):
        return problem.p, problem.n, problem.N
    samples = tuple(getattr(source, "n", None) for source in sources_of(problem))
    return problem.target.p, problem.n, samples if len(samples) > 1 else samples[0]


def _shown(alpha: float | tuple[float, ...]) -> str:
    if isinstance(alpha, tuple):
        return f"({', '.join(f'{a:.4g}' for a in alpha)})"
    return f"{alpha:.4g}"


def extrapolation_weights(doublings: int) -> Array:
    """Weights w with sum_i w_i q(n 2^i) = q(inf) + O(1/n^(doublings + 1)): polynomial in 1/n, at 1/n = 0.

    Examples
    --------
    >>> extrapolation_weights(1)
    array([-1.,  2.])
    """
    h = 0.5 ** np.arange(doublings + 1)
    return np.array([np.prod([x / (x - y) for x in h if x != y]) for y in h])


def _z(difference: Array, stderr: Array, expected: Array) -> Array:
    # Labels are 1: a difference of 1e-14 is rounding, however small the spread.
    z = difference / np.hypot(stderr, ROUNDING * np.maximum(1.0, np.abs(expected)))
    # Without any spread (a deterministic quantity) only rounding may differ.
    same = np.abs(difference) < 100 * ROUNDING
    return np.where(stderr > 0, z, np.where(same, 0.0, np.copysign(np.inf, difference)))
