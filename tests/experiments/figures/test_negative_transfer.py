"""The phase diagram of negative transfer: its borders, and the simulated gains."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from size_bias import z_scores

import rmt_alpha as ra
from rmt_alpha._core.arithmetic import FLOAT
from rmt_alpha.experiments.figures import negative_transfer as module
from rmt_alpha.experiments.figures.negative_transfer import SLICES, SOURCES, border, problem
from rmt_alpha.theory.isotropic.stage import source_vector
from rmt_alpha.theory.ridge.closed_form import effective_ridge

SIGMAS = 4.0
"""48 gains are compared: chance exceeds it once in 300 such runs."""


def test_maps_are_those_of_the_one_line_functions(quick):
    result = quick("negative_transfer")
    for i, j, k in ((0, 5, 70), (1, 30, 11), (0, 40, 82)):
        fields = {**module.SETTING, "n": result.samples[j], **SOURCES[i].fields}
        beta = result.betas[k]
        gain = ra.accuracy(1.0, beta, **fields) - ra.accuracy(0.0, beta, **fields)
        assert result.gain[i, j, k] == pytest.approx(gain, abs=1e-14)
        assert result.main.optimal_alpha[i, j, k] == pytest.approx(
            ra.optimal_alpha(beta, **fields), rel=1e-12
        )


def test_alpha_1_gains_exactly_where_it_lies_in_the_interval_that_helps(quick):
    result = quick("negative_transfer")
    clear = np.abs(result.upper_end - 1) > 1e-6
    assert clear.mean() > 0.99
    np.testing.assert_array_equal((result.gain > 0)[clear], (result.upper_end > 1)[clear])
    assert (result.gain > 0).any()
    assert (result.gain[1] < 0).mean() > 0.9  # the overfitted source mostly harms
    np.testing.assert_array_equal(
        np.sign(result.main.optimal_alpha), np.sign(np.round(result.betas, 12)) + 0 * result.gain
    )
    # Opposed tasks: a negative alpha gains what the positive one gains for aligned ones, and alpha = 1 harms.
    assert (result.gain[:, :, result.betas <= 0] < 0).all()


def test_borders_lie_where_alpha_1_is_best_and_where_it_is_worth_nothing(quick):
    result = quick("negative_transfer")
    for i, source in enumerate(SOURCES):
        found = np.isfinite(result.best_border[i])
        curve = problem(result.best_border[i][found], result.samples[found], source).curve()
        np.testing.assert_allclose(curve.optimal_alpha(), 1.0, rtol=1e-9)
        found = np.isfinite(result.harm_border[i])
        assert found.any()
        curve = problem(result.harm_border[i][found], result.samples[found], source).curve()
        np.testing.assert_allclose(curve.accuracy(1.0), curve.accuracy(0.0), atol=1e-12)
        np.testing.assert_allclose(curve.transfer_interval()[1], 1.0, rtol=1e-8)
        # Every alpha up to 2 alpha* beats 0, so alpha = 1 harms only where alpha* < 1/2.
        assert np.all(curve.optimal_alpha() < 0.5 + 1e-9)
        assert np.all(curve.optimal_alpha() > 0)
    assert (result.harm_border[0] < result.best_border[0]).all()
    assert np.isnan(result.best_border[1]).all()  # the overfitted source never deserves full trust


def test_the_border_of_alpha_1_is_the_root_of_its_closed_form(quick):
    # All norms 1: kappa [(L + 1) c2 + eta s^2] = eta L s with s = beta g, c2 = noise^2 + g^2 (1 - beta^2).
    result = quick("negative_transfer")
    fields = SOURCES[0].fields
    g, noise2 = source_vector(1.0, effective_ridge(400, fields["N"], fields["gamma_source"]), FLOAT)
    for n, beta in zip(result.samples, result.best_border[0], strict=True):
        kappa, eta = effective_ridge(400, n, 0.3).kappa, 400 / n
        quadratic = np.array([eta * g**2 - (2 + kappa) * g**2, 0.0, (2 + kappa) * (noise2 + g**2)]) * kappa
        quadratic[1] = -eta * (1 + kappa) * g
        roots = np.roots(quadratic)
        inside = roots[(roots.imag == 0) & (roots.real > 0) & (roots.real < 1)].real.min()
        assert beta == pytest.approx(inside, rel=1e-9)


def gain_of_1(run):
    gain = np.diff(run.draws.accuracy)[:, 0]
    return gain.mean(), gain.std(ddof=1) / np.sqrt(gain.size)


def test_simulated_gains_agree_with_theory(quick):
    result = quick("negative_transfer")
    wrong = 0.0
    for i, source in enumerate(SOURCES):
        for j, n in enumerate(SLICES):
            for k, beta in enumerate(module.POINTS):
                base = problem(beta, n, source)
                curve = dataclasses.replace(base, N=np.inf).curve()  # a source without noise would be seen
                theories = np.array(
                    [result.simulated.gain_theory[i, j, k], curve.accuracy(1.0) - curve.accuracy(0.0)]
                )
                z = z_scores(
                    base,
                    np.array([0.0, 1.0]),
                    theories,
                    (result.simulated.gain_simulated[i, j, k], result.simulated.standard_error[i, j, k]),
                    draws=150,
                    seed=300 + 100 * i + 10 * j + k,
                    quantity=gain_of_1,
                )
                assert abs(z[0]) < SIGMAS, (source.label, n, beta)
                wrong = max(wrong, abs(z[1]))
    assert wrong > 5 * SIGMAS


def test_border_finds_the_first_crossing_or_says_that_there_is_none():
    assert border(lambda x: x - 0.3) == pytest.approx(0.3, abs=1e-12)
    assert border(lambda x: (x - 0.3) * (x - 0.7)) == pytest.approx(0.3, abs=1e-12)
    assert np.isnan(border(lambda x: 1.0 + x))
