"""`compare`: the theory held against simulation, its bias of order 1/n taken out by doubling the size."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from rmt_alpha._core.checks import Range, as_real, check_range
from rmt_alpha._core.machine.memory import check_memory
from rmt_alpha._core.types import FloatArray, Seed
from rmt_alpha.problems.low_rank import LowRankTransfer
from rmt_alpha.problems.regression import RidgeRegressionTransfer
from rmt_alpha.problems.sources import TrainedSource
from rmt_alpha.problems.transfer import TransferProblem
from rmt_alpha.simulation import Simulation, simulate
from rmt_alpha.simulation.arguments import check_count, root_seed
from rmt_alpha.simulation.setting import Problem, alpha_components, check_problem
from rmt_alpha.theory.curve import Curve
from rmt_alpha.validation.comparison import Comparison, Row, Size
from rmt_alpha.validation.enlarged import enlarged

QUANTITIES = ("accuracy", "mean", "variance", "risk")
MIXTURE_QUANTITIES = ("accuracy", "risk", "class_accuracy", "class_mean", "class_std")
"""Of a `FineTuning`; those by class give rows for each class, named "class_mean[0]", "class_mean[1]", ..."""
LOSS_QUANTITIES = (*MIXTURE_QUANTITIES, "training_loss", "training_accuracy")
"""Of a `FineTuning` whose loss is not squared."""
SOFTMAX_QUANTITIES = (*MIXTURE_QUANTITIES, "training_loss")
"""Of a `FineTuning` with the logistic loss and one output per class."""
LEVEL = Range("a number in (0, 1)", 0.0, 1.0, open_low=True)
ROUNDING = 1e-14
ROW_BYTES = 1000.0
"""Memory that a row of the table takes, with what it is made of."""


def compare(
    problem: Problem,
    alpha: ArrayLike,
    *,
    theory: object = None,
    rank: int | None = None,
    quantities: Sequence[str] | None = None,
    replicates: int = 400,
    doublings: int = 1,
    level: float = 1e-3,
    method: str = "auto",
    rng: Seed = None,
    n_jobs: int = 1,
    progress: bool = False,
) -> Comparison:
    r"""Hold the theory against simulations that share no code with it.

    .. math:: z = \frac{q_\infty - q_{\text{theory}}}{\text{stderr}}, \qquad
        q_\infty = 2\, \bar q_{2n} - \bar q_n

    What is compared, and why so: :doc:`/validation/validation`.

    Parameters
    ----------
    problem : TransferProblem, FineTuning, RidgeRegressionTransfer or LowRankTransfer
        Scalars only; p, n and a finite N are whole numbers.
    alpha : float or array_like
        Finite alphas.  For k sources shape (k,) or (count, k), or a number for all of them.
    theory : object, optional
        What is judged: anything with methods ``accuracy(alpha)``, ``mean(alpha)``, ... for the
        ``quantities``. The default is ``problem.curve()``; give your own formula to test it.  Its methods
        ``accuracy_std`` and so on, if it has them, are the predicted spread of one draw.  Of a
        `LowRankTransfer` the larger sizes have values of their own: there it is a function, from a problem
        and a rank to such an object, as ``ra.LowRankTransfer.curve``.
    rank : int, optional
        For a `LowRankTransfer`, which needs it: the rank of the correction.  At larger sizes what exceeds the
        number of spikes grows with them.
    quantities : sequence of str, optional
        Among "accuracy", "mean", "variance" and "risk", all of them by default.  For a `FineTuning` also
        "class_accuracy", "class_mean" and "class_std"; the default is these three, "accuracy" and "risk", and
        "training_loss" and "training_accuracy" where the loss is not squared (of softmax the former only).
        A regression has a "risk" only, one of low rank also an "excess_risk", its default.
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
    alphas = _alphas(alpha, alpha_components(check_problem(problem)))
    check_range("level", level := as_real("level", level), LEVEL)
    if check_count("replicates", replicates) < 2:
        raise ValueError("replicates must be at least 2 to give a standard error, got 1")
    steps = 0 if doublings == 0 else check_count("doublings", doublings)
    default, allowed = _quantities(problem)
    quantities = default if quantities is None else quantities
    unknown = [name for name in quantities if name not in allowed]
    if unknown or not quantities:
        raise ValueError(f"quantities must be among {', '.join(allowed)}, got {tuple(quantities)!r}")
    what = f"the table of {len(alphas)} alphas and {len(quantities)} quantities"
    check_memory(ROW_BYTES * len(alphas) * len(quantities), what, "compare fewer alphas at a time")
    problems = [enlarged(problem, 2**step) for step in range(steps + 1)]
    ranks = [_enlarged_rank(problem, rank, 2**step) for step in range(steps + 1)]
    theories = _theories(problems, ranks, theory)
    relative = _reaches_the_bulk(problem, rank, alphas)
    runs = [
        simulate(
            each,
            alphas,
            replicates=replicates,
            method=method,
            rng=seed,
            n_jobs=n_jobs,
            progress=progress,
            rank=at,
        )
        for each, at, seed in zip(problems, ranks, root_seed(rng).spawn(steps + 1), strict=True)
    ]
    rows = [row for name in quantities for row in _rows(name, alphas, theories, runs, relative)]
    sizes = [_sizes(each) for each in problems]
    return Comparison(problem, alphas, replicates, rows, float(level), sizes, rank)


