r"""A correction of low rank, as LoRA's: risk against alpha and rank, and what the correction learns.

d = 150 outputs, p = 200 features, n = 500 samples, noise 1; W_t = 0.6 W_s + three spikes (3, 2 and 1.5), W_s
Gaussian of Frobenius norm 6.  Every simulated draw trains corrections of all ranks exactly, by reduced-rank
regression.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from rmt_alpha._core.statistics import standard_error
from rmt_alpha._core.types import FloatArray
from rmt_alpha.experiments.figures._numbers import Numbers, Table
from rmt_alpha.plotting import style
from rmt_alpha.problems.low_rank import LowRankTransfer
from rmt_alpha.simulation import LowRankDraws, simulate

SETTING: dict[str, Any] = {"n": 500, "p": 200, "d": 150}
BETA, SPIKES, SOURCE_NORM, NOISE = 0.6, (3.0, 2.0, 1.5), 6.0, 1.0
ALPHAS = (0.0, 0.3, 0.6, 1.0, 1.3)
RANKS = (0, 1, 3, 10, 30, 150)
GAIN_RANKS = (0, 1, 2, 3, 5, 10, 20, 30, 50, 75, 100, 125, 150)
SEED = 1702
BINS = 40


def problem() -> LowRankTransfer:
    """The setting of THEORY's table."""
    return LowRankTransfer(BETA, SPIKES, SOURCE_NORM, NOISE, **SETTING)


def compute(quick: bool = False) -> Numbers:
    """Theory over alpha and rank, and averages over draws. Quick: 4 draws instead of 100."""
    draws, given = 4 if quick else 100, problem()
    alphas, every = np.linspace(-0.4, 1.6, 81), np.arange(given.largest_rank + 1)
    run = simulate(given, ALPHAS, rank=0, replicates=draws, rng=SEED).draws
    assert isinstance(run, LowRankDraws)
    risk, risk_error = run.of_rank.mean(axis=0), np.asarray(standard_error(run.of_rank, axis=0))
    gained = run.of_rank[:, ALPHAS.index(1.0)] - run.of_rank[:, ALPHAS.index(BETA)]
    gain, gain_error = gained.mean(axis=0), np.asarray(standard_error(gained, axis=0))
    ranks, gains = np.array(RANKS), np.array(GAIN_RANKS)
    learnt = given.learnt(1.0)
    values = run.singular_values[:, ALPHAS.index(1.0)]
    density, ends = np.histogram(values, BINS, density=True)
    one, best = np.asarray(given.excess_risk(np.array([[1.0], [BETA]]), every))
    return Numbers(
        main=Table(rank=ranks[:, None], alpha=alphas, excess_risk=_risk(given, alphas, ranks)),
        simulated=Table(
            rank=ranks[:, None],
            alpha=np.array(ALPHAS),
            theory=_risk(given, np.array(ALPHAS), ranks),
            simulated=risk[:, ranks].T,
            standard_error=risk_error[:, ranks].T,
            draws=draws,
        ),
        gain=Table(
            rank=gains,
            theory=(one - best)[gains],
            simulated=gain[gains],
            standard_error=gain_error[gains],
            draws=draws,
        ),
        spikes=Table(
            spike=given.spikes,
            singular_value=learnt.singular_values,
            simulated=values[:, : given.spikes.size].mean(axis=0),
            left_cosine=np.sqrt(learnt.left),
            right_cosine=np.sqrt(learnt.right),
            size=learnt.sizes,
            edge=learnt.edge,
        ),
        ranks=every,
        gain_line=one - best,
        bulk=(learnt.bulk_values, learnt.bulk_density),
        histogram=(ends, density),
    )


def _risk(given: LowRankTransfer, alphas: FloatArray, ranks: FloatArray) -> FloatArray:
    return np.asarray(given.excess_risk(alphas, ranks[:, None]))


@style.styled
def draw(result: Numbers) -> Figure:
    """Risk against alpha for ranks; gain of alpha* over 1 against the rank; learnt singular values."""
    figure, ((left, middle, right),) = style.panels(3, size=(4.2, 3.4))
    for i, rank in enumerate(RANKS):
        name = "full" if rank == RANKS[-1] else str(rank)
        look = {"color": style.SERIES[i], "linestyle": style.DASHES[i % len(style.DASHES)]}
        left.plot(result.main.alpha, result.main.excess_risk[i], label=f"rank {name}", **look)
        found = result.simulated
        style.points(
            left, found.alpha, found.simulated[i], 2 * found.standard_error[i], color=style.SERIES[i]
        )
    style.mark(left, "best", BETA, result.simulated.theory[RANKS.index(3), ALPHAS.index(BETA)])
    left.set(xlabel=r"$\alpha$", ylabel=r"excess risk $\|W - W_t\|_F^2$", yscale="log")
    middle.plot(result.ranks, result.gain_line, color=style.BLUE)
    style.points(middle, result.gain.rank, result.gain.simulated, 2 * result.gain.standard_error)
    middle.set(xlabel="rank of the correction", ylabel=r"gain of $\alpha^*$ over $\alpha = 1$")
    ends, density = result.histogram
    right.stairs(density, ends, color=style.GREY, fill=True, alpha=0.4, label="simulated corrections")
    right.plot(*result.bulk, color=style.BLUE)
    for i, value in enumerate(result.spikes.singular_value):
        label = "spikes, theory" if i == 0 else None
        right.plot(value, 0.0, marker="v", color=style.VERMILLION, linestyle="", label=label, clip_on=False)
    right.set(xlabel=r"singular value of the correction on the sample", ylabel="density", ylim=(0, None))
    right.set_title(r"$\alpha = 1$")
    style.simulation_entry(left)
    style.legend(figure, (left, middle, right), columns=5)
    return figure
