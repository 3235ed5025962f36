"""What the code says about a few problems, by the TeX names of the pages on theory and erratum."""

from __future__ import annotations

from functools import cache
from types import MappingProxyType
from typing import Any

import mpmath

from rmt_alpha._core.arithmetic import MP
from rmt_alpha.experiments.reference_formula import reference_curve
from rmt_alpha.theory.isotropic.stage import ridge_stage, source_vector, two_stage_geometry
from rmt_alpha.theory.ridge.closed_form import EffectiveRidge, isotropic_ridge

DIGITS = 50
GUARD = 20

NAMES = {
    r"\frac{d\kappa}{d\gamma}": "dkappa",
    r"\frac{dF}{d\gamma}": "dF",
    r"\lVert\bar w\rVert": "w_bar",
    r"\lVert\tilde w\rVert": "w_source",
    r"\lVert\varepsilon\rVert": "noise",
    r"\lVert\mu_\perp\rVert": "mu_orth",
    r"\lVert\mu\rVert": "mu",
    r"\alpha_{\mathrm{neutral}}": "alpha_neutral",
    r"\alpha_{\mathrm{even}}": "alpha_even",
    r"\alpha_{\mathrm{risk}}": "alpha_risk",
    r"\alpha^\star": "alpha_star",
    r"V_{\mathrm{ref}}": "reference_norm2",
    r"\cos\varphi": "cos_phi",
    r"\tan\varphi": "tan_phi",
    r"\tau_\star": "tau_star",
    r"\sigma_\alpha": "sigma",
    r"\sigma_0": "sigma_0",
    r"x_\alpha": "x_alpha",
    r"x_\star": "x_star",
    r"m_\alpha": "mean",
    r"R_\alpha": "risk",
    r"\tilde\gamma": "gamma_source",
    r"\tilde\kappa": "kappa_source",
    r"\tilde\eta": "eta_source",
    r"\tilde L": "L_source",
    r"\tilde h": "h_source",
    **{rf"\{greek}": greek for greek in ("alpha", "beta", "gamma", "delta")},
    **{rf"\{greek}": greek for greek in ("eta", "kappa", "rho", "tau", "psi")},
    "c_2": "across2",
    "x_0": "x_alone",
    "n'": "n_prime",
    **{letter: letter for letter in "FKLMNabcdghmnopqstx"},
}
"""Every symbol of the pages that is a number: TeX, name."""

FIELDS = ("beta", "p", "n", "N", "mu", "mu_orth", "gamma", "gamma_source", "c", "alpha")
PROBLEMS = [
    ("0.8", 400, 40, 2000, 1, 1, "0.1", 1, 1, "1.7"),
    ("-0.35", 300, 700, 210, "1.9", "0.6", "0.02", "0.3", "1.3", "-0.8"),
    ("0.6", 500, 480, 90, "0.4", "1.5", 3, "0.01", "0.7", "0.25"),
    ("0.97", 90, 1200, 95, "2.5", "0.3", "0.5", "4", 1, "0.4"),
    ("0.5", 120, 100, 3000, "1.2", "1.2", "0.05", "0.05", 1, "-2.5"),
]


@cache
def values_of(index: int) -> MappingProxyType[str, Any]:
    """The values of one of the `PROBLEMS`, right to `DIGITS` digits."""
    with mpmath.workdps(DIGITS + GUARD):
        return MappingProxyType(_values(dict(zip(FIELDS, map(mpmath.mpf, PROBLEMS[index]), strict=True))))


def _values(v: dict[str, Any]) -> dict[str, Any]:
    p, n, N, mu, gamma, alpha = (v[name] for name in ("p", "n", "N", "mu", "gamma", "alpha"))
    source = isotropic_ridge(p, N, v["gamma_source"], MP)
    ridge = isotropic_ridge(p, n, gamma, MP)
    g, noise2 = source_vector(mu, source, MP)
    place = two_stage_geometry(v["beta"], mu, v["mu_orth"], v["c"], (g, noise2), MP)
    curve = ridge_stage(ridge, place, MP, dps=DIGITS)
    best = curve.optimal_alpha()

    v.update(eta=p / n, kappa=ridge.kappa, q=ridge.gamma_over_kappa, L=ridge.lift, h=ridge.freedom)
    v.update(eta_source=p / N, kappa_source=source.kappa, L_source=source.lift, h_source=source.freedom)
    v.update(delta=ridge.kappa / gamma - 1)
    v.update(dkappa=mpmath.diff(lambda x: isotropic_ridge(p, n, x, MP).kappa, gamma))
    v.update(dF=mpmath.diff(lambda x: _minimum(isotropic_ridge(p, n, x, MP), place.norm2), gamma))
    v.update(g=g, noise=mpmath.sqrt(noise2), w_source=mpmath.sqrt(g * g + noise2), M=g * mu)
    v.update(m=place.norm, a=place.along, s=place.inner, across2=place.across2)
    v.update(rho=place.across2 / place.along**2)
    v.update(mean=curve.mean(alpha), sigma=curve.std(alpha), risk=curve.risk(alpha), sigma_0=curve.std(0))
    v.update(x_alpha=curve.margin(alpha), x_star=curve.margin(best), x_alone=curve.margin(0))
    v.update(alpha_star=best, alpha_risk=curve.optimal_alpha("risk"), alpha_neutral=curve.neutral_alpha())
    v.update(alpha_even=next(end for end in curve.transfer_interval() if end))

    # The mean vector (solution of the population problem with ridge kappa): its length, its overlap with w~.
    t, miss = ridge.kappa * alpha, 1 - v["mean"]
    v.update(t=t, w_bar=mpmath.hypot(v["mean"] / v["m"], t / ridge.lift * mpmath.sqrt(place.across2)))
    v.update(o=(v["s"] * miss + t * v["w_source"] ** 2) / ridge.lift)

    # The coordinate in which the inverse squared margin is a parabola, and its angle.
    (a0, a1), t_star = curve.mean_line, ridge.kappa * best
    v.update(tau=t / (a0 + a1 * t), tau_star=t_star / (a0 + a1 * t_star), cos_phi=v["x_alpha"] / v["x_star"])
    v.update(tan_phi=mpmath.sign(v["tau"] - v["tau_star"]) * mpmath.sqrt(1 / v["cos_phi"] ** 2 - 1))

    # Three times as many samples and no source.
    more = isotropic_ridge(p, 3 * n, gamma, MP)
    v.update(n_prime=3 * n, d=more.kappa - gamma, x=ridge_stage(more, place, MP, dps=DIGITS).margin(0))

    # The reference implementation, in float64.
    fields = {name: float(v[name]) for name in ("N", "mu", "gamma_source")}
    v.update(reference_norm2=mpmath.mpf(reference_curve(0.5, float(p), float(n), **fields).source_norm2))
    return v


def _minimum(ridge: EffectiveRidge, m2: Any) -> Any:
    return ridge.gamma_over_kappa * ridge.lift / (ridge.lift + m2)
