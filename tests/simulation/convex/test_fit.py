"""Training with convex losses: formulas, gradients, and other people's optimisers."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC, LinearSVC

from rmt_alpha.simulation.convex.fit import Trainer
from rmt_alpha.simulation.convex.formulas import NAMED, envelope_of_hinge, formula, huber


@pytest.mark.parametrize("name", NAMED)
def test_formulas_are_consistent(name):
    z, h = np.linspace(-9.3, 8.1, 301), 1e-6
    at = NAMED[name](z)
    np.testing.assert_allclose(
        (NAMED[name](z + h).value - NAMED[name](z - h).value) / (2 * h), at.slope, atol=1e-8
    )
    smooth = abs(abs(1 - z) - 1) > 1e-3 if name == "huber" else abs(z - 1) > 1e-3
    bend = (NAMED[name](z + h).slope - NAMED[name](z - h).slope) / (2 * h)
    np.testing.assert_allclose(bend[smooth], at.curvature[smooth], atol=1e-8)


def test_extreme_margins_do_not_overflow():
    at = NAMED["logistic"](np.array([-800.0, 800.0]))
    np.testing.assert_array_equal(at.value, [800.0, 0.0])
    np.testing.assert_array_equal(at.slope, [-1.0, 0.0])


def test_the_envelope_touches_the_hinge_loss_at_its_own_dual():
    z = np.array([-2.0, 0.5, 3.0])
    at = envelope_of_hinge(z, np.array([1.0, 1.0, 0.0]), 0.1)
    np.testing.assert_allclose(at.value, [3.0, 0.5, 0.0], atol=1e-15)


def sample(p, n, seed=0):
    rng = np.random.default_rng(seed)
    t = np.where(rng.random(n) < 0.4, 1.0, -1.0)
    x = rng.standard_normal((p, n)) * np.linspace(0.5, 2, p)[:, None]
    return x + 0.3 * rng.standard_normal((p, 1)) * t, t


SIZES = [(20, 60), (60, 20)]


@pytest.mark.parametrize(("p", "n"), SIZES)
@pytest.mark.parametrize("intercept", [True, False])
def test_logistic_regression_of_scikit_learn(p, n, intercept):
    """Its C multiplies a sum of losses beside |w|^2 / 2: C = 1 / (n gamma)."""
    x, t = sample(p, n)
    w, b, _ = Trainer(x, t, 0.05, intercept, formula("logistic")).fit(np.zeros(p))
    other = LogisticRegression(C=1 / (n * 0.05), tol=1e-12, max_iter=10000, fit_intercept=intercept)
    other.fit(x.T, t)
    np.testing.assert_allclose(w, other.coef_[0], atol=1e-5)
    assert b == pytest.approx(float(np.ravel(other.intercept_)[0]), abs=1e-5)


@pytest.mark.parametrize(("p", "n"), SIZES)
def test_support_vector_machines_of_scikit_learn(p, n):
    """The same C for the hinge loss; half of it for LinearSVC's squared hinge, which has no 1/2."""
    x, t = sample(p, n, 1)
    w, b, _ = Trainer(x, t, 0.05, True, None).fit(np.zeros(p))
    machine = SVC(kernel="linear", C=1 / (n * 0.05), tol=1e-10).fit(x.T, t)
    np.testing.assert_allclose(w, machine.coef_[0], atol=1e-5)
    assert b == pytest.approx(machine.intercept_[0], abs=1e-5)
    # liblinear would penalise an intercept.
    w, _, _ = Trainer(x, t, 0.05, False, None).fit(np.zeros(p))
    plain = LinearSVC(loss="hinge", C=1 / (n * 0.05), fit_intercept=False, tol=1e-9, max_iter=10**6)
    np.testing.assert_allclose(w, plain.fit(x.T, t).coef_[0], atol=1e-4)
    w, _, _ = Trainer(x, t, 0.05, False, formula("squared_hinge")).fit(np.zeros(p))
    squared = LinearSVC(
        loss="squared_hinge", C=1 / (2 * n * 0.05), fit_intercept=False, tol=1e-10, max_iter=10**6
    )
    np.testing.assert_allclose(w, squared.fit(x.T, t).coef_[0], atol=1e-5)


@pytest.mark.parametrize("name", ["logistic", "hinge", "squared_hinge", "huber", "squared"])
@pytest.mark.parametrize(("p", "n"), SIZES)
def test_no_direction_lowers_the_objective(name, p, n):
    x, t = sample(p, n, 2)
    gamma, prior = 0.02, np.linspace(-0.5, 1, p)

    def objective(w, b):
        z = t * (w @ x + b)
        value = np.maximum(1 - z, 0) if name == "hinge" else NAMED[name](z).value
        return value.mean() + 0.5 * gamma * np.sum((w - prior) ** 2)

    w, b, loss = Trainer(x, t, gamma, True, formula(name)).fit(prior)
    least = objective(w, b)
    assert least - 0.5 * gamma * np.sum((w - prior) ** 2) == pytest.approx(loss[0], abs=1e-12)
    assert loss[1] == np.mean(t * (w @ x + b) > 0)
    rng = np.random.default_rng(0)
    for scale in (1e-1, 1e-2, 1e-3):
        for _ in range(20):
            d, e = scale * rng.standard_normal(p), scale * rng.standard_normal()
            assert objective(w + d, b + e) >= least + 0.5 * gamma * (d @ d) - 2e-8


def test_huber_takes_its_width_and_jumps_are_refused():
    from rmt_alpha.problems.losses import Huber, PiecewiseQuadratic

    z = np.linspace(-2, 3, 50)
    found = formula(Huber(0.3))
    assert found is not None
    np.testing.assert_array_equal(found(z).slope, huber(z, 0.3).slope)
    tube = PiecewiseQuadratic([(1, -1), (1, 0), (2, 0), (2, 1)], 0, 0, name="tube")
    with pytest.raises(ValueError, match="tube loss has a jump of its slope at the margin 1"):
        formula(tube)
