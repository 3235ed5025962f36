"""The pages on the isotropic theory and the erratum are true: every numbered equation has a check here.

Closed forms are evaluated from the TeX source of the page (`tex_formulas`) and compared with what the code
says (`docs_values`).  The others are listed with the functions that prove them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest
import sympy
from docs_values import DIGITS, GUARD, NAMES, PROBLEMS, values_of
from numpy.testing import assert_allclose
from scipy.special import ndtri
from tex_formulas import check, equations

import rmt_alpha as ra
from rmt_alpha._core.alphas import Point
from rmt_alpha._core.arithmetic import FLOAT, MP, symbolic
from rmt_alpha.experiments.reference_formula import reference_curve
from rmt_alpha.simulation import simulate
from rmt_alpha.theory.isotropic import geometry
from rmt_alpha.theory.isotropic.stage import Geometry, ridge_stage, source_vector, two_stage_geometry
from rmt_alpha.theory.ridge.closed_form import EffectiveRidge, isotropic_ridge

DOCS = Path(__file__).parents[3] / "docs"
TEX = equations(DOCS / "theory" / "isotropic.md") | equations(DOCS / "experiments" / "erratum.md")

# A few dozen operations, and nothing near a singularity: five digits of room are plenty.
TOLERANCE = mpmath.mpf(10) ** (5 - DIGITS)
# The reference implementation's norm is a difference, evaluated in float64.
FLOAT_TOLERANCE = mpmath.mpf(1e-14)

CLOSED_FORMS = [
    *("eq-delta", "eq-kappa", "eq-freedom", "eq-kappa-stable", "eq-mean", "eq-energy-limit", "eq-variance"),
    *("eq-risk-inflation", "eq-envelope", "eq-source-law", "eq-source-norm", "eq-geometry", "eq-squares"),
    *("eq-optimum", "eq-best-margin", "eq-neutral", "eq-even", "eq-angle", "eq-angle-tau", "eq-alone"),
    *("eq-cubic", "eq-risk-squares", "eq-risk-optimum", "eq-err-mean", "eq-err-right"),
]
REFERENCE_FORMS = ["eq-err-reference", "eq-err-gap", "eq-err-relative"]
PROVED: set[str] = set()


def proves(*labels: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Record that a test function checks these equations."""
    PROVED.update(labels)
    return lambda function: function


def test_every_equation_has_a_check_and_every_check_an_equation():
    checked = {*CLOSED_FORMS, *REFERENCE_FORMS, *PROVED}
    assert set(TEX) == checked


@pytest.mark.parametrize("index", range(len(PROBLEMS)))
@pytest.mark.parametrize("label", CLOSED_FORMS + REFERENCE_FORMS)
def test_closed_form_as_printed(label, index):
    values = values_of(index)
    if label == "eq-even" and mpmath.isinf(values["alpha_even"]):
        return  # see test_where_alpha_even_is_infinite_the_source_part_alone_is_as_good
    tolerance = FLOAT_TOLERANCE if label in REFERENCE_FORMS else TOLERANCE
    with mpmath.workdps(DIGITS + GUARD):
        # An equation that does nothing but define a symbol would check nothing.
        assert check(TEX[label], NAMES, values, tolerance) > 0


@pytest.mark.parametrize(
    ("label", "right", "wrong"),
    [
        ("eq-optimum", r"\eta\,s^2", r"\eta\,s"),
        ("eq-variance", "(1 - h)(1", "(1 + h)(1"),
        ("eq-err-right", "(1 - M)^2", "(1 - 2M)"),
        ("eq-kappa-stable", r"\max(-\psi, 0)", r"\max(\psi, 0)"),
        ("eq-best-margin", r"\eta\rho", r"\rho"),
    ],
)
def test_a_wrong_formula_on_the_page_would_be_seen(label, right, wrong):
    assert right in TEX[label]
    for index in range(2):
        with mpmath.workdps(DIGITS + GUARD), pytest.raises(AssertionError, match="is wrong by"):
            check(TEX[label].replace(right, wrong), NAMES, values_of(index), TOLERANCE)


