"""The figures of the best alpha: against the alignment, the overlap, the target ridge and both ridges."""

from __future__ import annotations

import numpy as np
import pytest

import rmt_alpha as ra
from rmt_alpha.experiments.figures import alpha_beta, alpha_gamma, alpha_overlap, alpha_ridges
from rmt_alpha.experiments.figures._optimum import simulated_optimum
from rmt_alpha.simulation import simulate

# --- against beta ------------------------------------------------------------------------------------


def test_alpha_beta_is_the_one_line_function(quick):
    result = quick("alpha_beta")
    assert list(alpha_beta.ETAS) == [0.01, 0.1, 1, 10]
    assert list(alpha_beta.GAMMAS) == [1, 5, 10]
    assert (result.main.beta[0], result.main.beta[-1]) == (-1, 1)
    for i, gamma in enumerate(alpha_beta.GAMMAS):
        for j, eta in enumerate(alpha_beta.ETAS):
            expected = ra.optimal_alpha(result.main.beta, eta * 200, 200, N=2000, gamma=gamma)
            np.testing.assert_array_equal(result.main.optimal_alpha[i, j], expected)
    # Odd in beta, and of beta's sign.
    np.testing.assert_allclose(
        result.main.optimal_alpha, -result.main.optimal_alpha[:, :, ::-1], rtol=1e-12, atol=1e-15
    )
    assert (result.main.optimal_alpha * result.main.beta >= 0).all()


def test_alpha_beta_simulation_agrees_with_theory(quick):
    result = quick("alpha_beta")
    share, worst, wrong = 4 / 3, 0.0, 0.0
    for i, gamma in enumerate(alpha_beta.GAMMAS):
        for j, eta in enumerate(alpha_beta.ETAS):
            if eta * 200 < 20:
                continue  # p = 2 is no high dimension: the difference there is no correction of order 1/p
            k = i % 3  # every beta of one sign is looked at, at some ridge; the figure has them all
            small, large = (
                simulated_optimum(
                    simulate(
                        ra.TransferProblem(
                            result.simulated.beta[k], eta * 200 * f, 200 * f, N=2000 * f, gamma=gamma
                        ),
                        0.0,
                        replicates=400,
                        rng=(5, i, j, f),
                    ).draws
                )
                for f in (1, 4)
            )
            error = np.hypot(result.simulated.standard_error[i, j, k], share * np.hypot(small[1], large[1]))
            found = result.simulated.simulated[i, j, k] - share * (small[0] - large[0])
            worst = max(worst, abs(found - result.simulated.theory[i, j, k]) / error)
            risk = ra.optimal_alpha(
                result.simulated.beta[k], eta * 200, 200, N=2000, gamma=gamma, criterion="risk"
            )
            wrong = max(wrong, abs(found - risk) / error)
    assert worst < 4
    assert wrong > 20  # the best alpha for the risk would be seen


def test_alpha_beta_in_two_dimensions_is_halved(quick):
    # A prior is worth holding on to because of the target fit's noise across the target mean.  That has p - 1
    # directions, and the theory counts p: at p = 2 a factor of two.
    result = quick("alpha_beta")
    difference = result.simulated.simulated[:, 0] - result.simulated.theory[:, 0] / 2
    assert (np.abs(difference) < 4 * result.simulated.standard_error[:, 0]).all()
    assert (
        np.abs(result.simulated.simulated[:, 0] - result.simulated.theory[:, 0])
        > 2 * result.simulated.standard_error[:, 0]
    ).any()


# --- against the overlap -----------------------------------------------------------------------------


def test_alpha_overlap_is_that_of_explicit_vectors(quick):
    result = quick("alpha_overlap")
    overlaps = result.main.overlap.ravel()
    assert alpha_overlap.SAMPLES == (200, 20)
    assert (min(alpha_overlap.GAMMAS), max(alpha_overlap.GAMMAS)) == (0.1, 5)
    target = np.zeros(400)
    target[0] = 1.0
    for overlap in (-1.0, -0.3, 0.0, 0.8):
        source = np.zeros(400)
        source[:2] = overlap, np.sqrt(1 - overlap**2)
        k = int(np.argmin(np.abs(overlaps - overlap)))
        assert overlaps[k] == pytest.approx(overlap, abs=1e-12)
        for i, n in enumerate(alpha_overlap.SAMPLES):
            for j, gamma in enumerate(alpha_overlap.GAMMAS):
                curve = ra.TransferProblem.from_source(source, target, n=n, gamma=gamma).curve()
                assert result.main.optimal_alpha[i, j, k] == pytest.approx(
                    curve.optimal_alpha(), rel=1e-9, abs=1e-12
                )
                assert result.main.gain_over_1[i, j, k] == pytest.approx(
                    curve.gain(over=1.0), rel=1e-9, abs=1e-12
                )


