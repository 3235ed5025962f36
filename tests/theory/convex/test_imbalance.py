"""The intercept that forces leave free: what the labels of a sample decide, and no history of calls."""

from __future__ import annotations

import numpy as np
import pytest
from loss_problems import MAKERS, NAMES, anywhere, loss_curve, with_loss

import rmt_alpha as ra

MEAN = np.ones(100) / 10
ALTERNATING = np.where(np.arange(100) % 2 == 0, 0.1, -0.1)


def saturated(gamma: float, n: int = 50, noise: float = 0.4) -> ra.FineTuning:
    """Balanced classes and a large ridge: hardly a sample reaches the kink of the hinge loss."""
    target = ra.GaussianMixture([-MEAN, MEAN], [np.ones(100), np.linspace(0.2, 0.4, 100)])
    source = ra.FixedSource(0.3 * MEAN + ALTERNATING)
    return ra.FineTuning(target, source, n, gamma, loss="hinge", intercept=True, label_noise=noise)


def test_a_free_intercept_is_decided_by_the_labels_of_the_sample():
    curve = loss_curve(saturated(20))
    assert curve.solution(0.0).status == "flat"
    # Trained support vector machines: .5075 +- .0027.  The fixed point of the limit says .596.
    assert curve.accuracy(0.0) == pytest.approx(0.5075, abs=3 * 0.0027)
    assert abs(curve._of_state("accuracy", curve.solution(0.0).state) - 0.5075) > 20 * 0.0027
    assert curve.accuracy_derivative(0.0) == pytest.approx(
        (curve.accuracy(1e-3) - curve.accuracy(-1e-3)) / 2e-3, rel=1e-3
    )


@pytest.mark.parametrize(("gamma", "n", "noise"), [(3.0, 50, 0.4), (20.0, 30, 0.0), (3.0, 120, 0.1)])
def test_simulated_trainings_agree(gamma, n, noise):
    problem = saturated(gamma, n, noise)
    draws = ra.simulate(problem, 0.0, replicates=40, rng=0).draws.accuracy
    error = draws.std(ddof=1) / np.sqrt(len(draws))
    # What the theory leaves out is of order 1/n: 1/n itself is seen in no other problem of this kind.
    assert abs(problem.curve().accuracy(0.0) - draws.mean()) <= 3 * error + 1 / n


def test_the_average_sets_in_continuously():
    gammas = np.geomspace(1.5, 4, 9)
    values = np.array([saturated(gamma).curve().accuracy(0.0) for gamma in gammas])
    assert values[0] - values[-1] > 0.08
    # Half of the way in a step at most: a jump would take all of it in one.
    assert abs(np.diff(values)).max() < 0.05


@pytest.mark.parametrize("problem", [saturated(20), with_loss(MAKERS["per_class"](50, 60), "logistic")])
def test_no_answer_depends_on_what_was_asked_before(problem):
    at = [3.0, -1.0, 1e-310, 1e4, 0.0]
    together = loss_curve(problem)
    values = [together.accuracy(alpha) for alpha in at]
    assert values == [problem.curve().accuracy(alpha) for alpha in at]
    assert values == list(np.asarray(together.accuracy(np.array(at))))
    assert values[::-1] == list(np.asarray(problem.curve().accuracy(np.array(at[::-1]))))


def check_history(seeds: range) -> None:
    """Every answer of an old curve is that of a new one, to the last bit."""
    for seed in seeds:
        problem, alpha = anywhere(np.random.default_rng(seed), NAMES[seed % len(NAMES)])
        old = loss_curve(problem)
        at = np.array([0.0, 2 * alpha + 1, -alpha, alpha])
        assert np.asarray(old.accuracy(at))[-1] == loss_curve(problem).accuracy(alpha), seed
        assert loss_curve(problem).class_mean(at[::-1])[0].tolist() == old.class_mean(alpha).tolist(), seed


def test_history():
    check_history(range(8))