# --- exact statements about finite samples -----------------------------------------------------------


class Fit:
    """A ridge fit on random data, with every leave-one-out fit, by plain linear algebra."""

    def __init__(self, p=6, n=9, gamma=0.3, alpha=0.7, seed=0):
        rng = np.random.default_rng(seed)
        self.p, self.n, self.gamma, self.alpha = p, n, gamma, alpha
        self.mean, self.w_source = rng.standard_normal(p), rng.standard_normal(p)
        self.y = rng.choice([-1.0, 1.0], n)
        self.z = self.mean[:, None] + rng.standard_normal((p, n))
        self.Q, self.w = self._solve(np.ones(n))
        self.d, self.r, self.Qz = np.empty(n), np.empty(n), np.empty((p, n))
        for i in range(n):
            Q, w = self._solve(np.arange(n) != i)
            z = self.z[:, i]
            self.d[i], self.r[i], self.Qz[:, i] = z @ Q @ z / n, 1 - w @ z, Q @ z

    def _solve(self, keep):
        Q = np.linalg.inv((self.z * keep) @ self.z.T / self.n + self.gamma * np.eye(self.p))
        return Q, Q @ (self.z @ keep / self.n + self.alpha * self.gamma * self.w_source)


@proves("eq-objective", "eq-solution")
def test_the_solution_minimises_the_objective():
    fit = Fit()
    x = fit.z * fit.y
    gap = fit.w - fit.alpha * fit.w_source
    gradient = -2 * x @ (fit.y - fit.w @ x) / fit.n + 2 * fit.gamma * gap
    assert_allclose(gradient, 0, atol=1e-13)


@proves("eq-given-w")
def test_accuracy_and_risk_of_a_given_classifier():
    fit, rng = Fit(p=3), np.random.default_rng(1)
    y = np.repeat([-1.0, 1.0], 100_000)
    x = y * fit.mean[:, None] + rng.standard_normal((fit.p, y.size))
    mean, norm = fit.w @ fit.mean, np.linalg.norm(fit.w)
    hits, losses = y * (fit.w @ x) > 0, (y - fit.w @ x) ** 2
    for sample, expected in ((hits, float(mpmath.ncdf(mean / norm))), (losses, norm**2 + (1 - mean) ** 2)):
        assert abs(sample.mean() - expected) < 4 * sample.std() / math.sqrt(y.size)


@proves("eq-loo-definitions", "eq-loo", "eq-gradient", "eq-trace", "eq-energy")
@pytest.mark.parametrize(("p", "n"), [(6, 9), (9, 6), (5, 5)])
def test_leave_one_out_identities(p, n):
    fit = Fit(p, n)
    left, shrunk = fit.w - fit.alpha * fit.w_source, fit.r / (1 + fit.d)
    assert_allclose(1 - fit.w @ fit.z, shrunk, rtol=1e-11)
    assert_allclose(fit.Q @ fit.z, fit.Qz / (1 + fit.d), rtol=1e-11)
    assert_allclose(fit.gamma * left, fit.z @ shrunk / n, rtol=1e-11)
    assert_allclose(fit.gamma * np.trace(fit.Q) / n + (fit.d / (1 + fit.d)).mean(), p / n, rtol=1e-12)
    assert_allclose(fit.gamma * left @ fit.w, (shrunk - shrunk**2).mean(), rtol=1e-11)


# --- statements about large samples ------------------------------------------------------------------


