r"""Multi-output regression: test risk against alpha, theory and simulation.

n = 20 target samples in dimension p = 40, d = 10 outputs, noise sigma = 0.5, ridge 0.01; the target weights
are W_t = b W_s + B with B orthogonal to the source weights W_s, both of standard normal entries, and b =
-2, 0.5 and 2 (appendix of alpha-LoRA, arXiv 2510.21345).

alpha* = tr(W_t W_s^T) / tr(W_s W_s^T) = b is exact at any size.  The theory's risk is a limit: at n = 20
its term for the excess noise, 2.4 here, is about 5 % too small (`RidgeRegressionTransfer`),
which is invisible beside the error of the prior, 200 and more.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator
from numpy.typing import ArrayLike

from rmt_alpha._core.statistics import standard_error
from rmt_alpha._core.types import FloatArray
from rmt_alpha.experiments.figures._numbers import Numbers, Table
from rmt_alpha.plotting import style
from rmt_alpha.problems.regression import RidgeRegressionTransfer

FACTORS = (-2.0, 0.5, 2.0)
N_TARGET, P, OUTPUTS, SIGMA, GAMMA = 20, 40, 10, 0.5, 0.01
SEED = 2514
REACH = 4.0


def weights(factor: float) -> tuple[FloatArray, FloatArray]:
    """(W_t, W_s) of one panel; the source and the orthogonal part are the same in all panels."""
    source, other = np.random.default_rng(SEED).standard_normal((2, OUTPUTS, P))
    other -= np.sum(other * source) / np.sum(source * source) * source
    return factor * source + other, source


def simulated_risk(
    target: FloatArray, source: FloatArray, n: int, *, sigma: float, gamma: float, draws: int, rng: Any
) -> FloatArray:
    r"""Train on random data: the coefficients of the risk of every draw, quadratic in alpha.

    Given the trained weights W the risk on fresh data is :math:`\|W - W_t\|_F^2 + \sigma^2 d`, exactly.
    The result has shape (draws, 3): risk = c0 + c1 alpha + c2 alpha^2.
    """
    rng = np.random.default_rng(rng)
    outputs, p = target.shape
    x = rng.standard_normal((draws, p, n))
    y = target @ x + sigma * rng.standard_normal((draws, outputs, n))
    gram = x @ x.transpose(0, 2, 1) / n + gamma * np.eye(p)
    sides = [x @ y.transpose(0, 2, 1) / n, np.broadcast_to(gamma * source.T, (draws, p, outputs))]
    base, slope = np.split(np.linalg.solve(gram, np.concatenate(sides, axis=2)), 2, axis=2)
    miss = base - target.T
    products = ((miss, miss), (2 * miss, slope), (slope, slope))
    risk = np.stack([np.sum(a * b, axis=(1, 2)) for a, b in products], axis=1)
    risk[:, 0] += sigma**2 * outputs
    return np.asarray(risk)


def compute(quick: bool = False) -> Numbers:
    """The curves, the simulated points beside the theory, and the optima, the lowest averages in simulation.

    Quick: 300 draws for each panel
    instead of 3000.
    """
    draws = 300 if quick else 3000
    alphas, points = np.linspace(-REACH, REACH, 201), np.arange(-REACH + 0.25, REACH, 0.5)
    pairs = [weights(factor) for factor in FACTORS]
    problems = [RidgeRegressionTransfer(None, *pair, SIGMA, N_TARGET, GAMMA) for pair in pairs]
    best = np.array([problem.optimal_alpha() for problem in problems])

    def theory(alpha: ArrayLike) -> FloatArray:
        return np.array([problem.risk(alpha) for problem in problems])

    draw_of = partial(simulated_risk, n=N_TARGET, draws=draws, sigma=SIGMA, gamma=GAMMA)
    coefficients = np.array([draw_of(*pair, rng=(SEED, i)) for i, pair in enumerate(pairs)])
    risks = coefficients @ np.stack([np.ones_like(points), points, points**2])
    # The minimiser -c1 / (2 c2) of the average, and its standard error by the delta method.
    _, c1, c2 = coefficients.mean(axis=1).T
    optimum = -c1 / (2 * c2)
    residual = coefficients[:, :, 1] + 2 * optimum[:, None] * coefficients[:, :, 2]
    factor = np.array(FACTORS)[:, None]
    return Numbers(
        main=Table(b=factor, alpha=alphas, risk=theory(alphas)),
        simulated=Table(
            b=factor,
            alpha=points,
            theory=theory(points),
            simulated=risks.mean(axis=1),
            standard_error=standard_error(risks, axis=1),
            std_of_a_draw=risks.std(axis=1, ddof=1),
            draws=draws,
        ),
        optimum=Table(
            b=FACTORS,
            optimal_alpha=best,
            simulated_optimum=optimum,
            standard_error=residual.std(axis=1, ddof=1) / np.sqrt(draws) / (2 * c2),
            risk_optimal=[problem.risk(alpha) for problem, alpha in zip(problems, best, strict=True)],
            risk_1=theory(1.0),
            risk_0=theory(0.0),
            draws=draws,
        ),
    )


@style.styled
def draw(result: Numbers) -> Figure:
    """One panel per factor b."""
    found, optimum = result.simulated, result.optimum
    figure, ((*axes,),) = style.panels(len(FACTORS), sharey=True)
    for i, (ax, factor) in enumerate(zip(axes, FACTORS, strict=True)):
        ax.plot(result.main.alpha, result.main.risk[i], color=style.BLUE, label="theory")
        label = "simulation, mean ± std of a draw"
        style.points(ax, found.alpha, found.simulated[i], found.std_of_a_draw[i], label=label)
        style.mark(ax, "zero", 0.0, optimum.risk_0[i])
        style.mark(ax, "one", 1.0, optimum.risk_1[i])
        style.mark(ax, "best", optimum.optimal_alpha[i], optimum.risk_optimal[i])
        ax.set_title(rf"$W_t = {factor:g}\, W_s + B$:  $\alpha^* = {optimum.optimal_alpha[i]:.2f}$")
        ax.set(xlabel=r"$\alpha$", xlim=(-REACH - 0.2, REACH + 0.2), yscale="log")
        ax.yaxis.set_major_locator(FixedLocator([200, 500, 1000, 2000, 5000]))
        ax.yaxis.set_major_formatter("{x:g}")
        ax.yaxis.set_minor_locator(NullLocator())
    axes[0].set_ylabel(r"test risk $E\|y - W_\alpha x\|^2$")
    style.legend(figure, axes, columns=5)
    return figure
