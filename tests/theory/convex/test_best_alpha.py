"""Where alpha* of a convex loss is almost 0, or infinite, or far alphas have no solution."""

from __future__ import annotations

import numpy as np
import pytest

import rmt_alpha as ra
from rmt_alpha.errors import ConvergenceError
from rmt_alpha.theory.convex.optimum import best_alpha
from rmt_alpha.theory.curve import Optimum

MEAN = np.ones(100) / 10
VARIANCES = np.linspace(0.5, 1.5, 60)
ALTERNATING = np.where(np.arange(100) % 2 == 0, 0.1, -0.1)


@pytest.mark.parametrize("share", [0.02, -0.02, 1e-4])
def test_a_small_alpha_is_not_zero(share):
    target = ra.GaussianMixture.symmetric(MEAN)
    source = ra.FixedSource(share * MEAN + ALTERNATING)
    exact = ra.FineTuning(target, source, n=50, gamma=0.1).curve().optimal_alpha()
    if share == 0.02:
        assert exact == pytest.approx(0.02316, abs=5e-6)
    best = ra.FineTuning(target, source, n=50, gamma=0.1, loss=ra.losses.Squared()).curve().optimum()
    # `rtol`, and a residual of 1e-10 in alphas of size 1.
    assert best.alpha == pytest.approx(exact, rel=1e-6, abs=1e-9)
    assert best.bracket is not None
    assert best.bracket[0] <= best.alpha <= best.bracket[1]


@pytest.mark.parametrize("loss", ["logistic", "hinge"])
@pytest.mark.parametrize("source", [0 * MEAN, ALTERNATING])
def test_a_source_that_knows_nothing_has_alpha_zero(loss, source):
    problem = ra.FineTuning(ra.GaussianMixture.symmetric(MEAN), ra.FixedSource(source), 50, 0.1, loss=loss)
    best = problem.curve().optimum()
    assert best.finite
    assert best.alpha == pytest.approx(0, abs=1e-9)


def test_labels_without_information_leave_all_to_the_source():
    """Scores at far alphas are known to 1e-10 only, and of those the best used to be taken for alpha*."""
    mean, variances = np.array([0.2, -0.1, 0.3]), np.array([0.2, 0.6, 2.0])
    problem = ra.FineTuning(
        ra.GaussianMixture.symmetric(mean, variances),
        ra.FixedSource(-mean / variances),
        n=20,
        gamma=10,
        loss="huber",
        label_noise=0.5,
    )
    assert problem.curve().optimum().alpha == -np.inf


@pytest.mark.parametrize(
    ("loss", "size", "covariances"),
    [
        ("squared", 10.0, [VARIANCES]),
        ("squared", 200.0, [VARIANCES, 2 * VARIANCES[::-1]]),
        ("logistic", 10.0, [VARIANCES, 2 * VARIANCES[::-1]]),
        pytest.param("squared", 10.0, [VARIANCES, 2 * VARIANCES[::-1]], marks=pytest.mark.slow),
        pytest.param("squared", 200.0, [VARIANCES], marks=pytest.mark.slow),
        pytest.param("logistic", 10.0, [VARIANCES], marks=pytest.mark.slow),
        pytest.param("logistic", 200.0, [VARIANCES], marks=pytest.mark.slow),
        pytest.param("logistic", 200.0, [VARIANCES, 2 * VARIANCES[::-1]], marks=pytest.mark.slow),
    ],
)
def test_far_classes_have_a_best_alpha_where_accuracy_is_1_to_rounding(loss, size, covariances):
    """Against the least logarithm of the error, which no sum with 1 has rounded, on a grid around it."""
    rng = np.random.default_rng(5)
    mean, *others = size * rng.normal(size=(3, 60)) / np.sqrt(60)
    target = ra.GaussianMixture.symmetric(mean, covariances if len(covariances) > 1 else covariances[0])
    sources = [ra.FixedSource(0.5 * mean + other) for other in others]
    curve = ra.FineTuning(target, sources[0], 30, 0.1, loss=loss).curve()
    assert curve.accuracy(0.0) > 1 - 1e-6
    best = float(curve.optimal_alpha())
    assert best
    around = best * np.array([0.5, 0.9, 0.99, 1.01, 1.1, 1.5])
    assert np.all(curve.log_error(around) > curve.log_error(best))
    ends = curve.transfer_interval()
    (far,) = (float(end) for end in ends if end)
    assert 0.0 in ends
    assert curve.log_error(far) == pytest.approx(curve.log_error(0.0), rel=1e-9)
    # Between the ends the source is of use, beyond them not.
    assert curve.log_error(0.9 * far) < curve.log_error(0.0) < curve.log_error(1.1 * far)
    both = ra.FineTuning(target, sources, 30, 0.1, loss=loss).curve()
    vector = np.asarray(both.optimal_alpha())
    assert vector.all()
    beside = vector * np.array([[0.9, 1], [1.1, 1], [1, 0.9], [1, 1.1]])
    assert np.all(both.log_error(beside) > both.log_error(vector))


