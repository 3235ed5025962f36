"""The figure "accuracy": what is marked is what the curve says, and the simulation agrees."""

from __future__ import annotations

import numpy as np
import pytest
from size_bias import z_scores

from rmt_alpha.experiments.figures import accuracy


def test_setting_is_the_published_one():
    problem = accuracy.problem(0.5)
    fields = [
        problem.p,
        problem.n,
        problem.N,
        problem.mu,
        problem.mu_orth,
        problem.gamma,
        problem.gamma_source,
    ]
    assert fields == [1000, 40, 5000, 0.8, 0.8, 0.1, 5]
    assert accuracy.BETAS == (0.2, 0.5, 0.9)


def test_marked_alphas_are_those_of_the_curve(quick):
    result = quick("accuracy")
    assert (result.main.alpha[0], result.main.alpha[-1]) == (-10, 10)
    for i, beta in enumerate(accuracy.BETAS):
        curve = accuracy.problem(beta).curve()
        assert result.marked.optimal_alpha[i] == curve.optimal_alpha()
        assert result.marked.neutral_alpha[i] == curve.neutral_alpha()
        # ... and are what they are called, by the drawn curve alone.
        assert result.marked.accuracy_optimal[i] >= result.main.accuracy[i].max()
        step = result.main.alpha[1] - result.main.alpha[0]
        assert (
            abs(result.main.alpha[result.main.accuracy[i].argmax()] - result.marked.optimal_alpha[i]) < step
        )
        assert np.interp(
            result.marked.neutral_alpha[i], result.main.alpha, result.main.accuracy[i]
        ) == pytest.approx(0.5, abs=1e-4)
        assert result.marked.accuracy_0[i] == result.main.accuracy[i][result.main.alpha == 0]
        assert result.marked.accuracy_1[i] == pytest.approx(
            np.interp(1.0, result.main.alpha, result.main.accuracy[i]), abs=1e-12
        )


def test_marks_are_drawn_where_they_belong(quick):
    result = quick("accuracy")
    figure = accuracy.draw(result)
    for i, ax in enumerate(figure.axes):
        lines = {line.get_label(): np.asarray(line.get_xydata()) for line in ax.lines}
        marks = {label: points for label, points in lines.items() if len(points) == 1}
        assert marks[r"$\alpha^*$, the best"].tolist() == [
            [result.marked.optimal_alpha[i], result.marked.accuracy_optimal[i]]
        ]
        assert marks[r"neutral $\alpha$: accuracy 1/2"].tolist() == [[result.marked.neutral_alpha[i], 0.5]]
        assert marks[r"$\alpha = 0$, no source"].tolist() == [[0, result.marked.accuracy_0[i]]]
        assert marks[r"$\alpha = 1$, plain fine-tuning"].tolist() == [[1, result.marked.accuracy_1[i]]]
        low, high = ax.get_ylim()
        assert low < min(result.main.accuracy[i]) < result.marked.accuracy_optimal[i] < high


def test_accuracy_is_signed(quick):
    assert quick("accuracy").main.accuracy.min() < 0.3


@pytest.mark.parametrize("row", range(3))
def test_simulation_agrees_with_theory_and_not_with_a_folded_one(quick, row):
    result = quick("accuracy")
    problem, found = (
        accuracy.problem(accuracy.BETAS[row]),
        (result.simulated.simulated[row], result.simulated.standard_error[row]),
    )
    points, theory = result.simulated.alpha, result.simulated.theory[row]
    both = np.stack([theory, np.maximum(theory, 1 - theory)])
    z, folded = z_scores(problem, points, both, found, draws=2000, seed=31 + row)
    assert np.abs(z).max() < 4
    assert np.abs(folded).max() > 40


def test_error_bars_are_of_a_draw_and_of_the_mean(quick):
    result = quick("accuracy")
    np.testing.assert_allclose(
        result.simulated.std_of_a_draw / np.sqrt(result.simulated.draws),
        result.simulated.standard_error,
        rtol=1e-12,
    )