@proves("eq-conditional", "eq-mean-vector")
def test_the_mean_classifier_and_the_limit_of_the_trace():
    # Averages over replicates against their limits: 4 standard errors, plus a bias of a few 1/n.
    p, n, gamma, alpha, replicates = 75, 50, 0.4, 1.3, 300
    rng = np.random.default_rng(3)
    mean, source = np.zeros(p), np.zeros(p)
    mean[0], source[:2] = 1.2, (-0.5, 0.8)
    z = mean[:, None] + rng.standard_normal((replicates, p, n))
    Q = np.linalg.inv(z @ z.transpose(0, 2, 1) / n + gamma * np.eye(p))
    w = (Q @ (z.mean(axis=2) + alpha * gamma * source)[..., None])[..., 0]
    ridge = ra.effective_ridge(p, n, gamma)

    def close(samples, limit):
        return abs(samples.mean() - limit) < 4 * samples.std() / math.sqrt(replicates) + 3 / n

    assert close(np.trace(Q, axis1=1, axis2=2) / n, ridge.kappa / gamma - 1)
    gram = np.eye(p) + np.outer(mean, mean)
    prior = alpha * ridge.kappa * source
    w_bar = np.linalg.solve(gram + ridge.kappa * np.eye(p), mean + prior)
    assert_allclose(w_bar, ((1 - mean @ w_bar) * mean + prior) / ridge.lift, rtol=1e-12, atol=1e-15)
    wrong = np.linalg.solve(gram + gamma * np.eye(p), mean + alpha * gamma * source)  # gamma instead of kappa
    for axis in (0, 1, 2):
        assert close(w[:, axis], w_bar[axis])
    assert not close(w[:, 0], wrong[0])
    assert not close(w[:, 1], wrong[1])
    # In any fixed direction w fluctuates by O(n^-1/2), in all together by O(1).
    assert w[:, 2].var() < 2 / n
    assert w.var(axis=0).sum() == pytest.approx(
        (1 - ridge.freedom) * _risk(w_bar, mean) / ridge.freedom, rel=0.05
    )


def _risk(w, mean):
    return w @ w + (1 - mean @ w) ** 2


@proves("eq-source", "eq-target-mean")
def test_the_source_is_its_mean_direction_and_isotropic_noise():
    p, N, R = 50, 40, 600
    problem = ra.TransferProblem(0.6, p=p, n=50, N=N, mu=1.4, mu_orth=0.7, gamma_source=0.2, target_scale=1.5)
    z = np.random.default_rng(5).standard_normal((R, p, N))
    z[:, 0] += problem.mu
    gram = z @ z.transpose(0, 2, 1) / N + problem.gamma_source * np.eye(p)
    w = np.linalg.solve(gram, z.mean(axis=2)[..., None])[..., 0]
    ridge = ra.effective_ridge(p, N, problem.gamma_source)
    g, noise2 = source_vector(problem.mu, ridge, FLOAT)
    norm2 = (w[:, 1:] ** 2).sum(axis=1)
    for sample, limit in ((w[:, 0], g), (norm2, noise2), (w[:, 1], 0)):
        assert abs(sample.mean() - limit) < 4 * sample.std() / math.sqrt(R) + 2 / N * abs(limit)
    # Uniform direction: one coordinate carries 1/(p - 1) of the squared length (a 4 sigma band).
    share = w[:, 1:] ** 2 / norm2[:, None]
    assert abs(share[:, 0].mean() * (p - 1) - 1) < 4 * math.sqrt(2 / R)
    # The target mean, as vectors.
    source, across = np.eye(3)[0] * problem.mu, np.eye(3)[1] * problem.mu_orth
    target = problem.target_scale * (problem.beta * source + math.sqrt(1 - problem.beta**2) * across)
    assert_allclose(np.array([problem.along, problem.across]), target[:2])


def test_mean_and_variance_of_trained_classifiers_in_a_million_dimensions():
    # The O(1/n) bias is far below the standard errors; a wrong ridge or norm would be seen at once.
    problem = ra.TransferProblem(
        0.6, p=1_500_000, n=1_000_000, N=900_000, gamma=0.3, gamma_source=0.2, mu=1.3
    )
    alpha = np.array([-1.0, 0.0, 1.0, 3.0])
    run, curve = simulate(problem, alpha, replicates=200, rng=7), problem.curve()
    for name in ("mean", "variance", "accuracy", "risk"):
        z = (getattr(run, name) - getattr(curve, name)(alpha)) / getattr(run, f"{name}_stderr")
        assert np.abs(z).max() < 4, name


