"""The picture of a leave-one-out path says what the path says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from matplotlib.patches import StepPatch
from small_samples import draw

from rmt_alpha import alpha_path, estimate_problem, plot_alpha_path


@pytest.fixture
def problem():
    sample = draw("n < p")
    path = alpha_path(sample.X, sample.y, sample.source, 0.4)
    return path, estimate_problem(sample.X, sample.y, sample.source)


def test_steps_are_the_exact_accuracy(problem):
    path, estimate = problem
    figure = plot_alpha_path(path, [-1.0, 2.0], estimate=estimate)
    left, right = figure.axes
    (stairs,) = left.patches[:1]
    assert isinstance(stairs, StepPatch)
    values, edges = map(np.asarray, stairs.get_data()[:2])
    assert np.array_equal(values, path.loo_accuracy((edges[1:] + edges[:-1]) / 2))
    assert (edges[0], edges[-1]) == left.get_xlim() == right.get_xlim() == (-1.0, 2.0)
    lines = {str(line.get_label()): line for line in left.lines}
    theory = lines["random matrix theory"]
    assert np.array_equal(theory.get_ydata(), estimate.curve(path.gamma).accuracy(theory.get_xdata()))
    best, stderr = path.best_alpha()
    assert any(f"{best:.2f}" in label and f"{stderr:.2f}" in label for label in lines)


def test_default_range_shows_what_matters(problem):
    path, _ = problem
    low, high = plot_alpha_path(path).axes[0].get_xlim()
    assert low < 0
    assert high > 1


def test_refuses_what_it_cannot_draw(problem):
    path, _ = problem
    with pytest.raises(ValueError, match="finite range"):
        plot_alpha_path(path, [0.0, np.inf])
    with pytest.raises(ValueError, match="criterion"):
        plot_alpha_path(path, criterion="aic")
    with pytest.raises(ValueError, match=r"criterion must be one of .* got 'aic'"):
        plot_alpha_path(path, criterion="aic", chosen=(0.5, 0.1))
    wrong: tuple[Any, ...] = ([], 1.0)
    for alpha in wrong:
        with pytest.raises(ValueError, match="alpha must span a finite range"):
            plot_alpha_path(path, alpha)
    with pytest.raises(TypeError, match="alpha must be a real number or an array of them, got 'wide'"):
        plot_alpha_path(path, "wide")


def test_infinite_alpha_and_ridge_can_be_drawn(problem):
    sample = draw("n < p")
    _, estimate = problem
    path = alpha_path(sample.X, sample.y, sample.source, np.inf)
    assert len(plot_alpha_path(path, estimate=estimate, criterion="theory").axes) == 2


def test_a_chosen_alpha_is_marked(problem):
    path, _ = problem
    left = plot_alpha_path(path, chosen=(0.75, 0.125)).axes[0]
    assert "consensus: 0.75 $\\pm$ 0.12" in [line.get_label() for line in left.lines]