def best_of_rising(last: float, top: float = np.inf) -> Optimum:
    """The best alpha of a score that rises up to ``top`` and has no solution beyond ``last``."""

    def score(alpha):
        if np.max(np.abs(alpha)) > last:
            raise ConvergenceError("no solution", best=alpha)
        return np.arctan(np.minimum(alpha, 2 * top - np.asarray(alpha)) / 10)

    def slope(alpha):
        return np.copysign(1, top - alpha) * 10 / (100 + min(alpha, 2 * top - alpha) ** 2)

    return best_alpha(score, slope, 1.0, 1e-6)


@pytest.mark.parametrize("last", [300.0, 1e3, 1e6])
def test_alpha_is_infinite_where_the_last_that_is_solved_is_best(last):
    best = best_of_rising(last)
    assert best.alpha == np.inf
    assert best.direction == pytest.approx([1.0])
    assert best.bracket is not None
    assert best.bracket[0] <= last
    assert not best.finite


def test_alphas_that_are_not_solved_do_not_hide_a_maximum():
    assert best_of_rising(50.0, top=3.0).alpha == pytest.approx(3.0, rel=1e-6)


@pytest.mark.parametrize("last", [1e-3, 50.0])
def test_without_any_far_alpha_nothing_is_claimed(last):
    with pytest.raises(ConvergenceError):
        best_of_rising(last)


# --- infinite alpha, and several sources --------------------------------------------------------------------

SPECTRUM = np.linspace(0.3, 2, 100)


def several(loss: str | ra.Loss, sources: int = 2) -> ra.FineTuning:
    rows = MEAN + np.random.default_rng(1).normal(size=(sources, 100)) / 10
    target = ra.GaussianMixture([-MEAN, MEAN], [SPECTRUM, 1.5 * SPECTRUM], [0.4, 0.6])
    return ra.FineTuning(target, ra.FixedSource(rows), 60, 0.1, loss=loss, intercept=True, label_noise=0.05)


@pytest.mark.parametrize("loss", ["logistic", "hinge", "squared_hinge", "huber", ra.losses.Squared()])
def test_accuracy_at_infinite_alpha_is_the_limit(loss):
    curve = several(loss).curve().along([1.0, 2.0])
    for sign in (-1, 1):
        limit = curve.accuracy(sign * np.inf)
        # What is left falls like 1/alpha.
        gaps = np.asarray(curve.accuracy(sign * np.array([1e3, 1e4]))) - limit
        assert abs(gaps[1]) < 0.2 * abs(gaps[0]) + 1e-9
        assert abs(gaps[1]) < 1e-3
        assert curve.accuracy(sign * 1e200) == limit
    assert curve.accuracy_derivative(np.inf) == 0.0
    assert 0 < curve.error(np.inf) < 1


def test_the_squared_loss_at_infinity_is_the_closed_form():
    found, exact = several(ra.losses.Squared()).curve(), several("squared").curve()
    for direction in ([1.0, 2.0], [1.0, -1.0]):
        expected = exact.along(direction).accuracy([-np.inf, np.inf])
        np.testing.assert_allclose(found.along(direction).accuracy([-np.inf, np.inf]), expected, rtol=1e-9)


def test_infinity_that_is_not_known_is_refused():
    class Exponential(ra.Loss):
        name = "exponential"

        def value(self, z):
            return np.exp(-z)

        def slope(self, z):
            return -np.exp(-z)

        def curvature(self, z):
            return np.exp(-z)

    curve = several(Exponential()).curve()
    with pytest.raises(ra.errors.NotAvailable, match="large finite alpha"):
        curve.along([1.0, 1.0]).accuracy(np.inf)
    with pytest.raises(ValueError, match="alpha must be finite with several sources"):
        curve.accuracy([np.inf, 0.0])


def test_the_best_vector_of_the_squared_loss_is_the_closed_form():
    best, exact = several(ra.losses.Squared(), 3).curve().optimum(), several("squared", 3).curve().optimum()
    # Accuracies are known to 1e-14 and gradients to 1e-9: a maximum to 1e-6.
    np.testing.assert_allclose(best.alpha, exact.alpha, rtol=1e-5)
    assert best.value == pytest.approx(exact.value, rel=1e-10)


@pytest.mark.parametrize("loss", ["logistic", "hinge"])
def test_no_vector_nearby_is_better(loss):
    curve = several(loss).curve()
    best = curve.optimum()
    assert best.finite
    around = best.alpha * (1 + 0.03 * np.random.default_rng(0).normal(size=(12, 2)))
    assert np.max(curve.accuracy(around)) <= best.value + 1e-12
    assert best.value == curve.accuracy(best.alpha)
    assert curve.gain([1.0, 1.0]) == best.value - curve.accuracy([1.0, 1.0])


def test_a_best_vector_at_infinity_is_a_direction():
    curve = several("squared_hinge").curve()
    best = curve.optimum()
    assert np.asarray(best.alpha).tolist() == [np.inf, np.inf]
    assert best.direction is not None
    assert best.value == pytest.approx(curve.along(best.direction).accuracy(np.inf), rel=1e-9)
    for turned in (best.direction * [1.02, 1], best.direction * [1, 1.02]):
        assert curve.along(turned).accuracy(np.inf) < best.value


def test_the_best_vector_of_least_risk():
    curve = several("logistic").curve()
    best = curve.optimum("risk")
    around = best.alpha * (1 + 0.03 * np.random.default_rng(0).normal(size=(8, 2)))
    assert np.min(curve.risk(around)) >= best.value - 1e-12
