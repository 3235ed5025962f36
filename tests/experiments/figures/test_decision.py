"""Histograms of the decision function: the classifiers are trained, and the prediction fits."""

from __future__ import annotations

import numpy as np
from matplotlib.patches import Rectangle
from scipy import stats
from size_bias import z_scores

from rmt_alpha.experiments.figures import decision


def test_setting_is_the_published_one():
    problem = decision.problem(0.3)
    assert (problem.p, problem.n, problem.N, problem.mu, problem.mu_orth) == (400, 200, 5000, 1.5, 1)
    assert (decision.BETAS, decision.ALPHAS) == ((0.3, 0.8), (0.1, 1, 10))


def test_predictions_are_those_of_the_curve(quick):
    result = quick("decision")
    for i, beta in enumerate(decision.BETAS):
        curve = decision.problem(beta).curve()
        for j, alpha in enumerate(decision.ALPHAS):
            assert result.mean[i, j] == curve.mean(alpha)
            assert result.std[i, j] == np.sqrt(curve.variance(alpha))
            assert result.accuracy[i, j] == curve.accuracy(alpha)


def test_averages_over_draws_agree_with_the_prediction(quick):
    result = quick("decision")
    alphas = np.array(decision.ALPHAS)
    for i, beta in enumerate(decision.BETAS):
        for k, name in enumerate(result.average.quantity):

            def quantity(run, name=name):
                return getattr(run, name), getattr(run, f"{name}_stderr")

            found = result.average.simulated[i, :, k], result.average.standard_error[i, :, k]
            theory = result.average.theory[i, :, k]
            both = np.stack([theory, 1.02 * theory])
            z, off = z_scores(
                decision.problem(beta), alphas, both, found, draws=600, seed=41 + i, quantity=quantity
            )
            assert np.abs(z).max() < 4, name
            assert np.abs(off).max() > 4  # two per cent would be seen


def test_the_drawn_classifier_is_one_of_those_that_were_simulated(quick):
    # Scores of one classifier: their mean over test points is exact up to std/sqrt(points), and differs from
    # the prediction by the spread over draws, which the averages know: stderr * sqrt(draws).
    result = quick("decision")
    signed = result.scores * result.labels
    points = signed.shape[-1]
    spread = result.average.standard_error[..., 0] * np.sqrt(result.average.draws)
    error = np.hypot(spread, result.std / np.sqrt(points))
    assert np.abs((signed.mean(axis=-1) - result.mean) / error).max() < 4
    spread = result.average.standard_error[..., 1] * np.sqrt(result.average.draws)
    error = np.hypot(spread, result.std**2 * np.sqrt(2 / points))
    assert np.abs((signed.var(axis=-1) - result.std**2) / error).max() < 4


def test_scores_are_affine_in_alpha_and_gaussian_in_each_class(quick):
    result = quick("decision")
    low, middle, high = decision.ALPHAS
    share = (middle - low) / (high - low)
    between = (1 - share) * result.scores[:, 0] + share * result.scores[:, 2]
    np.testing.assert_allclose(result.scores[:, 1], between, atol=1e-12)
    for i in range(len(decision.BETAS)):
        for label in (-1, 1):
            own = result.scores[i, 1, result.labels == label]
            standardised = (own - own.mean()) / own.std()
            assert stats.kstest(standardised, "norm").pvalue > 1e-3


def test_histogram_bins_hold_nearly_all_points(quick):
    result = quick("decision")
    figure = decision.draw(result)
    for ax in figure.axes:
        bars = [patch for patch in ax.patches if isinstance(patch, Rectangle)]
        assert len(bars) == len(ax.patches)
        area = sum(bar.get_width() * bar.get_height() for bar in bars)
        assert 1.99 < area < 2.000001  # two densities, each of area 1
