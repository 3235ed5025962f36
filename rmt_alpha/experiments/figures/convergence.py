r"""How fast a finite problem approaches the theory: bias of order 1/n, spread of order 1/sqrt(n).

The theory is the limit of large n with p/n and N/n held fixed.  In a problem of size n

    average accuracy over draws of the data  =  theory + b/n + O(1/n^2),
    standard deviation of one draw           =  sqrt(v/n) (1 + O(1/n)),

where `AlphaCurve.accuracy_std` predicts v.  Simulations from n = 40 to n = 10^7 measure both, in a
well-conditioned problem, at p = n with a small ridge, and with a source trained on few samples.

Seeing a bias b/n beneath a spread sqrt(v/n) takes n v / b^2 draws and more: there are many of them at small
n, and where the bias still hides beneath its standard error the figure shows an upper bound, no point.
Exponents are fitted to all sizes alike, whether resolved or not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from rmt_alpha._core.types import FloatArray
from rmt_alpha.experiments.figures._numbers import Numbers, Table
from rmt_alpha.experiments.figures._power_law import PowerLaw, fit_power_law, std_with_stderr
from rmt_alpha.plotting import style
from rmt_alpha.problems.transfer import TransferProblem
from rmt_alpha.simulation import simulate

SIZES = (40, 100, 200, 400, 1000, 2000, 4000, 10**4, 10**5, 10**6, 10**7)
QUICK_SIZES = (40, 100, 400, 10**3, 10**4, 10**5, 10**6, 10**7)
ALPHA = 1.0
SEED = 2517
RESOLVED = 3.0
"""Standard errors from which on a bias is shown as a point."""
ONE_SIDED = 1.645
"""95 % quantile of the standard normal law."""


class ScaledProblem(NamedTuple):
    """One problem at every size: p = eta n and N = source n."""

    label: str
    eta: float
    source: float | None
    fields: dict[str, float]
    draws: int

    @property
    def name(self) -> str:
        """The label without mathematics."""
        return self.label.replace("$", "").replace("\\", "")

    def draws_at(self, n: int, share: float) -> int:
        """Draws of the data: four times as many where they are cheap, a quarter where no bias can show."""
        return round(self.draws * share * (4.0 if n <= 100 else 1.0 if n <= 10**4 else 0.25))

    def problem(self, n: int) -> TransferProblem:
        """The problem with n target samples."""
        N = None if self.source is None else round(self.source * n)
        return TransferProblem(p=round(self.eta * n), n=n, N=N, **self.fields)


SINGULAR = {"beta": 0.6, "gamma": 0.01, "mu": 2.0, "mu_orth": 2.0}
TRAINED = {"beta": 0.8, "gamma": 1.0, "gamma_source": 0.1, "mu": 1.5, "mu_orth": 1.5}
CASES = (
    ScaledProblem("well conditioned: $p = n/4$", 0.25, None, {"beta": 0.6, "gamma": 0.3}, 80_000),
    ScaledProblem(r"near-singular: $p = n$, $\gamma = 0.01$", 1.0, None, SINGULAR, 28_000),
    ScaledProblem("trained source: $N = n/2$, $p = n/4$", 0.25, 0.5, TRAINED, 70_000),
)
"""The columns of the figure."""


@dataclass(frozen=True, eq=False)
class SizeStudy:
    """One problem at every size: arrays of shape (n_sizes,), but for ``theory``, which is the same at all.

    ``theory_std`` and ``std`` are the predicted and the simulated standard deviation of one draw of the data,
    ``mean`` the average accuracy over ``draws``.
    """

    case: ScaledProblem
    n: FloatArray
    draws: FloatArray
    theory: float
    theory_std: FloatArray
    mean: FloatArray
    mean_stderr: FloatArray
    std: FloatArray
    std_stderr: FloatArray

    @property
    def bias(self) -> FloatArray:
        """Average minus theory."""
        return self.mean - self.theory

    @property
    def resolved(self) -> NDArray[np.bool_]:
        """Where the bias exceeds `RESOLVED` standard errors."""
        return np.abs(self.bias) > RESOLVED * self.mean_stderr

    @property
    def bias_bound(self) -> FloatArray:
        """Upper bound of the absolute bias, at 95 % confidence."""
        return np.abs(self.bias) + ONE_SIDED * self.mean_stderr

    def fits(self) -> dict[str, PowerLaw]:
        """Power laws of bias and spread with free exponents, and of the bias with exponent -1."""
        bias, error = self.bias, self.mean_stderr
        return {
            "bias": fit_power_law(self.n, bias, error, guess=-1.0),
            "spread": fit_power_law(self.n, self.std, self.std_stderr, guess=-0.5),
            "bias, exponent fixed": fit_power_law(self.n, bias, error, guess=-1.0, fixed=True),
        }

    def table(self) -> Table:
        """Bias and spread at every size."""
        problems = [self.case.problem(round(n)) for n in self.n]
        sources = ["known source" if problem.N is None else problem.N for problem in problems]
        return Table(
            problem=self.case.name,
            p=[problem.p for problem in problems],
            n=self.n,
            N=np.array(sources, dtype=object),
            alpha=ALPHA,
            theory=self.theory,
            draws=self.draws,
            simulated=self.mean,
            standard_error=self.mean_stderr,
            bias=self.bias,
            n_times_bias=self.n * self.bias,
            n_times_standard_error=self.n * self.mean_stderr,
            bias_resolved=self.resolved.astype(int),
            bias_upper_bound_95=self.bias_bound,
            theory_std=self.theory_std,
            simulated_std=self.std,
            std_standard_error=self.std_stderr,
            std_ratio=self.std / self.theory_std,
        )


def exponents(each: SizeStudy, fits: dict[str, PowerLaw]) -> Table:
    """The fitted power laws of one problem."""
    factor = each.theory_std[0] * np.sqrt(each.n[0])
    laws = fits.values()
    return Table(
        problem=each.case.name,
        quantity=list(fits),
        expected_exponent=[-1.0, -0.5, -1.0],
        exponent=[law.exponent for law in laws],
        exponent_standard_error=[law.exponent_stderr for law in laws],
        factor=[law.factor for law in laws],
        factor_standard_error=[law.factor_stderr for law in laws],
        predicted_factor=np.array(["not predicted", factor, "not predicted"], dtype=object),
    )


def study(case: ScaledProblem, sizes: tuple[int, ...], share: float, seed: int) -> SizeStudy:
    """Simulate one problem at every size, with ``share`` of its draws."""
    rows = []
    for i, n in enumerate(sizes):
        problem = case.problem(n)
        draws = case.draws_at(n, share)
        accuracy = simulate(problem, ALPHA, replicates=draws, rng=(SEED, seed, i)).draws.accuracy
        std, std_stderr = std_with_stderr(accuracy)
        predicted = problem.curve().accuracy_std(ALPHA)
        rows.append([n, draws, predicted, accuracy.mean(), std / np.sqrt(draws), std, std_stderr])
    n, draws, *columns = np.array(rows, dtype=float).T
    return SizeStudy(case, n, draws, float(case.problem(sizes[0]).curve().accuracy(ALPHA)), *columns)


def compute(quick: bool = False) -> Numbers:
    """Simulate from n = 40 to n = 10^7 and fit the exponents: one `SizeStudy` and its fits per problem.

    Quick: a twentieth of the draws, and fewer sizes.
    """
    sizes, share = (QUICK_SIZES, 0.05) if quick else (SIZES, 1.0)
    studies = tuple(study(case, sizes, share, seed) for seed, case in enumerate(CASES))
    fits = tuple(each.fits() for each in studies)
    return Numbers(
        main=tuple(each.table() for each in studies),
        exponents=tuple(map(exponents, studies, fits)),
        studies=studies,
        fits=fits,
    )


@style.styled
def draw(result: Numbers) -> Figure:
    """One column per problem: bias and spread against n, and below the spread relative to its prediction."""
    figure, axes = style.panels(
        len(result.studies), 2, size=(3.4, 2.6), sharex=True, sharey="row", height_ratios=[1.7, 1]
    )
    for (upper, lower), each, fits in zip(axes.T, result.studies, result.fits, strict=True):
        _draw_sizes(upper, each, fits)
        ratio = each.std / each.theory_std
        lower.axhline(0.0, color=style.BLUE)
        style.points(lower, each.n, 100 * (ratio - 1), 200 * each.std_stderr / each.theory_std)
        upper.set(title=each.case.label, xscale="log", yscale="log")
        lower.set(xlabel="target samples $n$")
    axes[0, 0].set_ylabel("bias and spread\nof the accuracy at $\\alpha = 1$")
    axes[1, 0].set_ylabel("spread: simulation\nagainst theory (%)")
    style.legend(figure, axes[0], columns=3)
    return figure


def _draw_sizes(ax: Axes, each: SizeStudy, fits: dict[str, PowerLaw]) -> None:
    """Bias and spread against n, with the fitted exponents as text."""
    found, red = each.resolved, style.VERMILLION
    ax.plot(each.n, each.theory_std, color=style.BLUE, label="spread of one draw: theory")
    style.points(ax, each.n, each.std, 2 * each.std_stderr, label="spread: simulation, ± 2 standard errors")
    label = "bias: simulation, ± 2 standard errors"
    size, error = np.abs(each.bias[found]), 2 * each.mean_stderr[found]
    style.points(ax, each.n[found], size, error, color=red, marker="s", markersize=4.0, label=label)
    hollow: dict[str, Any] = {"marker": "v", "markersize": 5.5, "markerfacecolor": "white", "color": red}
    label = "bias not resolved: 95 % upper bound"
    ax.plot(each.n[~found], each.bias_bound[~found], linestyle="none", label=label, **hollow)
    line = abs(fits["bias, exponent fixed"](each.n))
    ax.plot(each.n, line, color=red, linestyle=style.DASHES[1], label="bias: $b/n$ with $b$ fitted")
    for name, digits, color, x, y, side in (
        ("spread", 4, style.BLUE, 0.97, 0.9, "right"),
        ("bias", 2, red, 0.04, 0.1, "left"),
    ):
        law = fits[name]
        text = rf"{name} $\propto\, n^{{{law.exponent:.{digits}f} \pm {law.exponent_stderr:.{digits}f}}}$"
        ax.text(x, y, text, transform=ax.transAxes, ha=side, va="center", color=color)
