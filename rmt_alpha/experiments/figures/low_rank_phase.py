r"""Which helps more, one more rank or alpha?  Rank against number of samples.

d = 150, p = 200, noise 1, W_s Gaussian of Frobenius norm 6, alpha = 1 where W_t = 0.8 W_s + twelve spikes of
squared norms that fall like 1/i^1.2.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure

from rmt_alpha._core.types import FloatArray, IntArray
from rmt_alpha.experiments.figures._numbers import Numbers, Table, across
from rmt_alpha.plotting import style
from rmt_alpha.problems.low_rank import LowRankTransfer

SETTING: dict[str, Any] = {"p": 200, "d": 150}
BETA, SOURCE_NORM, NOISE = 0.8, 6.0, 1.0
SPIKES = 3.0 / np.arange(1, 13) ** 0.6
MOST = 20
"""Largest rank on the map."""
SAMPLES = (250.0, 20000.0)


def problem(n: float) -> LowRankTransfer:
    """The problem with ``n`` samples."""
    return LowRankTransfer(BETA, SPIKES, SOURCE_NORM, NOISE, n=float(n), **SETTING)


def compute(quick: bool = False) -> Numbers:
    """Excess risks at alpha = 1 and beta over ranks and samples. Quick: 31 numbers of samples, not 121."""
    samples, ranks = np.geomspace(*SAMPLES, 31 if quick else 121), np.arange(MOST + 2)
    risks = np.array([_risks(problem(n), ranks) for n in samples])  # (n, 2, ranks)
    one, best = risks[:, 0], risks[:, 1]
    by_rank, by_alpha = one[:, :-1] - one[:, 1:], (one - best)[:, :-1]
    n, rank = across(samples, ranks[:-1])
    return Numbers(
        main=Table(n=n, rank=rank, gain_of_one_more_rank=by_rank, gain_of_alpha=by_alpha),
        best=Table(n=samples, rank_at_1=one.argmin(axis=1), rank_at_best_alpha=best.argmin(axis=1)),
        samples=samples,
        ranks=ranks[:-1],
        advantage=by_rank - by_alpha,
        seen=np.array([problem(n).learnt(1.0).seen.sum() for n in samples]),
    )


def _risks(given: LowRankTransfer, ranks: IntArray) -> FloatArray:
    return np.asarray(given.excess_risk(np.array([[1.0], [BETA]]), ranks))


@style.styled
def draw(result: Numbers) -> Figure:
    """The map of what helps more, with the best rank and the number of spikes that are seen."""
    figure, ((ax,),) = style.panels(1, size=(6.2, 3.8))
    norm = TwoSlopeNorm(0.0, -4.0, 4.0)
    mesh = ax.pcolormesh(
        result.samples, result.ranks, result.advantage.T, norm=norm, cmap="RdBu", rasterized=True
    )
    ax.contour(result.samples, result.ranks, result.advantage.T, [0.0], colors=style.BLACK, linewidths=1.0)
    ax.step(result.samples, result.seen, where="mid", color=style.GREY, linestyle="--", label="spikes seen")
    best = result.best
    ax.step(best.n, best.rank_at_1, where="mid", color=style.GREEN, label=r"best rank at $\alpha = 1$")
    look = {"color": style.PURPLE, "linestyle": ":", "label": r"best rank at $\alpha^*$"}
    ax.step(best.n, best.rank_at_best_alpha, where="mid", **look)
    ax.set(xscale="log", xlabel="target samples $n$", ylabel="rank", ylim=(-0.5, MOST + 0.5))
    ax.yaxis.get_major_locator().set_params(integer=True)
    ax.grid(False)
    name = "one more rank (blue) or $\\alpha^*$ (red):\ndifference of the risks they save"
    figure.colorbar(mesh, ax=ax, label=name, extend="both")
    style.legend(figure, [ax], columns=3)
    return figure