def _quantities(problem: Problem) -> tuple[tuple[str, ...], tuple[str, ...]]:
    # By default, and allowed.
    if isinstance(problem, TransferProblem):
        return QUANTITIES, QUANTITIES
    if isinstance(problem, RidgeRegressionTransfer):
        return ("risk",), ("risk",)
    if isinstance(problem, LowRankTransfer):
        return ("excess_risk",), ("excess_risk", "risk")
    squared = isinstance(problem.loss, str) and problem.loss == "squared"
    other = LOSS_QUANTITIES if problem.outputs == 1 else SOFTMAX_QUANTITIES
    default = MIXTURE_QUANTITIES if squared else other
    return default, tuple(dict.fromkeys(QUANTITIES + default))


def _enlarged_rank(problem: Problem, rank: int | None, factor: int) -> int | None:
    """Ranks beyond the spikes, which go to the bulk, grow with it; the full rank stays full."""
    if not isinstance(problem, LowRankTransfer) or rank is None:
        return rank
    spikes = min(int(np.count_nonzero(problem.spikes)), rank) if rank < problem.largest_rank else 0
    return spikes + factor * (rank - spikes)


def _reaches_the_bulk(problem: Problem, rank: int | None, alphas: FloatArray) -> bool:
    if not isinstance(problem, LowRankTransfer) or rank is None:
        return False
    return any(problem.learnt(alpha).seen.sum() < rank for alpha in alphas.tolist())


def _theories(problems: list[Problem], ranks: list[int | None], theory: object) -> list[object]:
    """One for all sizes, or one for each where the value itself depends on the size."""
    if not isinstance(problems[0], LowRankTransfer):
        return [problems[0].curve() if theory is None else theory]
    curve_of: object = LowRankTransfer.curve if theory is None else theory
    if not callable(curve_of):
        raise TypeError(
            "theory of a LowRankTransfer must be a function from a problem and a rank to an object with "
            f"methods such as excess_risk(alpha), got {theory!r}"
        )
    if ranks[0] is None:
        raise TypeError("rank is needed to compare a LowRankTransfer: the rank of its correction")
    return [curve_of(each, rank) for each, rank in zip(problems, ranks, strict=True)]


def _alphas(alpha: ArrayLike, components: int | None) -> FloatArray:
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


def _rows(
    name: str, alphas: FloatArray, theories: list[object], runs: list[Simulation], relative: bool = False
) -> list[Row]:
    # One row for every alpha; for a quantity by class one such block for each class (and score).
    averages = np.array([getattr(run, name) for run in runs])
    errors = np.array([getattr(run, f"{name}_stderr") for run in runs])
    each = [np.asarray(getattr(theory, name)(alphas), float) for theory in theories]
    expected = each[0]
    if expected.shape != averages.shape[1:]:
        raise ValueError(
            f"the theory's {name} must have the simulation's shape, {averages.shape[1:]}, got "
            f"{expected.shape}"
        )
    weights = extrapolation_weights(len(runs) - 1)
    if len(theories) == 1:
        each *= len(runs)
    # What is of order 1/n: the theory's error, or where the bulk counts, which grows, its relative error.
    scale = np.divide(expected, each, out=np.ones_like(each), where=np.not_equal(each, 0))
    scale = scale if relative else np.ones_like(each)
    limit = np.tensordot(weights, scale * (averages - each), 1) + expected
    limit_error = np.sqrt(np.tensordot(weights**2, (scale * errors) ** 2, 1))
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
    spread, predicted = errors[0] * np.sqrt(runs[0].replicates), _error_bars(name, alphas, theories[0])
    points = [tuple(a.tolist()) if a.ndim else float(a) for a in alphas]
    rows = []
    for place in np.ndindex(expected.shape[1:]):
        label = name + (f"[{','.join(map(str, place))}]" if place else "")
        table = columns[(slice(None), slice(None), *place)]
        for i, (a, row) in enumerate(zip(points, table.T, strict=True)):
            bar = None if predicted is None else float(predicted[(i, *place)])
            one = Row(label, a, *map(float, row))
            rows.append(one._replace(spread=float(spread[(i, *place)]), theory_spread=bar))
    return rows


def _error_bars(name: str, alphas: FloatArray, theory: object) -> FloatArray | None:
    """The theory's standard deviation of one draw, if it has one."""
    ask = getattr(theory, f"{name}_std", None)
    if ask is None or (isinstance(theory, Curve) and f"{name}_std" not in theory.answers):
        return None
    return np.asarray(ask(alphas), float)


def _sizes(problem: Problem) -> Size:
    if isinstance(problem, TransferProblem):
        return float(problem.p), float(problem.n), None if problem.N is None else float(problem.N)
    if isinstance(problem, RidgeRegressionTransfer | LowRankTransfer):
        return problem.p, problem.n, None
    samples = tuple(source.n if isinstance(source, TrainedSource) else None for source in problem.sources)
    return problem.target.p, problem.n, samples if len(samples) > 1 else samples[0]


def extrapolation_weights(doublings: int) -> FloatArray:
    """Weights w with sum_i w_i q(n 2^i) = q(inf) + O(1/n^(doublings + 1)): polynomial in 1/n, at 1/n = 0.

    Examples
    --------
    >>> extrapolation_weights(1)
    array([-1.,  2.])
    """
    h = 0.5 ** np.arange(doublings + 1)
    return np.array([np.prod([x / (x - y) for x in h if x != y]) for y in h])


def _z(difference: FloatArray, stderr: FloatArray, expected: FloatArray) -> FloatArray:
    # Labels are 1: a difference of 1e-14 is rounding, however small the spread.
    z = difference / np.hypot(stderr, ROUNDING * np.maximum(1.0, np.abs(expected)))
    # Without any spread (a deterministic quantity) only rounding may differ.
    same = np.abs(difference) < 100 * ROUNDING
    return np.where(stderr > 0, z, np.where(same, 0.0, np.copysign(np.inf, difference)))
