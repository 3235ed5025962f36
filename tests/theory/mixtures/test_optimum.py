"""The best alpha: closed forms against search, search against grids, and optima at infinity."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from mixture_strategies import problems

from rmt_alpha._core.arithmetic import MP_ARRAY
from rmt_alpha.problems.fine_tuning import FineTuning
from rmt_alpha.problems.mixture import GaussianMixture
from rmt_alpha.problems.sources import FixedSource
from rmt_alpha.theory.mixtures.curve import MixtureCurve
from rmt_alpha.theory.mixtures.optimum import searched_direction

HALF_LINE = np.geomspace(1e-6, 1e6, 3001)
GRID = np.concatenate([-HALF_LINE[::-1], [0.0], HALF_LINE])


def symmetric_problem(seed: int, sources: int, **options: Any) -> FineTuning:
    rng = np.random.default_rng(seed)
    p = 12
    mean = rng.standard_normal(p) / 2
    weights = 0.3 * mean + rng.standard_normal((sources, p)) / 4
    target = GaussianMixture.symmetric(mean, np.geomspace(0.2, 2, p))
    return FineTuning(target, FixedSource(weights), n=9.0, gamma=0.3, **options)


def never_finite() -> FineTuning:
    """A source so much better than the few noisy samples that they only spoil it."""
    target = GaussianMixture.symmetric([1.0, 0.2, 0.1], np.array([10.0, 0.1, 0.01]))
    return FineTuning(target, FixedSource([1.1, 3.2, 8.9]), n=16, gamma=10)


@given(problems(classes=2))
def test_no_alpha_beats_the_optimal_one(problem):
    curve = problem.curve()
    best = curve.optimum()
    assert (curve.accuracy(GRID) <= best.value + 1e-12).all()
    risks = curve.risk(curve.optimal_alpha("risk") + GRID)
    assert (risks >= curve.optimum("risk").value * (1 - 1e-12)).all()
    if best.finite:
        assert curve.accuracy(best.alpha) == pytest.approx(best.value, rel=1e-13)


@given(problems(classes=2, sources=2), st.integers(0, 2**32 - 1))
def test_no_alpha_vector_beats_the_optimal_one(problem, seed):
    curve = problem.curve()
    best = curve.optimum()
    angles = np.linspace(0, 2 * np.pi, 241)
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    rings = (np.geomspace(1e-4, 1e6, 80)[:, None, None] * circle).reshape(-1, 2)
    around = np.random.default_rng(seed).standard_normal((500, 2)) * 0.1
    tried = (
        rings if not best.finite else np.concatenate([rings, best.alpha * (1 + around), best.alpha + around])
    )
    assert curve.accuracy(tried).max() <= best.value + 1e-12
    at = curve.optimal_alpha("risk")
    assert (curve.risk(at + rings) >= curve.risk(at) * (1 - 1e-12)).all()


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("sources", [1, 2, 3])
def test_closed_form_and_search_agree(seed, sources):
    """z = H^-1 a, which a balanced symmetric problem has, against the search that the others need."""
    curve = symmetric_problem(seed, sources).curve()
    assert isinstance(curve, MixtureCurve)
    assert curve.contrasts.one_margin
    closed = curve.optimum()
    z = searched_direction(curve.contrasts)
    # It solves for a vanishing derivative; the maximum is quadratic, the solution right to 1e-9 or so.
    np.testing.assert_allclose(z[1:] / z[0] / curve.kappa, closed.alpha, rtol=1e-7, atol=1e-9)


def test_snr_at_the_optimum_is_the_quadratic_form():
    """SNR^2(alpha*) = a H^-1 a, with a and H read off the moments."""
    curve = symmetric_problem(1, 2).curve()
    units = np.eye(2)
    a0, c0 = curve.mean([0, 0]), curve.variance([0, 0])
    a = np.array([curve.mean(u) - a0 for u in units])
    plus, minus = (np.array([curve.variance(s * u) for u in units]) for s in (1, -1))
    g = np.diag((plus + minus) / 2 - c0)
    c = (plus - minus) / 4
    both = curve.variance([1, 1])
    g[0, 1] = g[1, 0] = (both - c0 - 2 * c.sum() - g[0, 0] - g[1, 1]) / 2
    h = np.block([[np.array([[c0]]), c[None]], [c[:, None], g]])
    abar = np.append(a0, a)
    z = np.linalg.solve(h, abar)
    np.testing.assert_allclose(curve.optimal_alpha(), z[1:] / z[0], rtol=1e-9)
    margin = curve.mean(curve.optimal_alpha()) / curve.std(curve.optimal_alpha())
    assert margin**2 == pytest.approx(abar @ z, rel=1e-10)


@given(problems(classes=2))
def test_optimum_does_not_depend_on_the_weights_of_equal_margins(problem):
    """With intercept and one covariance balanced classes share a margin, whatever their means."""
    target = GaussianMixture(problem.target.means, problem.target.covariances[0])
    curve = replace(problem, target=target, intercept=True, label_noise=0.1).curve()
    assert curve.contrasts.one_margin


def test_an_optimum_at_infinity_is_reported_with_its_direction():
    curve = never_finite().curve()
    best = curve.optimum()
    assert not best.finite
    assert best.alpha == np.inf == curve.optimal_alpha()
    assert best.direction == pytest.approx([1.0])
    far = np.asarray(curve.accuracy(np.array([1.0, 10.0, 1e3, 1e9, np.inf])))
    assert (np.diff(far) > 0).all()
    assert best.value == far[-1]
    assert curve.transfer_interval() == (0.0, np.inf)
    low, high = curve.tolerance_interval(0.01)
    assert high == np.inf
    assert curve.accuracy(low) == pytest.approx(best.value - 0.01, abs=1e-12)
    assert np.isfinite(curve.optimal_alpha("risk"))


def test_a_direction_of_several_sources():
    problem = never_finite()
    assert isinstance(problem.source, FixedSource)
    two = np.stack([problem.source.weights, [0.0, 1.0, 0.0]])
    curve = replace(problem, source=FixedSource(two)).curve()
    best = curve.optimum()
    assert not best.finite
    assert best.direction is not None
    assert np.isinf(best.alpha)[0]
    assert np.linalg.norm(best.direction) == pytest.approx(1)
    assert curve.along(best.direction).accuracy(np.inf) == pytest.approx(best.value, rel=1e-12)
    # No other direction has a higher limit.
    for angle in np.linspace(0, 2 * np.pi, 100):
        other = curve.along([np.cos(angle), np.sin(angle)])
        assert other.accuracy(np.inf) <= best.value + 1e-12


def test_a_source_of_no_use_gets_alpha_zero():
    for target in (
        GaussianMixture.symmetric([1.0, 0.0]),
        GaussianMixture([[0.0, 1.0], [1.0, 0.0]], None, [0.3, 0.7]),
    ):
        curve = FineTuning(target, FixedSource([0.0, 0.0]), n=3, gamma=0.5).curve()
        assert curve.optimal_alpha() == 0
        assert curve.optimal_alpha("risk") == 0
        assert curve.transfer_interval() == (0.0, 0.0)
        assert curve.gain(over=5.0) == pytest.approx(0, abs=1e-15)


def test_an_interval_narrower_than_the_grid_of_angles():
    # Accuracy is almost 1 and the source of almost no use: it gains over alpha = 0 by 7e-11 at most.
    means = [
        [2.16824478, 1.6223269, -3.33462908, -0.09928172, -1.41476098, -2.491176],
        [-0.15783326, -2.95001191, -5.94747362, 1.65927041, -4.8258039, 1.75934397],
    ]
    covariance = np.array([0.2128322, 8.73419078, 4.6441945, 0.27438763, 9.20429794, 0.55002139])
    source = [0.12573022, -0.13210486, 0.64042265, 0.10490012, -0.53566937, 0.36159505]
    target = GaussianMixture(means, [covariance, covariance])
    curve = FineTuning(target, FixedSource(source), n=14.22824223396993, gamma=0.01).curve()
    low, high = curve.transfer_interval()
    best = curve.optimal_alpha()
    assert np.abs(low) < 1e-6
    assert high == pytest.approx(2 * best, rel=1e-2)
    assert curve.accuracy(high) == pytest.approx(curve.accuracy(0.0), abs=1e-13)


@given(problems(classes=2))
def test_intervals_end_where_accuracy_passes_its_level(problem):
    curve = problem.curve()
    best = curve.optimum()
    assume(best.finite)
    alone = curve.accuracy(0.0)
    for low, high, level in (
        (*curve.transfer_interval(), alone),
        (*curve.tolerance_interval(0.01), best.value - 0.01),
    ):
        assert low <= best.alpha <= high
        for end in (low, high):
            if np.isfinite(end):
                assert curve.accuracy(end) == pytest.approx(level, abs=1e-9)
    low, high = curve.tolerance_interval(0.01)
    inside = np.linspace(max(low, best.alpha - 1e3), min(high, best.alpha + 1e3), 201)[1:-1]
    assert (curve.accuracy(inside) >= best.value - 0.01 - 1e-9).all()


def test_neutral_alpha_is_a_coin_flip():
    curve = symmetric_problem(0, 1).curve().along([1.0])
    assert curve.accuracy(curve.neutral_alpha()) == pytest.approx(0.5, abs=1e-13)
    unequal = FineTuning(GaussianMixture(np.eye(2), [None, 2.0]), FixedSource([1.0, 0.0]), 3, 1).curve()
    assert unequal.accuracy(unequal.neutral_alpha()) == pytest.approx(0.5, abs=1e-13)
    assert abs(unequal.class_accuracy(unequal.neutral_alpha()) - 0.5).min() > 1e-3


def test_intervals_of_a_vector_are_refused():
    curve = symmetric_problem(0, 2).curve()
    for ask in (
        curve.transfer_interval,
        lambda: curve.tolerance_interval(0.1),
        curve.neutral_alpha,
    ):
        with pytest.raises(ValueError, match=r"use along\(direction\)"):
            ask()
    with pytest.raises(ValueError, match="alpha must be finite with several sources"):
        curve.accuracy([np.inf, 1.0])


@pytest.mark.parametrize("classes", [3, 4])
def test_optimum_of_many_classes(classes):
    rng = np.random.default_rng(classes)
    means = rng.standard_normal((classes, 8))
    source = FixedSource(means + 0.5 * rng.standard_normal((classes, 8)), outputs=classes)
    curve = FineTuning(
        GaussianMixture(means, np.linspace(0.5, 2, 8)), source, 10, 0.3, intercept=True
    ).curve()
    best = curve.optimum()
    grid = np.linspace(-3, 5, 81)
    assert np.max(curve.accuracy(grid)) <= best.value + 1e-12
    assert curve.accuracy(best.alpha) == pytest.approx(best.value)
    assert np.all(curve.risk(grid) >= curve.risk(curve.optimal_alpha("risk")))


def test_unknown_criteria_are_refused():
    with pytest.raises(ValueError, match="criterion must be one of 'accuracy', 'risk', got 'speed'"):
        symmetric_problem(0, 1).curve().optimal_alpha("speed")


def test_no_source_is_of_use_where_none_has_influence():
    """Without ridge and n > p alpha does nothing, also where infinity counts as its best value."""
    mean, spectrum = np.ones(50) / np.sqrt(50), np.linspace(0.2, 2, 50)
    target = GaussianMixture([-mean, mean], spectrum, [0.3, 0.7])
    curve = FineTuning(target, FixedSource(mean), 100, 0, intercept=True).curve()
    assert curve.transfer_interval() == (0, 0)
    assert curve.tolerance_interval(0.01) == (-np.inf, np.inf)


@pytest.mark.parametrize("classes", [2, 3])
def test_any_alpha_will_do_for_a_source_of_zeros(classes):
    mean, spectrum = np.ones(50) / np.sqrt(50), np.linspace(0.2, 2, 50)
    means = np.stack([-mean, mean, mean * np.resize([1, -1], 50)])[:classes]
    source = FixedSource(0 * mean) if classes == 2 else FixedSource(0 * means, outputs=3)
    for covariances in ([spectrum, 2 * spectrum, spectrum][:classes], spectrum):
        curve = FineTuning(GaussianMixture(means, covariances), source, 100, 0.1).curve()
        assert curve.tolerance_interval(0.01) == (-np.inf, np.inf)
        assert curve.transfer_interval() == (0, 0)


@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize(("size", "scales"), [(0.0, [1, 1]), (0.0, [1, 2]), (1.0, [1, 1])])
def test_several_sources_cannot_tell_equal_classes_apart(size, scales, intercept):
    mean, spectrum = np.ones(50) / np.sqrt(50), np.linspace(0.2, 2, 50)
    target = GaussianMixture([size * mean, size * mean], [scale * spectrum for scale in scales])
    curve = FineTuning(target, FixedSource([mean, spectrum - mean]), 100, 0.1, intercept=intercept).curve()
    best = curve.optimum()
    np.testing.assert_array_equal(best.alpha, [0, 0])
    # An intercept serves the narrower class: accuracy above 1/2, and alpha of no use for that.
    unequal = intercept and scales[0] != scales[1]
    assert best.value > 0.5 if unequal else best.value == pytest.approx(0.5, abs=1e-15)
    assert curve.accuracy(best.alpha) == best.value


def test_several_sources_cannot_tell_three_equal_classes_apart():
    mean = np.ones(6) / 2
    source = FixedSource(np.random.default_rng(0).standard_normal((2, 3, 6)), outputs=3)
    best = FineTuning(GaussianMixture([mean] * 3, np.linspace(0.5, 2, 6)), source, 20, 0.1).curve().optimum()
    np.testing.assert_array_equal(best.alpha, [0, 0])
    assert best.value == pytest.approx(1 / 3, abs=1e-9)


def many_classes(classes: int, sources: int, seed: int = 0) -> FineTuning:
    rng = np.random.default_rng(seed)
    means = 1.5 * rng.normal(size=(classes, 30)) / np.sqrt(30)
    target = GaussianMixture(means, np.linspace(0.2, 2, 30))
    rows = [
        FixedSource(means + (1 + i) * rng.normal(size=means.shape) / np.sqrt(30), outputs=classes)
        for i in range(sources)
    ]
    return FineTuning(target, rows, 120, 0.1)


def check_many_classes(seeds: range) -> None:
    """The gradient vanishes at the best alpha, and no alpha of a coarse net is better."""
    for seed in seeds:
        rng = np.random.default_rng([seed, 1])
        classes, sources = int(rng.integers(3, 6)), int(rng.integers(1, 4))
        curve = many_classes(classes, sources, seed).curve()
        assert isinstance(curve, MixtureCurve)
        best = curve.optimum()
        net = 3 * rng.normal(size=(60, sources))
        values = np.asarray(curve.accuracy(net))
        # Values are integrated to 1e-9.
        assert values.max() <= best.value + 2e-9, seed
        if best.finite:
            z = np.concatenate([[1.0], np.asarray(best.alpha) * curve.kappa])
            scales = curve.contrasts.scales
            slope = curve.contrasts.gradient(z) * scales * np.linalg.norm(z / scales)
            assert abs(slope).max() < 1e-8, seed
            assert abs(curve.contrasts.gradient(1.2 * z - 0.2 * np.eye(len(z))[0])).max() > 1e-4


def test_the_best_alpha_of_many_classes_is_where_the_gradient_vanishes():
    check_many_classes(range(6))


@pytest.mark.parametrize("classes", [7, 10])
def test_up_to_ten_classes(classes):
    curve = many_classes(classes, 1).curve()
    best = curve.optimum()
    error = float(curve.accuracy_uncertainty(best.alpha))
    around = np.asarray(best.alpha) * np.array([[0.7], [0.9], [1.1], [1.4]])
    assert np.max(curve.accuracy(around)) < best.value + 4 * error


def nearly_one_class(gamma: float, share: float = 0.995) -> FineTuning:
    """Almost all samples of one class: accuracies that agree to 16 digits, and more."""
    mean, spectrum = np.ones(50) / np.sqrt(50), np.linspace(0.2, 2, 50)
    target = GaussianMixture([-mean, mean], spectrum, [1 - share, share])
    return FineTuning(target, FixedSource(mean), 100, gamma, intercept=True)


@pytest.mark.parametrize("gamma", [0.1, *(pytest.param(one, marks=pytest.mark.slow) for one in (0.5, 1.0))])
def test_near_ties_are_settled_in_higher_precision(gamma):
    problem = nearly_one_class(gamma)
    curve = problem.curve()
    assert isinstance(curve, MixtureCurve)
    low, high = curve.transfer_interval()
    assert 0 <= low < curve.optimal_alpha() < high  # by noise the lower end was -.39, -.25 and -.20
    exact = problem.curve(dps=40)
    low40, high40 = exact.transfer_interval()
    assert low == pytest.approx(float(low40), rel=1e-8)
    assert high == pytest.approx(float(high40), rel=1e-8)
    for at, better in ((0.5 * (low + high), True), (0.5 * low, False), (1.01 * high, False)):
        if at:
            assert (curve.contrasts.lead(curve._direction(at), curve._direction(0.0)) > 0) == better


def test_leads_have_all_their_digits():
    curve = nearly_one_class(0.1).curve()
    assert isinstance(curve, MixtureCurve)
    contrasts = curve.contrasts
    z, over = np.array([1.0, 0.002]), np.array([1.0, 0.0])
    with mpmath.workdps(120):
        precise = contrasts._exactly
        values = [precise.accuracy(MP_ARRAY.number(x)) for x in (z, over)]
        expected = float(values[0] - values[1])
    assert float(contrasts.lead(z, over)) == pytest.approx(expected, rel=1e-6, abs=0)
    assert float(contrasts.accuracy(z) - contrasts.accuracy(over)) != pytest.approx(expected, rel=0.5, abs=0)