# --- the geometry of alpha ---------------------------------------------------------------------------


@proves("eq-mobius", "eq-tau", "eq-parabola", "eq-best-direction")
def test_the_inverse_squared_margin_is_a_parabola():
    a0, a1, t, aligned, *lines = sympy.symbols("a0 a1 t r u1 v1 u2 v2", real=True)
    terms = (tuple(lines[:2]), tuple(lines[2:]))
    # The code's own lines, as the curve evaluates them.
    unused: Any = None
    curve = ra.AlphaCurve(1, (a0, a1), aligned, terms, unused, symbolic())
    at = Point(symbolic(), 1, t, False)
    inverse = curve._variance(at) / curve._line((a0, a1), at) ** 2
    assert (
        sympy.simplify(inverse - aligned**2 - sum(((u + v * t) / (a0 + a1 * t)) ** 2 for u, v in terms)) == 0
    )
    tau = t / (a0 + a1 * t)
    wedges = [u * a1 - v * a0 for u, v in terms]
    parabola = sum((u - w * tau) ** 2 for (u, _), w in zip(terms, wedges, strict=True)) / a0**2
    assert sympy.simplify(inverse - aligned**2 - parabola) == 0
    assert sympy.simplify(a0 * tau / (1 - a1 * tau) - t) == 0
    best = sum(u * w for (u, _), w in zip(terms, wedges, strict=True))
    fall = -sum(v * w for (_, v), w in zip(terms, wedges, strict=True))
    z0, z1 = geometry.best_direction((a0, a1), terms)
    assert sympy.simplify(best / fall - z1 / z0) == 0
    assert sympy.simplify(sympy.diff(inverse, t).subs(t, best / fall)) == 0


def symbolic_curve():
    """The code's ridge stage on symbols: any target mean of norm m, any source with along a and across c."""
    m, c, kappa, alpha, free, spent = sympy.symbols("m c kappa alpha free spent", positive=True)
    a = sympy.symbols("a", real=True, nonzero=True)
    # h and 1 - h are squares here, so that all is rational; `share` lets them add up to 1.
    ridge = EffectiveRidge(kappa, math.nan, 1 + kappa, spent**2, free**2)
    curve = ridge_stage(ridge, Geometry(m, m**2, a, a * m, c**2), symbolic(), dps=DIGITS)

    def share(expression):
        numerator, _ = sympy.fraction(sympy.together(expression))
        return sympy.expand(numerator).subs(spent, sympy.sqrt(1 - free**2))

    return curve, alpha, Point(symbolic(), 1, alpha, False), share


def test_the_derivatives_vanish_at_the_best_alphas():
    curve, alpha, at, share = symbolic_curve()
    mean, variance = curve._line(curve.mean_line, at), curve._variance(at)
    # d(mean^2/variance) = 0, without its denominators, which are positive.
    slope = 2 * sympy.diff(mean, alpha) * variance - mean * sympy.diff(variance, alpha)
    best = sympy.factor(curve.optimal_alpha())
    assert sympy.expand(share(slope.subs(alpha, best))) == 0
    assert sympy.expand(share(slope.subs(alpha, 2 * best))) != 0
    slope = sympy.diff(variance + (1 - mean) ** 2, alpha)
    best = sympy.factor(curve.optimal_alpha("risk"))
    assert sympy.expand(share(slope.subs(alpha, best))) == 0
    assert sympy.expand(share(slope.subs(alpha, 2 * best))) != 0


