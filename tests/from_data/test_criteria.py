"""Every criterion: its alpha is its own optimum, and its value is what it says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats
from small_samples import SHAPES, draw, path_of

from rmt_alpha import AlphaRidgeClassifier, AlphaRidgeClassifierCV
from rmt_alpha._core.alphas import as_point
from rmt_alpha.from_data.criteria import CRITERIA, DEFAULT, find_criterion
from rmt_alpha.from_data.selection import select

every_criterion = pytest.mark.parametrize("name", CRITERIA)
maximising = pytest.mark.parametrize("name", [name for name in CRITERIA if name != DEFAULT])
every_shape = pytest.mark.parametrize("shape", SHAPES)


def prepared(name, sample, *, sources=1, intercept=True, counts=None):
    """The criterion and the path of a sample, with further random sources."""
    rng = np.random.default_rng(1)
    vectors = np.stack([sample.source, *rng.standard_normal((sources - 1, sample.source.size))])
    labels, scores = sample.y[:, None].astype(float), (sample.X @ vectors.T).T[:, :, None]
    path = path_of(sample.X, labels, scores, counts, intercept=intercept)
    return find_criterion(name).prepared(path, sample.X, vectors[:, None]), path


@maximising
@every_shape
@pytest.mark.parametrize("sources", [1, 2])
def test_the_best_alpha_is_a_maximum(name, shape, sources):
    criterion, path = prepared(name, draw(shape), sources=sources)
    rng = np.random.default_rng(0)
    for gamma in (0.05, 1.0, 20.0):
        fit = path.at(gamma)
        choice = criterion.choose(fit)
        # Equal, but for what a search of the scale leaves of a sum of losses: `calibration.PRECISION`.
        assert choice.score == pytest.approx(criterion.score(fit, choice.point), rel=0, abs=1e-12)
        if name == "loo_accuracy" and sources > 1:
            scales = rng.standard_normal((200, 1))  # searched along one line only
            others = np.concatenate([np.ones((200, 1)), scales * choice.point[1:]], axis=1)
        else:
            step = rng.standard_normal((200, sources)) * np.logspace(-6, 1, 200)[:, None]
            others = np.concatenate(
                [np.ones((200, 1)), (choice.point[1:] / (choice.point[0] or 1)) + step], axis=1
            )
        best = max(criterion.score(fit, other) for other in others)
        assert choice.score >= best - 1e-12 * abs(best)


@every_shape
@pytest.mark.parametrize("intercept", [True, False])
def test_evidence_is_the_restricted_likelihood(shape, intercept):
    sample = draw(shape)
    criterion, path = prepared("evidence", sample, intercept=intercept)
    n, gamma, point = len(sample.y), 0.4, np.array([1.0, 0.7])
    fit = path.at(gamma)
    # In coordinates orthogonal to the intercept the labels are Gaussian; scipy evaluates the density.
    basis = np.linalg.svd(np.ones((n, 1)))[0][:, 1:] if intercept else np.eye(n)
    inside = basis.T @ sample.X
    shape_matrix = np.eye(basis.shape[1]) + inside @ inside.T / (n * gamma)
    missed = basis.T @ (sample.y - 0.7 * sample.X @ sample.source)
    sigma2 = missed @ np.linalg.solve(shape_matrix, missed) / missed.size
    density = stats.multivariate_normal(np.zeros(missed.size), sigma2 * shape_matrix).logpdf(missed)
    assert criterion.score(fit, point) == pytest.approx(density, rel=1e-10)
    # Generalised least squares, the long way.
    scores = basis.T @ sample.X @ sample.source
    weighted = np.linalg.solve(shape_matrix, scores)
    alpha = weighted @ (basis.T @ sample.y) / (weighted @ scores)
    assert criterion.choose(fit).point[1] == pytest.approx(alpha, rel=1e-9)


@every_shape
def test_jackknife_of_the_evidence_is_exact(shape):
    sample = draw(shape)
    criterion, path = prepared("evidence", sample)
    gamma, n = 0.4, len(sample.y)
    points = criterion.replicates(path.at(gamma))
    for i in (0, n // 2, n - 1):
        rest = np.delete(np.arange(n), i)
        fewer = type(sample)(sample.X[rest], sample.y[rest], sample.source, 0.0, sample.weights[rest])
        _, left = prepared("evidence", fewer)
        alpha = criterion.best(left.at(gamma * n / (n - 1)))[1]  # the same penalty n gamma
        assert points[i, 1] / points[i, 0] == pytest.approx(alpha, rel=1e-9)


@every_criterion
@pytest.mark.parametrize("averaged", [True, False])
def test_choices_do_not_depend_on_the_scale_of_the_source(name, averaged):
    sample = draw("n < p")
    # A power of two: exact in every step but divisions by roots.  The default has an opinion on the sign, and
    # so have the probabilities of several rules.
    options: dict[str, Any] = {} if averaged else {"fit_intercept": True, "units": "raw"}
    scale = 4 if averaged or name == DEFAULT else -4
    one, two = (
        AlphaRidgeClassifierCV(None, name, size * sample.source, **options).fit(sample.X, sample.y)
        for size in (1, scale)
    )
    assert two.alpha_ == pytest.approx(one.alpha_ / scale, rel=1e-9)
    assert two.alpha_stderr_ == pytest.approx(one.alpha_stderr_ / 4, rel=1e-6)
    assert two.coef_ == pytest.approx(one.coef_, rel=1e-9, abs=1e-12)


@every_criterion
def test_choices_rotate_with_the_data(name):
    sample = draw("n < p")
    turn = stats.special_ortho_group(sample.source.size, seed=0).rvs()
    # Standard units are those of the features: they know their axes.
    one = AlphaRidgeClassifierCV(None, name, sample.source, units="raw").fit(sample.X, sample.y)
    two = AlphaRidgeClassifierCV(None, name, turn @ sample.source, units="raw")
    two.fit(sample.X @ turn.T, sample.y)
    assert two.gamma_ == pytest.approx(one.gamma_)
    assert two.alpha_ == pytest.approx(one.alpha_, rel=1e-8)
    assert two.coef_ == pytest.approx(one.coef_ @ turn.T, abs=1e-9)


def test_infinite_alpha_is_the_limit():
    sample = draw("n < p")
    far, infinite = (
        AlphaRidgeClassifier(0.5, alpha, sample.source, sample.bias, False).fit(sample.X, sample.y)
        for alpha in (1e9, np.inf)
    )
    assert far.coef_ / 1e9 == pytest.approx(infinite.coef_, abs=1e-8)
    assert far.intercept_ / 1e9 == pytest.approx(infinite.intercept_)
    assert far.loo_decision_function_ / 1e9 == pytest.approx(infinite.loo_decision_function_, abs=1e-8)
    opposite = AlphaRidgeClassifier(0.5, -np.inf, sample.source, sample.bias, False).fit(sample.X, sample.y)
    assert opposite.coef_ == pytest.approx(-infinite.coef_)


def test_signal_to_noise_at_infinity():
    # With an infinite ridge nothing but the source is left: its ratio only depends on the sign of alpha.
    sample = draw("n < p")
    model = AlphaRidgeClassifier(np.inf, "auto", sample.source, criterion="theory").fit(sample.X, sample.y)
    assert model.alpha_ == np.inf
    assert model.alpha_stderr_ == np.inf
    assert model.coef_[0] == pytest.approx(sample.source)


def test_evidence_without_any_noise():
    # Labels that the source explains perfectly: sigma^2 = 0 must not be infinite evidence of nothing.
    rng = np.random.default_rng(0)
    X = rng.standard_normal((10, 3))
    X[:, 0] = y = np.where(np.arange(10) % 2, 1.0, -1.0)
    model = AlphaRidgeClassifierCV(None, "evidence", [2.0, 0.0, 0.0], fit_intercept=False).fit(X, y)
    assert model.alpha_ == pytest.approx(0.5)
    assert np.isfinite(model.best_score_)
    assert model.score(X, y) == 1


def test_parallel_and_silent_sources():
    sample = draw("n > p")
    with pytest.warns(UserWarning, match=r"source\(s\) \[2\]"):
        model = AlphaRidgeClassifierCV(coef_source=[sample.source, 2 * sample.source, 0 * sample.source]).fit(
            sample.X, sample.y
        )
    single = AlphaRidgeClassifierCV(coef_source=sample.source).fit(sample.X, sample.y)
    alpha = np.asarray(model.alpha_)
    assert alpha @ [1, 2, 0] == pytest.approx(single.alpha_)
    assert alpha[2] == 0
    assert model.coef_ == pytest.approx(single.coef_)


@pytest.mark.parametrize(("ties", "index"), [([0, 0, 0, 0], 2), ([0, 1, 0, 1], 3), ([9, 0, 0, 0], 0)])
def test_equal_scores(ties, index):
    # Equal scores, but for the last: the tie-break decides, then the largest ridge.
    kind: Any = type(find_criterion("loo_mse"))

    class Flat(kind):
        def score(self, fit, point):
            return 0.5 + (1e-16 if fit.gamma == 7 else 0)

        def tie(self, fit, point):
            return ties[[1.0, 2.0, 7.0, 3.0].index(fit.gamma)]

    _, path = prepared("loo_mse", draw("n > p"))
    assert select(Flat(), path, [1.0, 2.0, 7.0, 3.0]).index == index


@every_criterion
@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("sources", [0, 1, 3])
def test_extreme_ridges_and_any_number_of_sources(name, intercept, sources):
    sample = draw("n < p")
    source = list(np.random.default_rng(0).standard_normal((sources, 40))) if sources else None
    for gamma in (1e-12, np.inf):
        model = AlphaRidgeClassifier(gamma, coef_source=source, fit_intercept=intercept, criterion=name).fit(
            sample.X, sample.y
        )
        assert np.isfinite(model.coef_).all()
        assert not np.isnan(model.alpha_).any()
        assert not np.isnan(model.alpha_stderr_).any()


@every_criterion
def test_a_source_with_constant_scores_is_silent(name):
    # All features constant: the scores are the intercept's, and what centring leaves of them is rounding.
    y = np.arange(8) % 2
    model = AlphaRidgeClassifierCV(criterion=name, coef_source=[0.1, 0.2, 0.7], fit_intercept=True)
    model.fit(np.full((8, 3), 0.3), y)
    assert np.abs(model.alpha_) < 2
    assert model.decision_function(np.full((1, 3), 0.3)) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    "name",
    # By powers of 2 `test_scales` does so with all of them.
    [pytest.param(n, marks=() if n in {DEFAULT, "loo_accuracy"} else pytest.mark.slow) for n in CRITERIA],
)
def test_data_in_other_units(name):
    sample = draw("n < p")
    small, large = (
        AlphaRidgeClassifierCV(criterion=name, coef_source=sample.source / unit).fit(
            unit * sample.X, sample.y
        )
        for unit in (1e-8, 1e8)
    )
    assert large.alpha_ == pytest.approx(small.alpha_, rel=1e-9)
    for found, expected in zip(large.rules_, small.rules_, strict=True):
        assert found["rule"] == expected["rule"]
        # Ridges have the units of the squared features, but for features in standard units.
        factor = 1.0 if "standard" in found["rule"] else 1e32
        assert found["gamma"] == pytest.approx(factor * expected["gamma"], rel=1e-9)
    assert large.coef_ == pytest.approx(small.coef_ / 1e16, rel=1e-7)


def test_unknown_criterion_is_refused():
    sample = draw("n < p")
    with pytest.raises(ValueError, match="criterion must be one of 'consensus'"):
        AlphaRidgeClassifierCV(criterion="aic", coef_source=sample.source).fit(sample.X, sample.y)


def test_points():
    assert as_point(np.array(2.0)).tolist() == [1, 2]
    assert as_point(np.array([3.0, -np.inf])).tolist() == [0, 0, -1]
