"""The picture of a leave-one-out path: accuracy as steps, its smooth prediction, and the theory's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from rmt_alpha._core.checks import as_real, check_choice
from rmt_alpha.from_data.criteria import CONVEX_CRITERIA, CRITERIA, DEFAULT
from rmt_alpha.plotting import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from rmt_alpha.from_data.alpha_path import AlphaPath
    from rmt_alpha.from_data.plug_in.problem_estimate import ProblemEstimate

WIDEST = 20.0
"""Best alphas beyond this do not stretch the default range."""


@style.styled
def plot_alpha_path(
    path: AlphaPath,
    alpha: ArrayLike | None = None,
    *,
    estimate: ProblemEstimate | None = None,
    criterion: str = DEFAULT,
    chosen: tuple[float, float] | None = None,
    ax: Sequence[Axes] | None = None,
) -> Figure:
    """Draw leave-one-out accuracy and risk against alpha.

    Parameters
    ----------
    path : AlphaPath
        From `alpha_path`.
    alpha : array_like of shape (m,), optional
        The range of alpha; by default one that shows 0, 1 and the best.
    estimate : ProblemEstimate, optional
        From `estimate_problem` on the same data: the accuracy that theory predicts is laid over the measured
        one.
    criterion : str, default="consensus"
        Whose alpha at this ridge is marked, with its standard error.
    chosen : (float, float), optional
        An alpha and its standard error to mark instead, such as ``alpha_`` and ``alpha_stderr_`` of an
        `AlphaRidgeClassifierCV`, which has weighed other ridges too.
    ax : sequence of two matplotlib.axes.Axes, optional
        Where to draw accuracy and squared error; by default in a figure of their own.

    Returns
    -------
    matplotlib.figure.Figure
        The figure; ``savefig`` writes it.

    Raises
    ------
    ValueError
        If the criterion is unknown, or ``alpha`` has fewer than two finite values.

    Examples
    --------
    >>> import numpy as np
    >>> from rmt_alpha import alpha_path
    >>> rng = np.random.default_rng(0)
    >>> mean = np.ones(100) / 8
    >>> y = np.repeat([-1, 1], 20)
    >>> X = y[:, None] * mean + rng.standard_normal((40, 100))
    >>> figure = plot_alpha_path(alpha_path(X, y, mean, gamma=1.0))
    >>> len(figure.axes)
    2
    """
    if chosen is None:
        best, stderr = path.best_alpha(criterion)
    else:
        check_choice("criterion", criterion, tuple({**CRITERIA, **CONVEX_CRITERIA}))
        best, stderr = chosen
    if alpha is None:
        near = abs(best) + 2 * stderr < WIDEST
        ends = [0.0, 1.0, *([best - 2 * stderr, best + 2 * stderr] if near else [])]
        margin = 0.4 * (max(ends) - min(ends))
        low, high = min(ends) - margin, max(ends) + margin
    else:
        values = np.atleast_1d(as_real("alpha", alpha))
        low, high = float(values.min(initial=np.inf)), float(values.max(initial=-np.inf))
        if not -np.inf < low < high < np.inf:
            raise ValueError(f"alpha must span a finite range, got {alpha!r}")
    left, right = style.panels(2, size=(4.2, 3.2))[1].flat if ax is None else ax
    figure = style.figure_of(left)
    fine = np.linspace(low, high, 601)
    inside = path.breakpoints[(path.breakpoints > low) & (path.breakpoints < high)]
    edges = np.concatenate([[low], inside, [high]])
    steps = path.loo_accuracy((edges[1:] + edges[:-1]) / 2)
    left.stairs(steps, edges, baseline=None, color=style.BLACK, linewidth=1.1, label="leave-one-out, exact")
    left.plot(fine, path.gaussian_accuracy(fine), color=style.BLUE, label="leave-one-out, Gaussian")
    if estimate is not None and np.isfinite(path.gamma):
        look = style.series(1, color=style.VERMILLION, label="random matrix theory")
        left.plot(fine, estimate.curve(path.gamma).accuracy(fine), **look)
    right.plot(fine, path.loo_risk(fine), color=style.BLUE)
    for axis, curve, name in (
        (left, path.gaussian_accuracy, "accuracy"),
        (right, path.loo_risk, "leave-one-out squared error"),
    ):
        axis.set(xlabel=r"$\alpha$", ylabel=name, xlim=(low, high))
        for kind, value in (("zero", 0.0), ("one", 1.0)):
            if low <= value <= high:
                style.mark(axis, kind, value, float(curve(value)))
        if low <= best <= high:
            label = f"{criterion}: {best:.2f} $\\pm$ {stderr:.2f}"
            axis.axvline(best, color=style.PURPLE, linewidth=1.2, label=label)
            if np.isfinite(stderr):
                span = max(best - stderr, low), min(best + stderr, high)
                axis.axvspan(*span, color=style.PURPLE, alpha=0.15, linewidth=0)
    if ax is None:
        style.legend(figure, (left, right), columns=3)
    else:
        left.legend()
    return figure