def test_where_alpha_even_is_infinite_the_source_part_alone_is_as_good():
    infinite = [i for i in range(len(PROBLEMS)) if mpmath.isinf(values_of(i)["alpha_even"])]
    assert 0 < len(infinite) < len(PROBLEMS)  # both cases are among the problems
    for index in range(len(PROBLEMS)):
        v = values_of(index)
        m2 = v["m"] ** 2
        bracket = (v["L"] + m2) * m2 * v["across2"] + v["eta"] * v["a"] ** 2 * (m2 - v["L"])
        assert (bracket <= 0) == (index in infinite)
        assert mpmath.sign(v["alpha_even"]) == mpmath.sign(v["s"])
        assert abs(v["alpha_even"]) > 2 * abs(v["alpha_star"])


@proves("eq-tolerance")
@pytest.mark.parametrize("loss", [0.001, 0.01, 0.05])
@pytest.mark.parametrize("beta", [0.8, -0.4])
def test_tolerance_interval(beta, loss):
    problem = ra.TransferProblem(beta, p=400, n=60, N=900, gamma=0.2, mu=1.3)
    curve, m = problem.curve(), problem.target_norm
    (a0, a1), best = curve.mean_line, curve.optimal_alpha()
    x = curve.margin(best)
    cosine = float(ndtri(curve.accuracy(best) - loss)) / x
    tangent = math.sqrt(1 / cosine**2 - 1)
    ridge, source = ra.effective_ridge(400, 60, 0.2), ra.effective_ridge(400, 900, 1.0)
    place = two_stage_geometry(beta, 1.3, 1.0, 1.0, source_vector(1.3, source, FLOAT), FLOAT)
    share = m**2 * place.across2 + 400 / 60 * place.along**2
    K = ridge.lift * m / x * math.sqrt(ridge.freedom / share)
    tau_star = curve.kappa * best / (a0 + a1 * curve.kappa * best)
    ends = [tau_star - K * tangent, tau_star + K * tangent]
    ends = [
        a0 * tau / (1 - a1 * tau) / curve.kappa if a1 * tau < 1 else math.copysign(math.inf, a1)
        for tau in ends
    ]
    assert_allclose(np.array(curve.tolerance_interval(loss)), ends, rtol=1e-11)
    for end in curve.tolerance_interval(loss):
        if math.isfinite(end):
            assert curve.accuracy(end) == pytest.approx(curve.accuracy(best) - loss, rel=1e-13)


# --- what a source is worth --------------------------------------------------------------------------

HUGE = mpmath.mpf(10) ** 25


@proves("eq-worth")
@pytest.mark.parametrize("n", [20, 300, 5000])
def test_samples_that_a_source_is_worth_with_a_large_ridge(n):
    v = dict(values_of(1))
    fields = {name: v[name] for name in ("beta", "p", "N", "mu", "mu_orth", "gamma_source")}
    problem = ra.TransferProblem(**fields, n=n, target_scale=v["c"], gamma=HUGE)
    with mpmath.workdps(DIGITS):
        worth = v["p"] / (v["m"] ** 2 * v["rho"])
        curve = problem.curve(dps=DIGITS)
        x2 = curve.margin(curve.optimal_alpha()) ** 2
        eta_prime = v["m"] ** 4 / x2 - v["m"] ** 2  # eq-alone with h = 1
        assert abs((v["p"] / eta_prime - n) / worth - 1) < 1e-20
    problem = ra.TransferProblem(
        **{name: float(v[name]) for name in fields}, n=n, target_scale=1.3, gamma=1e8
    )
    assert problem.equivalent_samples() == pytest.approx(float(worth), rel=1e-7)


@proves("eq-worth-source")
def test_angle_of_a_source_trained_with_a_large_ridge():
    with mpmath.workdps(DIGITS):
        for index in range(len(PROBLEMS)):
            v = values_of(index)
            source = source_vector(v["mu"], isotropic_ridge(v["p"], v["N"], HUGE, MP), MP)
            place = two_stage_geometry(v["beta"], v["mu"], v["mu_orth"], v["c"], source, MP)
            cosine2 = (v["c"] * v["beta"] * v["mu"] / place.norm) ** 2
            rho = ((1 - cosine2) * v["mu"] ** 2 + v["eta_source"]) / (cosine2 * v["mu"] ** 2)
            assert abs(place.across2 / place.along**2 / rho - 1) < 1e-20
    same = ra.TransferProblem(1, 400, 40, N=300, mu=1.7, gamma=1e9, gamma_source=1e9)
    assert same.equivalent_samples() == pytest.approx(300, rel=1e-6)


