"""The law of the score at other ridges and sizes, from leave-one-out, against theory and simulation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtr
from spread_worlds import samples, world

from rmt_alpha import AlphaRidgeClassifier, alpha_path, estimate_problem
from rmt_alpha.from_data.decomposition.design import Design
from rmt_alpha.from_data.decomposition.rules import Rule
from rmt_alpha.from_data.decomposition.samples import Samples
from rmt_alpha.from_data.leave_one_out import ScoreMoments
from rmt_alpha.from_data.plug_in.carried_law import CarriedLaw, curve_of
from rmt_alpha.from_data.plug_in.check import Compared
from rmt_alpha.from_data.plug_in.left_out import Estimate, LeftOut
from rmt_alpha.from_data.plug_in.population import Population
from rmt_alpha.from_data.plug_in.spectrum import SpectrumEstimate

TOTAL = 61.0
ROWS = np.random.default_rng(0).standard_normal((int(TOTAL), 200))
DESIGN = Design.of(Samples.of(ROWS), Rule())


def exact(population):
    """Left-out moments as theory has them, without the noise of samples."""

    def left_out(ridge):
        law = population.moments(ridge * TOTAL / (TOTAL - 1), TOTAL - 1)
        nothing = np.zeros((1, 2))
        return LeftOut(
            law.line, law.gram, nothing, np.ones(1), np.zeros((1, 3, 2)), 0.0, 0.0, np.zeros(1, int)
        )

    return left_out


@given(
    st.floats(0.05, 5),
    st.floats(-0.99, 0.99),
    st.floats(-3, 3),
    st.floats(10, 3000),
    st.floats(0.1, 0.8),
)
def test_what_leaving_out_measures_tells_other_ridges_and_sizes(norm2, cosine, exponent, n, first):
    spectrum = SpectrumEstimate(np.array([0.2, 1.0, 3.0]), np.array([0.5, 0.3, 0.2]), 200)
    density = np.array([first, 0.9 - first, 0.1])
    overlap = cosine * np.sqrt(norm2 * 2)
    population = Population(spectrum, density, np.array([[norm2, overlap], [overlap, 2.0]]))
    law = CarriedLaw.at(exact(population), DESIGN, population, population.products[None], 10**exponent, n)
    expected = population.moments(10**exponent, n)
    # Ten digits: the ridge at which samples are left out is a difference of kappa and degrees of freedom.
    assert law.moments.line == pytest.approx(expected.line, rel=1e-6, abs=1e-9)
    scale = np.sqrt(np.diag(expected.gram))
    assert law.moments.gram / np.outer(scale, scale) == pytest.approx(
        expected.gram / np.outer(scale, scale), abs=1e-6
    )


def test_where_the_mean_lies_is_not_asked_as_long_as_a_ridge_reaches():
    spectrum = SpectrumEstimate(np.array([0.2, 1.0, 3.0]), np.array([0.5, 0.3, 0.2]), 200)
    products = np.array([[1.0, 0.8], [0.8, 2.0]])
    truth = Population(spectrum, np.array([0.1, 0.1, 0.8]), products)
    wrong = Population(spectrum, np.array([0.8, 0.1, 0.1]), products)
    left_out = exact(truth)
    for gamma, n, reaches in ((1.0, 60, True), (1.0, 100, True), (1.0, 30, True), (0.01, 1000, False)):
        law = CarriedLaw.at(left_out, DESIGN, wrong, products[None], gamma, n)
        found = law.transport(law.measured.line, law.measured.gram)
        expected = truth.moments(gamma, n)
        point = np.array([1.0, 1.0])
        assert (law.transport.start == law.transport.kappa) == reaches
        assert (found.line == pytest.approx(expected.line, rel=1e-6)) == reaches
        # Where it is asked, another assumption gives another answer, which counts as an error.
        other = law.other(law.measured.line, law.measured.gram)
        assert (found.margin(point) == other.margin(point)) == reaches


def test_the_samples_own_law_is_what_was_left_out():
    spectrum, mean, source, rng = world(80)
    X, y = next(samples(40, spectrum, mean, rng, shift=1.0))
    estimate, path = estimate_problem(X, y, source), alpha_path(X, y, source, 0.5)
    # 39 samples whose penalty is that of 40; equal classes.
    law = estimate._law(0.5 * 40 / 39, 39)
    found = law.transport(law.measured.line, law.measured.gram)
    random = law.transport.tilt[1]  # of classes that are equal on average only
    scores = y[:, None] * path.fit.leave_one_out.lines[:, :, 0]
    for alpha in (-1.0, 0.0, 0.7):
        own, point = scores @ [1.0, alpha], np.array([1.0, alpha])
        # Without its own sample, the intercept is that of classes of 20 and 19.
        assert point @ found.line == pytest.approx(own.mean() + (1 - own.mean()) / 39)
        moved = random * (1 - point @ found.line) ** 2
        assert point @ found.gram @ point == pytest.approx(own.var(ddof=1) + moved)


def test_shrinking_to_gaussian_classes():
    """Where they could be right the law is theirs, where they cannot it is the measured one."""
    changes = np.random.default_rng(0).standard_normal((50, 3, 2))
    changes[:, 2, 0] = changes[:, 1, 1]
    line, gram = np.array([0.5, 1.0]), np.array([[1.0, 0.2], [0.2, 3.0]])
    left_out = LeftOut(line, gram, np.zeros((50, 2)), np.full(50, 0.02), changes, 0.0, 0.0, np.zeros(50, int))
    for away, low, high in ((0.1, 1.0, 1.0), (1e4, 0.0, 1e-4)):
        model = ScoreMoments(line + away, gram + away * np.ones((2, 2)))
        same = ScoreMoments(np.tile(model.line, (50, 1)), np.tile(model.gram, (50, 1, 1)))
        found = left_out.shrunk(model, same)
        share = (found.line - line) / away
        assert np.all((share >= low - 1e-9) & (share <= high + 1e-9))
        assert found.gram - gram == pytest.approx(share[0] * away * np.ones((2, 2)), abs=1e-6)


def test_the_best_alpha_of_few_samples_does_no_harm():
    # That of the measured law alone is the ratio of two noisy numbers: 20 samples cost it 4 points here.
    spectrum, mean, source, rng = world(120)
    gains = []
    for X, y in samples(20, spectrum, mean, rng, count=60):
        estimate = estimate_problem(X, y, source, fit_intercept=False)
        best = estimate.curve(3.0).optimal_alpha()
        one, other = (reached(X, y, 3.0, a, source, mean, spectrum) for a in (1.0, best))
        gains.append(other - one)
    assert np.mean(gains) > -2 * np.std(gains) / np.sqrt(60) - 0.01


@pytest.mark.parametrize("rule", [True, False])
def test_changes_are_those_of_leaving_a_sample_out(rule):
    spectrum, mean, source, rng = world(60)
    X, y = next(samples(200, spectrum, mean, rng))
    whole = estimate_problem(X, y, source, fit_intercept=rule)
    law = whole._left_out(0.8)
    changes = []
    for i in range(200):
        keep = np.arange(200) != i
        # The penalty, the number of samples times the ridge, stays.
        less = estimate_problem(X[keep], y[keep], source, fit_intercept=rule)._left_out(0.8 * 200 / 199)
        changes.append([less.line - law.line, *(less.gram - law.gram)])
    exact = np.array(changes)
    for a, b in ((0, 0), (0, 1), (1, 0), (1, 1), (2, 1)):
        found, true = law.changes[:, a, b], exact[:, a, b] - exact[:, a, b].mean()
        # To first order in the leverage, whose mean is .15 here.
        assert np.corrcoef(found, true)[0, 1] > 0.97
        assert found.std() / true.std() == pytest.approx(1, abs=0.15)


def elsewhere(where):
    """A world whose mean lies in the small or the large eigenvalues, and the source not."""
    spectrum, mean, source, rng = world(120)
    if where == "small":
        return spectrum, 0.3 * mean + np.flip(mean) * 0.4, source, rng
    mean = mean * spectrum
    mean *= 1.5 / np.linalg.norm(mean)
    return spectrum, mean, mean + 0.1 * rng.standard_normal(120) / np.sqrt(spectrum), rng


def reached(X, y, gamma, alpha, source, mean, spectrum):
    w = AlphaRidgeClassifier(gamma, alpha, source, fit_intercept=False).fit(X, y).coef_[0]
    return ndtr(w @ mean / np.sqrt(w @ (spectrum * w)))


@pytest.mark.parametrize("where", ["small", "large"])
@pytest.mark.parametrize(
    ("n", "more"),
    [
        (40, 40),
        pytest.param(80, 200, marks=pytest.mark.slow),
        pytest.param(80, 40, marks=pytest.mark.slow),
        pytest.param(60, 800, marks=pytest.mark.slow),
    ],
)
def test_predicted_accuracy_is_within_its_error(where, n, more):
    spectrum, mean, source, rng = elsewhere(where)
    gamma, alphas = 0.5, (0.0, 0.5, 1.0)
    draws = samples(more, spectrum, mean, rng, count=25)
    true = [[reached(X, y, gamma, a, source, mean, spectrum) for a in alphas] for X, y in draws]
    true = np.mean(true, axis=0)
    found = []
    for X, y in samples(n, spectrum, mean, rng, count=40):
        estimate = estimate_problem(X, y, source, fit_intercept=False)
        found.append([estimate.accuracy(a, gamma, more) for a in alphas])
    values, errors = np.moveaxis(np.array(found), -1, 0)
    inside = np.mean(np.abs(values - true) < 2 * errors, axis=0)
    assert np.all(inside > 0.95 - 3 * 0.034)  # known to 3.4 % from 40 draws
    # Shrinking to a model that is wrong here is a bias: it must stay within the stated error, as docs say.
    assert np.all(np.abs(values.mean(axis=0) - true) < np.median(errors, axis=0))
    # A jackknife errs upwards, by sqrt(2) for products of two samples, and the stated error is that of the
    # measured law, while the shrunk one spreads less: together up to 2.3 here.
    if more <= n:
        assert np.all(np.median(errors, axis=0) < 2.5 * values.std(axis=0))


def test_gaussian_classes_alone_would_be_wrong():
    spectrum, mean, source, rng = elsewhere("large")
    found = []
    for X, y in samples(400, spectrum, mean, rng, count=8):
        estimate = estimate_problem(X, y, source, fit_intercept=False)
        alone = ndtr(estimate.population.moments(0.5, 400).margin(np.array([1.0, 1.0])))
        true = reached(X, y, 0.5, 1.0, source, mean, spectrum)
        found.append([*estimate.accuracy(1.0, 0.5), alone, true, estimate.check(0.5).agrees])
    value, stderr, alone, true, agrees = np.mean(found, axis=0)
    assert abs(value - true) < 3 * stderr / np.sqrt(8) < alone - true
    assert agrees < 0.5
    assert "do not describe" in str(estimate.check(0.5)._replace(mean=Compared(0.0, Estimate(1.0, 0.1), 9)))


def test_check_of_gaussian_classes_keeps_its_level():
    alarms = []
    for seed in range(4):
        spectrum, mean, source, rng = world(80, seed=seed)
        alarms += [
            not estimate_problem(X, y, source).check(gamma, alpha).agrees
            for X, y in samples(60, spectrum, mean, rng, shift=2.0, count=25)
            for gamma, alpha in ((0.3, 1.0), (30.0, 0.0))
        ]
    # 5 % of 100 draws, each asked twice: 2.2 % of standard error.
    assert np.mean(alarms) < 0.05 + 3 * 0.022


def test_check_finds_scores_that_are_not_gaussian():
    rng = np.random.default_rng(0)
    y = np.where(np.arange(1000) % 2, 1.0, -1.0)
    X = rng.standard_normal((1000, 20))
    # One direction decides, and is wrong for 5 %; Phi(mean/deviation) would be Phi(.9/.44) = .98.
    X[:, 0] = 3 * y * np.where(rng.random(1000) < 0.05, -1, 1) + 0.1 * rng.standard_normal(1000)
    estimate = estimate_problem(X, y, np.eye(20)[0])
    check = estimate.check(1.0)
    assert abs(check.accuracy.z) > 2.4
    value, stderr = estimate.accuracy(1.0, 1.0)
    assert abs(value - 0.95) < 2 * stderr < 0.1


def test_other_samples_have_other_proportions_of_the_classes():
    """A free intercept follows the mean label of its samples, of which few have one far from 0."""
    spectrum, mean, source, rng = world(60)
    gamma, few = 30.0, 20
    X, y = next(samples(400, spectrum, mean, rng))
    law = estimate_problem(X, y, source)._law(gamma, few)
    reach = []
    for _ in range(200):
        labels = np.where(rng.random(few) < 0.5, 1.0, -1.0)
        if abs(labels.sum()) > few - 4:
            continue
        rows = labels[:, None] * mean + rng.standard_normal((few, 60)) * np.sqrt(spectrum)
        model = AlphaRidgeClassifier(gamma, 0.0, source, fit_intercept=True).fit(rows, labels)
        w, b = model.coef_[0], model.intercept_[0]
        deviation = np.sqrt(w @ (spectrum * w))
        reach.append((ndtr((w @ mean + b) / deviation) + ndtr((w @ mean - b) / deviation)) / 2)
    true, error = np.mean(reach), np.std(reach) / np.sqrt(len(reach))
    found = law.accuracy(0.0)
    assert abs(found.value - true) < found.stderr + 3 * error
    # With classes that keep their proportions, as it was, the intercept would hardly move.
    kept = replace(law.transport, tilt=(law.transport.tilt[0],) * 2)
    held = ndtr(kept(law.shrunk.line, law.shrunk.gram).margin(np.array([1.0, 0.0])))
    assert held - true > 2 * found.stderr + 3 * error
    # Of as many samples the mean square is that of the sample itself.
    measured = law.measured
    assert measured.tilt(400, 400) == pytest.approx((measured.share * measured.surplus) ** 2)
    assert measured.tilt(400, 1) == pytest.approx(measured.share**2)


@pytest.mark.parametrize("few", [400, 60])
def test_scores_of_another_shape(few):
    """Where Phi is wrong, the left-out scores say by how much, for fewer samples, too."""
    rng, p, gamma = np.random.default_rng(3), 40, 1.0
    mean = 1.3 * rng.standard_normal(p) / np.sqrt(p)
    along = mean / np.linalg.norm(mean)

    def draw(n):
        labels = np.where(np.arange(n) % 2, 1.0, -1.0)
        rows = 0.5 * rng.standard_normal((n, p))
        rows += (labels * np.where(rng.random(n) < 0.1, -2.7, 0.3))[:, None] * along  # a tenth lies far off
        return labels[:, None] * mean + rows, labels

    test, signs = draw(20_000)
    reach = []
    for _ in range(30):
        X, y = draw(few)
        model = AlphaRidgeClassifier(gamma, 0.0, mean, fit_intercept=True).fit(X, y)
        reach.append(model.score(test, signs))
    true, found, smooth = np.mean(reach), [], []
    for _ in range(8):
        X, y = draw(400)
        estimate = estimate_problem(X, y, mean)
        found.append(estimate.accuracy(0.0, gamma, few))
        smooth.append(float(estimate.curve(gamma, few).accuracy(0.0)))
    value, stderr = np.mean(found, axis=0)
    assert abs(value - true) < stderr
    assert abs(np.mean(smooth) - true) > stderr
    assert abs(value - true) < abs(np.mean(smooth) - true) / 2


def test_accuracy_is_that_of_the_curve_and_what_its_shape_adds():
    spectrum, mean, source, rng = world(40)
    X, y = next(samples(30, spectrum, mean, rng))
    estimate = estimate_problem(X, y, source)
    for n in (None, 200):
        law, point = estimate._law(0.3, n or 30), np.array([1.0, 0.5])
        mean_, variance = law.moments.line @ point, point @ law.moments.gram @ point
        shape = law.measured.shape(point, mean_, variance)
        known = max(1 - (shape.stderr / shape.value) ** 2, 0.0)
        expected = estimate.curve(0.3, n).accuracy(0.5) + known * shape.value
        assert estimate.accuracy(0.5, 0.3, n).value == pytest.approx(expected)
    wrong: tuple[tuple[Any, Any], ...] = (([0.0, 1.0], 0.3), (0.0, [0.3, 1.0]))
    for alpha, gamma in wrong:
        with pytest.raises(ValueError, match="must be numbers"):
            estimate.accuracy(alpha, gamma)
    with pytest.raises(ValueError, match="alpha"):
        estimate.accuracy(np.inf, 0.3)
    least, small = (estimate.curve(gamma).accuracy(0.5) for gamma in (1e-30, 1e-8))
    assert least == pytest.approx(small, abs=1e-3)
    assert np.isfinite(estimate.accuracy(0.5, 1e30)).all()


def test_the_threshold_of_the_source_counts_unless_one_is_fitted():
    spectrum, mean, source, rng = world(40)
    X, y = next(samples(60, spectrum, mean, rng, shift=1.0))
    bias = -float((X @ source).mean())
    right, wrong = (
        estimate_problem(X, y, source, intercept_source=b, fit_intercept="shrunk").accuracy(1.0, 30.0).value
        for b in (bias, bias + 20.0)
    )
    assert right > wrong + 0.05
    free = [estimate_problem(X, y, source, intercept_source=b).accuracy(1.0, 3.0) for b in (0.0, bias)]
    assert free[0] == pytest.approx(free[1])


def test_a_curve_of_moments_has_them():
    rng = np.random.default_rng(0)
    root = rng.standard_normal((3, 2, 2)) * np.array([1.0, 1e-6])
    gram = np.swapaxes(root, -1, -2) @ root
    line, kappa = rng.standard_normal((3, 2)) * np.array([1.0, 1e-6]), np.array([0.1, 1.0, 50.0])
    curve = curve_of(kappa, ScoreMoments(line, gram))
    for alpha in (0.0, -3e5, 1e6):
        point = np.array([1.0, alpha])
        assert curve.mean(alpha) == pytest.approx(line @ point)
        assert curve.variance(alpha) == pytest.approx(np.einsum("a,iab,b->i", point, gram, point))
        assert curve.risk(alpha) == pytest.approx(curve.variance(alpha) + (1 - line @ point) ** 2)


def test_few_samples_that_are_all_right_are_luck():
    """A fraction of 1 has no spread of its own; taken for certain, it would replace Phi."""
    rng, n = np.random.default_rng(0), 30
    y = np.repeat([-1, 1], n // 2)
    X = 2.0 * y[:, None] * np.eye(12)[0] + rng.standard_normal((n, 12))
    estimate = estimate_problem(X, y, np.eye(12)[0])
    point = np.array([1.0, 0.0])
    law = estimate._law(3.0, n)
    assert ((law.measured.lines @ point) > 0).all()
    moments = law.moments
    shape = law.measured.shape(point, moments.line @ point, point @ moments.gram @ point)
    # One sample of fifteen in each class could well have been wrong: two halves of (1/32)(31/32)/15.
    assert shape.stderr > np.sqrt(1 / 32 * 31 / 32 / 15 / 2) > shape.value
    curve = estimate.curve(3.0)
    assert estimate.accuracy(0.0, 3.0).value == pytest.approx(curve.accuracy(0.0), rel=1e-14)
