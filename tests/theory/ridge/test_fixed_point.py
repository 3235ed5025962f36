"""The monotone solver: uniqueness, brackets, iteration counts, failures; only the equation is assumed."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from mixture_strategies import ANY, SEEDS, mixtures
from strategies import log_uniform

from rmt_alpha._core.small_linear import dominant_solve
from rmt_alpha.errors import ConvergenceError
from rmt_alpha.theory.ridge import fixed_point
from rmt_alpha.theory.ridge.basis import STANDARD
from rmt_alpha.theory.ridge.fixed_point import Tangent, harmonic_root, newton_root, solve
from rmt_alpha.theory.ridge.mixture import fit_ridge
from rmt_alpha.theory.ridge.spectrum import Spectrum

EPS = float(np.finfo(float).eps)
MAX_STEPS = 15


@st.composite
def spectra(draw: st.DrawFn, decades: float = 12.0) -> Spectrum:
    """Commuting covariances: wide, atomic, singular or disjoint spectra."""
    rng = np.random.default_rng(draw(SEEDS))
    groups, p = draw(st.integers(1, 4)), draw(st.sampled_from([5, 30, 100]))
    spread = 10.0 ** (-draw(st.sampled_from([0.0, 1.0, 4.0, decades])) * rng.random((groups, p)))
    kind = draw(st.sampled_from(["wide", "atoms", "singular", "disjoint"]))
    values = {
        "wide": spread,
        "atoms": np.where(rng.random((groups, p)) < 0.5, 1.0, spread.min()),
        "singular": spread * (rng.random((groups, p)) < 0.7),
        "disjoint": spread * (np.arange(p) % groups == np.arange(groups)[:, None]),
    }[kind]
    scales = 10.0 ** rng.uniform(-2, 2, (groups, 1))
    return Spectrum(STANDARD, values * scales, rng.dirichlet(np.full(groups, 2.0)) * 0.98 + 0.02 / groups, p)


def aspect_ratios() -> st.SearchStrategy[float]:
    near = st.sampled_from([1.0, 1 + 1e-12, 1 - 1e-12, 1 + 1e-6, 1 - 1e-6, 0.5, 1.5])
    return st.one_of(near, log_uniform(-4, 4))


def map_in_mpmath(model: Spectrum, n: float, kappa: list[mpmath.mpf]) -> list[mpmath.mpf]:
    """T_a = (1/n) sum_i lambda_ai / (1 + sum_b pi_b lambda_bi / kappa_b), as it is written."""
    columns = list(zip(*([mpmath.mpf(float(x)) for x in row] for row in model.values), strict=True))
    priors = [mpmath.mpf(float(x)) for x in model.priors]
    damped = [
        1 / (1 + sum(w * x / k for w, x, k in zip(priors, column, kappa, strict=True))) for column in columns
    ]
    return [
        sum(column[a] * r for column, r in zip(columns, damped, strict=True)) / mpmath.mpf(n)
        for a in range(len(priors))
    ]


@given(spectra(), aspect_ratios(), log_uniform(-12, 12))
def test_the_solution_satisfies_the_equation_to_rounding(model, eta, gamma):
    n = model.p / eta
    solution = fit_ridge(model, n, gamma).solution
    with mpmath.workdps(40):
        kappa = [mpmath.mpf(float(k)) for k in solution.value]
        right = [mpmath.mpf(gamma) + t for t in map_in_mpmath(model, n, kappa)]
        gap = max(abs((a - b) / a) for a, b in zip(kappa, right, strict=True))
    # Rounding of kappa itself, and of sums of p terms.
    assert gap < (16 + model.p) * EPS
    assert solution.residual < (16 + model.p) * EPS
    assert solution.status in ("converged", "rounding")


@given(spectra(decades=6.0), aspect_ratios(), log_uniform(-9, 9))
def test_the_bracket_holds_the_exact_solution(model, eta, gamma):
    assume(len(model.values) <= 2)
    n = model.p / eta
    solution = fit_ridge(model, n, gamma).solution
    with mpmath.workdps(50):
        exact = fit_ridge(model.exact(), mpmath.mpf(n), mpmath.mpf(gamma)).solution.value
    # The two bounds end up a few roundings apart, from traces that are sums of p terms, known to p roundings.
    slack = 2 * model.p * EPS
    for low, value, high in zip(solution.lower, exact, solution.upper, strict=True):
        assert float(low) * (1 - slack) <= float(value) <= float(high) * (1 + slack)


@given(spectra(), aspect_ratios(), log_uniform(-12, 12))
def test_at_most_15_evaluations(model, eta, gamma):
    assert fit_ridge(model, model.p / eta, gamma).solution.n_iter <= MAX_STEPS


@given(spectra(decades=3.0), aspect_ratios())
def test_at_most_15_evaluations_without_ridge(model, eta):
    n = model.p / eta
    assume(n != model.rank)
    # Where a class of less than full rank has more samples than dimensions its kappa vanishes, others' do
    # not, and scales that differ by a factor of 1e30 take a few evaluations more.
    singular = len(model.values) > 1 and (model.values == 0).any()
    assert fit_ridge(model, n, 0).solution.n_iter <= (2 if singular else 1) * MAX_STEPS


@given(mixtures(kinds=ANY), aspect_ratios(), log_uniform(-2, 2), st.floats(-3, 3), SEEDS)
def test_every_start_leads_to_the_same_solution(mixture, eta, gamma, exponent, seed):
    model, n = mixture.model, mixture.p / eta
    best = fit_ridge(model, n, gamma).solution
    upper = gamma + model.moments[0] / n
    start = 10.0**exponent * np.random.default_rng(seed).lognormal(size=len(upper))
    again = solve(
        lambda kappa, _: model.resolvent(kappa, n).tangent(),
        gamma,
        start,
        upper,
        tolerance=1e-11,
        epsilon=EPS,
    )
    np.testing.assert_allclose(again.value, best.value, rtol=1e-9)


@given(spectra(), aspect_ratios(), log_uniform(-12, 12), SEEDS)
def test_bounds_from_any_point_hold(model, eta, gamma, seed):
    n = model.p / eta
    exact = fit_ridge(model, n, gamma).solution.value
    point = exact * 10.0 ** np.random.default_rng(seed).uniform(-3, 3, len(exact))
    at, upper = model.resolvent(point, n).tangent(), gamma + model.moments[0] / n
    lower = harmonic_root(point, gamma, at, upper, EPS)
    # kappa - T is a difference of numbers of the size of kappa that is compared with gamma.
    rounding = 16 * model.p * EPS * max(1.0, float(np.max(np.append(point, exact))) / gamma)
    assert (lower <= exact * (1 + rounding)).all()
    newton = newton_root(point, gamma, at)
    assert newton is None or (newton >= exact * (1 - rounding)).all()


@given(spectra(decades=6.0), aspect_ratios(), log_uniform(-6, 6), st.floats(1.001, 100))
def test_kappa_grows_with_gamma_and_falls_with_n(model, eta, gamma, factor):
    n = model.p / eta
    kappa = fit_ridge(model, n, gamma).kappa
    more = fit_ridge(model, n, gamma * factor).kappa
    assert (more >= kappa + gamma * (factor - 1) * (1 - 1e-9)).all()  # d kappa / d gamma >= 1
    assert (fit_ridge(model, n * factor, gamma).kappa <= kappa * (1 + 1e-12)).all()


def test_isotropic_covariances_are_solved_at_the_first_evaluation():
    for eta in (0.01, 0.5, 1.0, 3.0, 1e4):
        for gamma in (1e-12, 1e-3, 1.0, 1e12):
            model = Spectrum(STANDARD, np.ones((1, 1)), np.ones(1), 1000)
            assert fit_ridge(model, 1000 / eta, gamma).solution.n_iter <= 2


def test_newton_alone_would_not_meet_the_promise():
    """Near a double root a Newton step halves the distance: the harmonic bound makes 15 steps possible."""
    model, gamma, n = Spectrum(STANDARD, np.ones((1, 1)), np.ones(1), 100), 1e-12, 100.0
    kappa, steps = gamma + model.moments[0] / n, 0
    while True:
        new = newton_root(kappa, gamma, model.resolvent(kappa, n).tangent())
        steps += 1
        assert new is not None
        if abs(new / kappa - 1).max() < 1e-12:
            break
        kappa = new
    assert steps > MAX_STEPS


def test_dominant_solve_keeps_the_digits_of_a_nearly_singular_matrix():
    rows = np.array([1e-18, 3e-20, 2e-19])
    coupling = np.array([[0, 1.0, 0.3], [0.5, 0, 2.0], [1.0, 0.1, 0]])
    right = np.array([1.0, 2.0, 3.0])
    with mpmath.workdps(60):
        matrix = mpmath.matrix(3)
        for i in range(3):
            for j in range(3):
                off = -mpmath.mpf(coupling[i, j])
                matrix[i, j] = off if i != j else mpmath.mpf(rows[i]) + sum(map(mpmath.mpf, coupling[i]))
        exact = [float(x) for x in mpmath.lu_solve(matrix, mpmath.matrix(right.tolist()))]
    np.testing.assert_allclose(dominant_solve(coupling, rows, right), exact, rtol=8 * EPS)
    full = np.diag(rows + coupling.sum(axis=1)) - coupling
    with pytest.raises(AssertionError), np.errstate(all="ignore"):
        np.testing.assert_allclose(np.linalg.pinv(full) @ right, exact, rtol=1e-3)


def one_dimensional(kappa, _):
    """T = kappa / (1 + kappa), the isotropic map with eta = 1."""
    lift = 1 + kappa
    return Tangent(kappa / lift, 1 / lift[:, None], kappa / lift, kappa**2 / lift)


def test_statuses_explain_themselves():
    start = np.array([0.7])
    done = solve(one_dimensional, 0.25, start, np.array([1.25]), tolerance=1e-14, epsilon=EPS)
    assert done.status == "converged"
    assert done.value[0] == pytest.approx((0.25 + np.sqrt(0.25**2 + 1)) / 2, rel=1e-14)

    def noisy(kappa, step):
        at = one_dimensional(kappa, step)
        shift = 1 + 1e-13 * np.sin(1e15 * kappa)
        return Tangent(at.value * shift, at.share, at.slack, kappa - at.value * shift)

    rough = solve(noisy, 0.25, start, np.array([1.25]), tolerance=1e-15, epsilon=EPS)
    assert rough.status == "rounding"
    for result in (done, rough):
        assert result.explanation == fixed_point.MEANING[result.status]


def test_an_iteration_that_does_not_converge_carries_its_best_estimate():
    start = np.array([1e-6])
    with pytest.raises(
        ConvergenceError, match="no convergence in 1 iterations: kappa lies between"
    ) as caught:
        solve(one_dimensional, 0.25, 1e6 * start, np.array([1.25]), tolerance=0.0, epsilon=EPS, max_iter=1)
    best = caught.value.best
    assert best.status == "max_iter"
    assert "raise it" in best.explanation
    assert best.lower[0] <= (0.25 + np.sqrt(0.25**2 + 1)) / 2 <= best.upper[0]


def test_a_wrong_derivative_is_noticed():
    """Only the tangent's value decides: with wrong shares the answer is the same, or there is none."""

    def wrong(kappa, step):
        at = one_dimensional(kappa, step)
        return Tangent(at.value, at.share * 0.5, 1 - at.share[:, 0] * 0.5, at.deficit)

    result = solve(wrong, 0.25, np.array([0.7]), np.array([1.25]), tolerance=1e-13, epsilon=EPS, max_iter=200)
    assert result.n_iter > 10  # no longer quadratic
    assert result.value[0] == pytest.approx((0.25 + np.sqrt(0.25**2 + 1)) / 2, rel=1e-11)
