"""The convergence study: exponents within their errors, and wrong theories that fail the same checks."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import rmt_alpha as ra
from rmt_alpha.experiments.figures import convergence
from rmt_alpha.experiments.figures._power_law import NEXT_ORDER, fit_power_law, std_with_stderr
from rmt_alpha.experiments.reference_formula import reference_curve
from rmt_alpha.theory.isotropic.fluctuations import Fluctuations

SIGMAS = 4.0
"""Three problems, two exponents each: chance exceeds it once in 2600 such runs."""


@pytest.fixture(scope="module")
def studies(quick):
    return quick("convergence").studies


def bias_falls_like_one_over_n(study):
    """Whether the exponent -1 is found, and told apart from 0 and from -1/2."""
    law = study.fits()["bias"]
    error = SIGMAS * law.exponent_stderr
    return abs(law.exponent + 1) < error and law.exponent_stderr < 0.25


def spread_is_as_predicted(study):
    """Whether every simulated spread is the predicted one, within its error and the next order in 1/n."""
    allowed = SIGMAS * study.std_stderr / study.std + NEXT_ORDER / study.n
    return bool(np.all(np.abs(study.std / study.theory_std - 1) < allowed))


def test_exponents_are_minus_one_and_minus_one_half(quick):
    for study, fits in zip(quick("convergence").studies, quick("convergence").fits, strict=True):
        assert bias_falls_like_one_over_n(study), study.case.label
        law = fits["spread"]
        assert abs(law.exponent + 0.5) < SIGMAS * law.exponent_stderr
        assert law.exponent_stderr < 0.005
        predicted = study.theory_std[0] * np.sqrt(study.n[0])
        assert abs(law.factor - predicted) < SIGMAS * law.factor_stderr


def test_together_the_problems_exclude_a_bias_of_order_one_over_root_n(quick):
    laws = [fits["bias"] for fits in quick("convergence").fits]
    weights = np.array([law.exponent_stderr**-2 for law in laws])
    average = weights @ [law.exponent for law in laws] / weights.sum()
    error = weights.sum() ** -0.5
    assert abs(average + 1) < SIGMAS * error
    assert average + 0.5 < -SIGMAS * error


def test_the_bias_is_resolved_at_small_n_and_bounded_elsewhere(studies):
    for study in studies:
        assert study.resolved[study.n <= 100].all()
        assert not study.resolved[study.n >= 10**5].any()
        assert (study.bias_bound > np.abs(study.bias)).all()
        line = study.fits()["bias, exponent fixed"]
        # No bound contradicts the line that the resolved sizes draw (each does with a chance below 5 %).
        assert (study.bias_bound[~study.resolved] > abs(line(study.n[~study.resolved]))).all()


def test_every_spread_is_as_predicted(studies):
    assert all(spread_is_as_predicted(study) for study in studies)


# --- wrong theories --------------------------------------------------------------------------------------


def wrong_accuracies(case):
    problem = case.problem(400)
    right = problem.curve().accuracy(convergence.ALPHA)
    wrong = {"off by a thousandth": right + 1e-3, "off by a ten-thousandth": right - 1e-4}
    if case.source is not None:
        endless = dataclasses.replace(problem, N=np.inf)
        wrong["source without noise"] = endless.curve().accuracy(convergence.ALPHA)
        fields = {name: getattr(problem, name) for name in ("N", "mu", "mu_orth", "gamma", "gamma_source")}
        reference = reference_curve(problem.beta, problem.p, problem.n, **fields)
        wrong["reference formula"] = float(reference.accuracy(convergence.ALPHA))
    return wrong


@pytest.mark.parametrize("index", range(3))
def test_a_wrong_accuracy_does_not_converge(index, studies):
    for name, value in wrong_accuracies(convergence.CASES[index]).items():
        study = dataclasses.replace(studies[index], theory=value)
        assert not bias_falls_like_one_over_n(study), name
        assert study.resolved[-1], name  # in ten million dimensions a wrong theory is plainly off


def test_a_spread_that_forgets_the_source_fails(studies):
    (study,) = (each for each in studies if each.case.source is not None)
    forgetful = []
    for n in study.n:
        curve = study.case.problem(int(n)).curve()
        without = Fluctuations(curve.fluctuations().chain, None)
        forgetful.append(dataclasses.replace(curve, fluctuations=lambda without=without: without))
    wrong = np.array([curve.accuracy_std(convergence.ALPHA) for curve in forgetful])
    assert not spread_is_as_predicted(dataclasses.replace(study, theory_std=wrong))
    assert not spread_is_as_predicted(dataclasses.replace(study, theory_std=1.1 * study.theory_std))


# --- the parts -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("exponent", "fixed"), [(-1.0, False), pytest.param(-0.5, False, marks=pytest.mark.slow), (-1.0, True)]
)
def test_fitted_exponents_have_calibrated_errors(exponent, fixed):
    rng = np.random.default_rng(5)
    n = np.array(convergence.QUICK_SIZES, float)
    stderr = 0.002 * n**-0.5  # as in the quick study: a bias of 16 standard errors at n = 40, of 0.3 at 10^5
    pulls = []
    for _ in range(300):
        truth = 0.2 * n**exponent * (1 + rng.normal(0, NEXT_ORDER) / n)
        law = fit_power_law(
            n, -truth + stderr * rng.standard_normal(n.size), stderr, guess=exponent, fixed=fixed
        )
        if fixed:
            assert (law.exponent, law.exponent_stderr) == (exponent, 0.0)
            pulls.append((law.factor + 0.2) / law.factor_stderr)
        else:
            pulls.append((law.exponent - exponent) / law.exponent_stderr)
    # Mean and standard deviation of 300 standard normal numbers are known to 0.06 and 0.04.
    assert abs(np.mean(pulls)) < SIGMAS / np.sqrt(300)
    assert abs(np.std(pulls) - 1) < SIGMAS / np.sqrt(600)


def test_a_power_law_is_recovered_and_evaluates():
    n = np.array([40.0, 100, 1000, 10**4])
    law = fit_power_law(n, 3 * n**-0.7, 1e-9 * n**-0.7, guess=-1.0)
    assert law.factor == pytest.approx(3, rel=1e-6)
    assert law.exponent == pytest.approx(-0.7, abs=1e-6)
    np.testing.assert_allclose(law(n), 3 * n**-0.7, rtol=1e-6)


def test_standard_error_of_a_standard_deviation_without_normality():
    values = np.random.default_rng(3).exponential(size=(1000, 2000))
    found = np.array([std_with_stderr(row) for row in values])
    # The scatter of 1000 standard deviations is known to 1/sqrt(2000); skewness 2 brings 1/2000 itself.
    assert found[:, 0].std() / found[:, 1].mean() == pytest.approx(1, abs=SIGMAS / np.sqrt(2000))
    # The formula for normal samples would be half of it.
    assert found[:, 0].std() > 1.8 / np.sqrt(2 * 2000)


@pytest.mark.parametrize("truth", [0.0, 0.5, 1.0, 3.0])
def test_the_upper_bound_covers(truth):
    rng, case = np.random.default_rng(8), convergence.CASES[0]
    mean, one = truth + rng.standard_normal(20_000), np.ones(20_000)
    study = convergence.SizeStudy(case, one, one, 0.0, one, mean, one, one, one)
    covered = np.mean(study.bias_bound >= truth)
    assert covered > 0.95 - SIGMAS * np.sqrt(0.05 * 0.95 / 20_000)


def test_ratios_do_not_change_with_size():
    for case in convergence.CASES:
        for n in convergence.SIZES:
            problem = case.problem(n)
            assert problem.p == case.eta * n
            assert (case.source and case.source * n) == problem.N
            assert problem.curve().accuracy(1.0) == case.problem(40).curve().accuracy(1.0)
    assert set(convergence.QUICK_SIZES) <= set(convergence.SIZES)
    assert convergence.SIZES[-1] == 10**7


def test_tables_say_what_was_simulated(quick):
    result = quick("convergence")
    header, rows = result.tables("convergence")["convergence"]
    assert len(rows) == sum(study.n.size for study in result.studies)
    for row in (dict(zip(header, values, strict=True)) for values in rows):
        assert row["bias"] == row["simulated"] - row["theory"]
        assert row["n_times_bias"] == pytest.approx(row["n"] * row["bias"])
        assert row["std_ratio"] == pytest.approx(row["simulated_std"] / row["theory_std"])
        assert row["bias_resolved"] == (abs(row["bias"]) > 3 * row["standard_error"])
    first = dict(zip(header, rows[0], strict=True))
    problem = convergence.CASES[0].problem(40)
    assert first["theory_std"] == problem.curve().accuracy_std(1.0)
    draws = convergence.CASES[0].draws_at(40, 0.05)
    run = ra.simulate(problem, 1.0, replicates=draws, rng=(convergence.SEED, 0, 0))
    assert (first["draws"], first["simulated"]) == (draws, run.accuracy)
    law_header, laws = result.tables("convergence")["convergence_exponents"]
    assert len(laws) == 9
    assert {len(law) for law in laws} == {len(law_header)}


def test_unresolved_biases_are_drawn_as_bounds(quick):
    result = quick("convergence")
    figure = convergence.draw(result)
    for ax, study in zip(figure.axes, result.studies, strict=False):
        (triangles,) = (line for line in ax.lines if line.get_marker() == "v")
        np.testing.assert_array_equal(triangles.get_xdata(), study.n[~study.resolved])
        (squares,) = (line for line in ax.lines if line.get_marker() == "s")
        np.testing.assert_array_equal(squares.get_xdata(), study.n[study.resolved])


@pytest.mark.slow
def test_the_full_study_resolves_the_bias_over_more_than_a_decade():
    result = convergence.compute()
    for study, fits in zip(result.studies, result.fits, strict=True):
        assert study.resolved[study.n <= 1000].all()
        law = fits["bias"]
        assert abs(law.exponent + 1) < SIGMAS * law.exponent_stderr < 0.25
        assert spread_is_as_predicted(study)