# --- where the reference implementation's norm comes from --------------------------------------------


def resolvent_squares(p, N, ridge, mu):
    """q^2 tr E[Q^2] / N and q^2 mu^T E[Q^2] mu, from Q^2 = -dQ/d(ridge), in the limit."""

    def trace(x):
        return 1 / isotropic_ridge(p, N, x, MP).gamma_over_kappa - 1

    def form(x):
        at = isotropic_ridge(p, N, x, MP)
        return mu**2 / (at.gamma_over_kappa * (at.lift + mu**2))

    q = isotropic_ridge(p, N, ridge, MP).gamma_over_kappa
    return -(q**2) * mpmath.diff(trace, ridge), -(q**2) * mpmath.diff(form, ridge)


@proves("eq-err-expansion", "eq-err-mean-of-square", "eq-err-square-of-mean")
@pytest.mark.parametrize("index", range(len(PROBLEMS)))
def test_one_slip_turns_the_right_norm_into_the_reference_norm(index):
    v = values_of(index)
    M, h, mu = v["M"], v["h_source"], v["mu"]
    with mpmath.workdps(DIGITS):
        trace, form = resolvent_squares(v["p"], v["N"], v["gamma_source"], mu)
        assert abs(trace - (1 - h) / h) < TOLERANCE
        assert abs(form - (M**2 / mu**2 + (1 - h) * M**2) / h) < TOLERANCE
        assert abs((1 - 2 * M) * trace + form - v["w_source"] ** 2) < TOLERANCE
        # The square of E[Q] = ((L + mu mu^T) q)^-1 in the place of E[Q^2]; the trace up to its O(1/N) part.
        wrong = (1 - 2 * M) * v["eta_source"] / v["L_source"] ** 2 + (mu / (v["L_source"] + mu**2)) ** 2
        assert abs(wrong - v["reference_norm2"]) < FLOAT_TOLERANCE


def test_the_expansion_in_resolvents_holds_for_random_data():
    # E[Q^2] is a sample mean here, so the expansion is tested apart from its evaluation. Its error is O(1/N).
    p, N, ridge, R = 60, 90, 0.2, 400
    z = np.random.default_rng(11).standard_normal((R, p, N))
    mu = np.eye(p)[0] * 1.3
    z += mu[:, None]
    Q = np.linalg.inv(z @ z.transpose(0, 2, 1) / N + ridge * np.eye(p))
    w = (Q @ z.mean(axis=2)[..., None])[..., 0]
    trace, form = (Q**2).sum(axis=(1, 2)).mean() / N, ((Q @ mu) ** 2).sum(axis=1).mean()
    at = ra.effective_ridge(p, N, ridge)
    q, M = at.gamma_over_kappa, mu @ mu / (at.lift + mu @ mu)
    norm2 = (w**2).sum(axis=1)
    expansion = q**2 * ((1 - 2 * M) * trace + form)
    assert abs(expansion - norm2.mean()) < 4 * norm2.std() / math.sqrt(R) + 2 / N * norm2.mean()
    mean_Q = Q.mean(axis=0)
    slip = q**2 * ((1 - 2 * M) * np.trace(mean_Q @ mean_Q) / N + mu @ mean_Q @ mean_Q @ mu)
    reference = reference_curve(0.5, p, N, N=N, mu=1.3, gamma_source=ridge).source_norm2
    assert slip == pytest.approx(reference, abs=3 / N)
    assert abs(slip - norm2.mean()) > 0.3 * norm2.mean()