# --- against the target ridge ------------------------------------------------------------------------


def test_alpha_gamma_has_its_limit_and_its_accuracy_rises(quick):
    result = quick("alpha_gamma")
    scaled = result.main.optimal_alpha[:, -1] * result.main.gamma[-1]
    # The first correction is of relative order (1 + eta)/gamma, eta = 10, and a bit more.
    np.testing.assert_allclose(scaled, result.limit, rtol=2 * 11 / result.main.gamma[-1])
    far = alpha_gamma.problem(np.array(alpha_gamma.BETAS), 1e9).curve().optimal_alpha() * 1e9
    np.testing.assert_allclose(far, result.limit, rtol=2 * 11 / 1e9)
    assert (np.diff(result.main.accuracy_optimal, axis=1) > 0).all()
    assert (result.main.accuracy_optimal >= np.maximum(result.main.accuracy_1, result.main.accuracy_0)).all()


def test_alpha_gamma_simulation_agrees_with_theory(quick):
    result = quick("alpha_gamma")
    for i, beta in enumerate(alpha_gamma.BETAS):
        for j, gamma in enumerate(result.simulated.gamma):
            problems = [ra.TransferProblem(beta, 400 * f, 40 * f, N=2000 * f, gamma=gamma) for f in (1, 4)]
            runs = [
                simulate(problem, result.simulated.alpha_theory[i, j], replicates=700, rng=(6, i, j, f))
                for f, problem in enumerate(problems)
            ]
            small, large = (simulated_optimum(run.draws) for run in runs)
            bias, error = 4 / 3 * (small[0] - large[0]), 4 / 3 * np.hypot(small[1], large[1])
            z = (
                result.simulated.alpha_simulated[i, j] - result.simulated.alpha_theory[i, j] - bias
            ) / np.hypot(error, result.simulated.alpha_standard_error[i, j])
            assert abs(z) < 4
            bias = 4 / 3 * float(runs[0].accuracy - runs[1].accuracy)
            error = 4 / 3 * np.hypot(runs[0].accuracy_stderr, runs[1].accuracy_stderr)
            z = result.simulated.accuracy_simulated[i, j] - result.simulated.accuracy_theory[i, j] - bias
            assert abs(z) < 4 * np.hypot(error, result.simulated.accuracy_standard_error[i, j])


# --- against both ridges -----------------------------------------------------------------------------


def test_alpha_ridges_rows_are_target_ridges_and_columns_source_ridges(quick):
    result = quick("alpha_ridges")
    assert alpha_ridges.BETAS == (0.2, 0.5, 0.8)
    for i, k, j in ((0, 3, 30), (2, 40, 0), (1, 17, 5)):
        source, target = result.gammas[j], result.gammas[k]
        fields = {"N": 2000, "gamma": target, "gamma_source": source}
        best = ra.optimal_alpha(alpha_ridges.BETAS[i], 400, 40, **fields)
        assert result.optimal_alpha[i, k, j] == pytest.approx(best, rel=1e-13)
        gain = ra.accuracy(best, alpha_ridges.BETAS[i], 400, 40, **fields) - ra.accuracy(
            1.0, alpha_ridges.BETAS[i], 400, 40, **fields
        )
        assert result.gain[i, k, j] == pytest.approx(gain, abs=1e-14)
    header, rows = result.tables("alpha_ridges")["alpha_ridges"]
    table = {tuple(row[:3]): row[3] for row in rows}
    assert header[:3] == ["beta", "gamma_source", "gamma"]
    assert table[0.8, result.gammas[7], result.gammas[2]] == result.optimal_alpha[2, 2, 7]


def test_gain_over_alpha_1_is_never_negative_and_vanishes_where_1_is_best(quick):
    result = quick("alpha_ridges")
    assert (result.gain >= 0).all()
    near = np.abs(np.log(result.optimal_alpha)) < 0.02
    assert near.any()
    assert result.gain[near].max() < 1e-4
    assert result.gain.max() > 0.1


def test_compute_is_free_of_effort():
    assert alpha_overlap.compute().main.gain_over_1.shape == (2, 5, 201)
    assert alpha_beta.problem(0.5, 10.0, 1.0).p == 2000
