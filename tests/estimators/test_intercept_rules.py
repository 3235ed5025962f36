"""The rules for intercept and units as a user meets them: what is reported is what refitting gives."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from discriminants import by_hand, left_out_by_hand
from discriminants import prior as prior_of_classes
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp, softmax
from scipy.stats import norm, truncnorm
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from small_samples import draw, fit_of_rule, left_out_of_rule

from rmt_alpha import (
    AlphaLogisticRegression,
    AlphaLogisticRegressionCV,
    AlphaRidge,
    AlphaRidgeClassifier,
    AlphaRidgeClassifierCV,
    alpha_path,
)
from rmt_alpha.estimators import base
from rmt_alpha.from_data.criteria import CRITERIA, REGRESSION_CRITERIA
from rmt_alpha.from_data.decomposition.rules import AVERAGED, PSEUDO, Rule, rules_of

ESTIMATORS = (
    AlphaRidge,
    AlphaRidgeClassifier,
    AlphaRidgeClassifierCV,
    AlphaLogisticRegression,
    AlphaLogisticRegressionCV,
)
EXACT = 1e-10
SEEDS = st.integers(0, 2**32 - 1)


@cache
def far_and_unequal(classes=2):
    """60 samples of 90 features around 1, of unequal classes, and a source with its intercept."""
    rng = np.random.default_rng(0)
    y = np.where(np.arange(60) < 12, 1, 0) if classes == 2 else np.minimum(np.arange(60) // 8, classes - 1)
    means = rng.standard_normal((classes, 90)) / 6
    X = 1 + means[y] + rng.standard_normal((60, 90))
    rows = means[1] - means[0] if classes == 2 else means
    source = rows + 0.05 * rng.standard_normal(rows.shape)
    return X, y, source, -source.sum(axis=-1)


def refitted(X, y, rule, gamma, alpha, source, bias):
    """Scores (n, K) of all samples by the fit of all of them, and by those of the others, in their units."""
    classes, n = np.unique(y), len(y)
    columns = classes[1:] if len(classes) == 2 else classes
    labels = np.where(y[:, None] == columns, 1.0, -1.0)
    scores = alpha * (X @ np.atleast_2d(source).T + bias)
    units = X.std(axis=0) if rule.standard else np.ones(X.shape[1])
    held = rule, n * gamma, units
    weights, center, _ = fit_of_rule(X, labels - scores, np.ones(n), *held)
    left_out = left_out_of_rule(X, labels - scores, np.ones(n), np.ones(n), *held)
    return scores + X @ weights + center, scores + left_out


@cache
def refitted_once(classes, rule, gamma, alpha):
    """The same of `far_and_unequal`, for several means over rules."""
    X, y, source, bias = far_and_unequal(classes)
    return refitted(X, y, rule, gamma, alpha, source, bias)


def columns_of(scores):
    return scores[:, None] if scores.ndim == 1 else scores


@pytest.mark.parametrize("classes", [2, 5])
@pytest.mark.parametrize(("option", "rule"), [(True, Rule(0.0)), (False, Rule()), ("shrunk", Rule(PSEUDO))])
def test_left_out_scores_far_from_the_origin_and_of_unequal_classes(option, rule, classes):
    X, y, source, bias = far_and_unequal(classes)
    model = AlphaRidgeClassifier(0.1, 0.7, source, bias, option).fit(X, y)
    inside, left_out = refitted(X, y, rule, 0.1, 0.7, source, bias)
    assert columns_of(model.decision_function(X)) == pytest.approx(inside, abs=EXACT)
    assert columns_of(model.loo_decision_function_) == pytest.approx(left_out, abs=EXACT)


@pytest.mark.parametrize("criterion", ["consensus", "loo_mse"])
def test_left_out_scores_of_the_average_over_rules(criterion):
    """Everything is refitted under each rule with its ridge and its alpha; the shares are held too."""
    X, y, source, bias = far_and_unequal()
    model = AlphaRidgeClassifierCV(None, criterion, source, bias, "auto").fit(X, y)
    assert len(model.rules_) > 1
    assert sum(one["share"] for one in model.rules_) == pytest.approx(1)
    inside, left_out = mean_of(model.rules_, 2)
    assert columns_of(model.decision_function(X)) == pytest.approx(inside, abs=EXACT)
    assert columns_of(model.loo_decision_function_) == pytest.approx(left_out, abs=EXACT)
    assert model.alpha_ == pytest.approx(sum(one["share"] * one["alpha"][0] for one in model.rules_))


RULES = {str(rule): rule for rule in AVERAGED}


def mean_of(rules, classes):
    """The mean of refitted scores, and of those of the others, with the shares of these rules."""
    inside, left_out = 0, 0
    for one in rules:
        parts = refitted_once(classes, RULES[one["rule"]], float(one["gamma"]), float(one["alpha"][0]))
        inside, left_out = inside + one["share"] * parts[0], left_out + one["share"] * parts[1]
    return inside, left_out


def alone_and_trained(model):
    """The rule that trains nothing, and the others with shares of sum 1."""
    alone, trained = ([one for one in model.rules_ if RULES[one["rule"]].trained is t] for t in (False, True))
    rest = sum(one["share"] for one in trained)
    return alone, [{**one, "share": one["share"] / rest} for one in trained]


def discriminated(trained, classes):
    """What is trained through its discriminant, in its own units: of all samples, and each left out."""
    y = far_and_unequal(classes)[1]
    inside, left_out = mean_of(trained, classes)
    labels = np.where(y[:, None] == np.unique(y), 1.0, -1.0)
    one = np.ones(len(y))
    matrix, shift = by_hand(left_out, labels, one, *prior_of_classes(left_out, labels, one))
    told = left_out_by_hand(left_out, labels, one, one)
    size = slope_of(told, y) / slope_of(left_out, y)
    assert slope_of(size * told, y) == pytest.approx(slope_of(left_out, y), rel=1e-6)
    return size * (inside @ matrix + shift), size * told


@pytest.mark.parametrize("criterion", ["consensus", "loo_mse"])
def test_left_out_scores_of_many_classes(criterion):
    """The mean of what is trained goes through the discriminant, and the source stands beside it."""
    X, y, source, bias = far_and_unequal(5)
    model = AlphaRidgeClassifierCV(None, criterion, source, bias, "auto").fit(X, y)
    alone, trained = alone_and_trained(model)
    assert len(trained) > 1
    assert sum(one["share"] for one in model.rules_) == pytest.approx(1)
    found = discriminated(trained, 5)
    share = sum(one["share"] for one in alone)
    own = mean_of([{**one, "share": 1.0} for one in alone], 5) if alone else (0, 0)
    inside, left_out = (share * mine + (1 - share) * rest for mine, rest in zip(own, found, strict=True))
    # A scale of least log-loss is known to the square root of 1e-12, and sets the units of the discriminant.
    assert model.decision_function(X) == pytest.approx(inside, abs=2e-6)
    assert model.loo_decision_function_ == pytest.approx(left_out, abs=2e-6)
    assert model.alpha_ == pytest.approx(sum(one["share"] * one["alpha"][0] for one in model.rules_))
    plain, _ = mean_of(model.rules_, 5)
    assert abs(model.decision_function(X) - plain).max() > 0.1


def mixed(prior, logs):
    """Weights of a mixture by expectation and maximisation, two samples being shared by the prior."""
    weights = prior
    for _ in range(10_000):
        weights = (2 * prior + softmax(np.log(weights) + logs, axis=1).sum(axis=0)) / (2 + len(logs))
    return weights


def losses_of(scores, y):
    """A function of the scale: the log-loss (n,) of labels that are nearly sure; and both columns' scores."""
    n, classes = len(y), len(np.unique(y))
    if scores.shape[1] == 1:
        scores = np.hstack([np.zeros((n, 1)), scores])
    doubt = 0.5 / (n + 1)  # Jeffreys
    sure = np.where(y[:, None] == np.unique(y), 1 - doubt, doubt / (classes - 1))
    return lambda scale: logsumexp(scale * scores, axis=1) - (sure * scale * scores).sum(axis=1), scores


def scale_of(losses):
    """The scale of least loss, the probability that it is positive, and its mean if it is (Laplace)."""
    found = minimize_scalar(
        lambda log: losses(np.exp(log)).sum(), bounds=(-9, 4), method="bounded", options={"xatol": 1e-9}
    )
    best = np.exp(found.x) if found.fun < losses(0.0).sum() else 0.0
    step = 1e-3 * max(best, 1e-2)
    below, here, above = (losses(best + k * step).sum() for k in (-1, 0, 1))
    width = step / np.sqrt(above - 2 * here + below)
    centre = best - (above - below) / (2 * step) * width**2
    law = truncnorm(-centre / width, np.inf, centre, width)
    return best, norm.cdf(centre / width), law.mean()


def slope_of(scores, y):
    """Of probabilities over scores."""
    losses, scores = losses_of(scores, y)
    centred = scores - scores.mean(axis=1, keepdims=True)
    chances = softmax(scale_of(losses)[2] * scores, axis=1)
    return np.polyfit(centred.ravel(), chances.ravel(), 1)[0]


def shares_of(prior, scores, y):
    """Weights in a mixture by the labels, times the slope of the probabilities on the left-out scores."""
    logs, right = [], []
    for one in scores:
        losses, _ = losses_of(one, y)
        best, chance, _ = scale_of(losses)
        logs.append(-losses(best))
        right.append(chance)
    slopes = np.array([slope_of(one, y) for one in scores])
    shares = mixed(np.array(prior), np.transpose(logs)) * right * slopes
    plain = np.exp(np.sum(logs, axis=1)) * prior  # Bayesian averaging
    return shares / shares.sum(), plain / plain.sum()


@pytest.mark.parametrize("classes", [2, 5])
def test_shares_are_those_of_a_mixture_of_probabilities(classes):
    X, y, source, bias = far_and_unequal(classes)
    model = AlphaRidgeClassifierCV(None, "consensus", source, bias, units="raw").fit(X, y)
    alone, trained = alone_and_trained(model)
    rules = model.rules_ if classes == 2 else trained
    assert len(model.rules_) == 6  # all of them
    # One part in K is the source's, of the rest one that of no intercept, and what is left is shared by four.
    part, rest = 1 / classes, 1 - 1 / classes
    none = [RULES[one["rule"]].pseudo is None for one in rules]
    prior = [
        part if one in alone else rest * (part if unmoved else rest / 4)
        for one, unmoved in zip(rules, none, strict=True)
    ]
    scores = [mean_of([{**one, "share": 1.0}], classes)[1] for one in rules]
    expected, plain = shares_of(np.array(prior) / sum(prior), scores, y)
    # A scale of least log-loss is known where the loss is, to 1e-12: its log to the square root, here and
    # there, times scores over their deviation, below 10.  Differences are off by their step, 1e-3, squared.
    shares = [one["share"] for one in rules]
    assert shares == pytest.approx(expected, rel=2e-5)
    assert shares != pytest.approx(plain, rel=0.1)
    if classes == 5:  # beside what is trained, one part in K is the source's
        scores = [
            mean_of([{**alone[0], "share": 1.0}], classes)[1],
            discriminated(trained, classes)[1],
        ]
        expected, _ = shares_of(np.array([0.2, 0.8]), scores, y)
        assert alone[0]["share"] == pytest.approx(expected[0], rel=2e-5)


def test_a_mean_that_is_not_taken_again_would_be_seen():
    # The features centred once, by the mean of all: what refitting without that is, and what is off by .1.
    X, y, source, bias = far_and_unequal()
    model = AlphaRidgeClassifier(0.1, 0.7, source, bias, "shrunk").fit(X, y)
    mean = X.mean(axis=0)
    _, held = refitted(X - mean, y, Rule(), 0.1, 0.7, source, bias + mean @ source)
    assert abs(model.loo_decision_function_ - held[:, 0]).max() > 0.1


@given(seed=SEEDS, log_shift=st.floats(-2, 4), free=st.booleans(), units=st.sampled_from(["raw", "standard"]))
def test_features_may_be_moved_if_the_source_moves_with_them(seed, log_shift, free, units):
    sample, rng = draw("n > p", seed=seed % 1000), np.random.default_rng(seed)
    shift = 10**log_shift * rng.standard_normal(20)
    options: dict[str, Any] = {"fit_intercept": True if free else "shrunk", "units": units}
    one, two = (
        AlphaRidgeClassifierCV(
            coef_source=sample.source, intercept_source=0.2 - moved @ sample.source, **options
        ).fit(sample.X + moved, sample.y)
        for moved in (0 * shift, shift)
    )
    # Features and scores lose as many digits as the shift adds.
    tolerance = 1e-10 * (1 + 10**log_shift)
    assert two.gamma_ == pytest.approx(one.gamma_, rel=1e-6)
    assert two.alpha_ == pytest.approx(one.alpha_, rel=tolerance)
    assert two.decision_function(sample.X + shift) == pytest.approx(
        one.decision_function(sample.X), abs=tolerance
    )
    assert two.loo_decision_function_ == pytest.approx(one.loo_decision_function_, abs=tolerance)


@given(seed=SEEDS, decades=st.floats(0, 8), option=st.sampled_from([True, False, "shrunk", "auto"]))
def test_standard_units_know_no_scale_of_a_feature(seed, decades, option):
    sample, rng = draw("n < p", seed=seed % 1000), np.random.default_rng(seed)
    sizes = 10 ** (decades * rng.uniform(-1, 1, 40))
    one, two = (
        AlphaRidgeClassifierCV(
            coef_source=sample.source / size, intercept_source=0.2, fit_intercept=option, units="standard"
        ).fit(sample.X * size, sample.y)
        for size in (np.ones(40), sizes)
    )
    assert [rule["rule"] for rule in two.rules_] == [rule["rule"] for rule in one.rules_]
    assert two.gamma_ == pytest.approx(one.gamma_, rel=1e-9)
    assert two.alpha_ == pytest.approx(one.alpha_, rel=1e-8)
    assert two.decision_function(sample.X * sizes) == pytest.approx(one.decision_function(sample.X), abs=1e-8)
    assert two.loo_decision_function_ == pytest.approx(one.loo_decision_function_, abs=1e-8)


def test_raw_units_know_them():
    sample, sizes = draw("n < p"), np.logspace(-2, 2, 40)
    one, two = (
        AlphaRidgeClassifierCV(coef_source=sample.source / size, units="raw").fit(sample.X * size, sample.y)
        for size in (np.ones(40), sizes)
    )
    assert abs(two.decision_function(sample.X * sizes) - one.decision_function(sample.X)).max() > 0.1


@pytest.mark.parametrize("kind", [AlphaRidgeClassifier, AlphaLogisticRegression])
def test_standard_units_are_a_scaler_in_front(kind):
    sample = draw("n > p")
    sizes = sample.X.std(axis=0)
    ours = kind(0.3, 0.7, sample.source, sample.bias, "shrunk", units="standard").fit(sample.X, sample.y)
    theirs = kind(0.3, 0.7, sample.source * sizes, sample.bias, "shrunk").fit(sample.X / sizes, sample.y)
    assert ours.coef_ * sizes == pytest.approx(theirs.coef_, rel=1e-8)
    assert ours.intercept_ == pytest.approx(theirs.intercept_, abs=1e-8)


def test_given_ridges_have_the_units_of_the_features():
    sample = draw("n < p")
    own = AlphaRidgeClassifierCV(coef_source=sample.source).fit(sample.X, sample.y)
    given = AlphaRidgeClassifierCV([0.1, 1.0, 10.0], coef_source=sample.source).fit(sample.X, sample.y)
    assert any("standard" in one["rule"] for one in own.rules_)
    assert not any("standard" in one["rule"] for one in given.rules_)
    both = AlphaRidgeClassifierCV(
        [0.1, 1.0, 10.0], coef_source=sample.source, units="standard"
    ).fit(sample.X, sample.y)  # fmt: skip
    assert not any("raw" in one["rule"] for one in both.rules_)


def test_the_path_has_the_scores_of_the_estimator():
    sample = draw("n < p")
    path = alpha_path(
        sample.X, sample.y, sample.source, 0.4, intercept_source=sample.bias, fit_intercept="shrunk"
    )
    model = AlphaRidgeClassifier(0.4, 0.9, sample.source, sample.bias, "shrunk").fit(sample.X, sample.y)
    right = (model.loo_decision_function_ > 0) == (sample.y > 0)
    assert path.loo_accuracy(0.9) == right.mean()
    with pytest.raises(ValueError, match="fit_intercept must be True, False, 'shrunk' or 'auto', got 'free'"):
        alpha_path(sample.X, sample.y, sample.source, 0.4, fit_intercept="free")  # type: ignore[arg-type]


def test_logistic_regression_with_a_shrunk_average():
    # Centred features and one more, constant, whose weight has the ridge k0/n instead of gamma.
    sample, gamma = draw("n > p"), 0.3
    n = len(sample.y)
    X = sample.X - sample.X.mean(axis=0)
    features = np.column_stack([X, np.full(n, np.sqrt(gamma * n / PSEUDO))])
    ours = AlphaLogisticRegression(gamma, 0.0, sample.source, sample.bias, "shrunk").fit(sample.X, sample.y)
    theirs = LogisticRegression(C=1 / (gamma * n), fit_intercept=False, tol=1e-10, max_iter=10_000)
    expected = theirs.fit(features, sample.y).decision_function(features)
    assert ours.decision_function(sample.X) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_another_word_is_refused(kind):
    sample = draw("n > p")
    messages = {
        "fit_intercept": "fit_intercept must be True, False, 'shrunk' or 'auto', got 'no'",
        "units": "units must be one of 'raw', 'standard', 'auto', got 'no'",
    }
    for name in messages.keys() & kind().get_params().keys():
        with pytest.raises(ValueError, match=messages[name]):
            kind(coef_source=sample.source, **{name: "no"}).fit(sample.X, sample.y)


@pytest.mark.parametrize("criterion", ["loo_snr", "loo_accuracy", "loo_mse"])
def test_an_infinite_ridge_without_intercept_trains_nothing(criterion):
    # What rounding leaves of "nothing" is a copy of the labels, which leave-one-out must not see.
    sample = draw("n < p")
    noise = np.random.default_rng(3).permutation(sample.y)  # the source is no help at all
    model = AlphaRidgeClassifierCV([np.inf], criterion, sample.source, sample.bias, False).fit(
        sample.X, noise
    )
    scores = sample.X @ sample.source + sample.bias
    size = model.coef_[0] @ sample.source / (sample.source @ sample.source)
    assert abs(size) > 1e-6
    assert model.loo_decision_function_ == pytest.approx(size * scores, rel=1e-12)


@pytest.mark.parametrize("criterion", ["loo_snr", "loo_accuracy", "loo_mse"])
def test_an_infinite_ridge_trains_the_average_of_a_shrunk_correction(criterion):
    sample = draw("n < p")
    model = AlphaRidgeClassifierCV([np.inf], criterion, sample.source, sample.bias, "shrunk")
    model.fit(sample.X, sample.y)
    scores, n = sample.X @ sample.source + sample.bias, len(sample.y)
    size = model.coef_[0] @ sample.source / (sample.source @ sample.source)
    # b = sum r / (n + k0), r the residuals of the others.
    direction = 0.0 if np.isinf(model.alpha_) else 1.0
    residuals = direction * sample.y - size * scores
    others = (residuals.sum() - residuals) / (n - 1 + PSEUDO)
    assert model.loo_decision_function_ == pytest.approx(size * scores + others, abs=1e-12)
    assert model.intercept_ == pytest.approx(size * sample.bias + residuals.sum() / (n + PSEUDO))


# Samples that were centred by themselves: each row is minus the sum of the others.

GAMMAS = np.logspace(-4, 3, 8)


def half_right(seed, n=40, p=200, balanced=True):
    """Samples of two classes, a source that is half right, and fresh samples."""
    rng = np.random.default_rng(seed)
    mean = 0.12 * rng.standard_normal(p)
    source = mean + 0.12 * rng.standard_normal(p)

    def samples(labels):
        return labels[:, None] * mean + rng.standard_normal((len(labels), p)), labels

    own = np.where(np.arange(n) < (n // 2 if balanced else n // 3), 1, -1)
    return samples(own), source, samples(np.repeat([1, -1], 500))


def origin_kept(value, units, samples, averaged):
    """The rules if samples that were centred by themselves were taken to have an origin."""
    return [Rule()] if value is False else rules_of(value, units, samples, averaged)


def test_the_trap(monkeypatch):
    """A tiny ridge and no intercept: every left-out sample would be predicted from the sum of the others."""
    (X, y), *_ = half_right(0)
    X = X - X.mean(axis=0)
    labels = np.random.default_rng(1).permutation(y)  # there is nothing to be learnt
    model = AlphaRidgeClassifier(gamma=1e-9, alpha=0.0, fit_intercept=False).fit(X, labels)
    assert np.mean((model.loo_decision_function_ > 0) == (labels > 0)) < 0.8
    monkeypatch.setattr(base, "rules_of", origin_kept)
    trapped = AlphaRidgeClassifier(gamma=1e-9, alpha=0.0, fit_intercept=False).fit(X, labels)
    np.testing.assert_allclose(trapped.loo_decision_function_, labels, atol=1e-4)
    np.testing.assert_allclose(trapped.coef_, model.coef_, rtol=1e-6, atol=1e-9)  # the same fit


@pytest.mark.parametrize("balanced", [True, False])
@pytest.mark.parametrize("criterion", CRITERIA)
def test_the_choice_is_that_of_features_that_are_centred_again(criterion, balanced, monkeypatch):
    """Of features anywhere, a rule that centres them, with the source's threshold at the mean of all."""
    (X, y), source, (X_test, _) = half_right(2, balanced=balanced)
    X, mean = X - X.mean(axis=0), 3 + X.mean(axis=0)
    own = AlphaRidgeClassifierCV(GAMMAS, criterion, source, 0.0, False).fit(X, y)
    monkeypatch.setattr(base, "rules_of", lambda *_: [Rule(np.inf)])
    moved = AlphaRidgeClassifierCV(GAMMAS, criterion, source, -mean @ source, False).fit(X + mean, y)
    assert own.gamma_ == moved.gamma_
    assert own.alpha_ == pytest.approx(moved.alpha_, rel=1e-9)
    one, two = (model.cv_results_["mean_test_score"] for model in (own, moved))
    np.testing.assert_allclose(one, two, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(own.loo_decision_function_, moved.loo_decision_function_, atol=1e-9)
    np.testing.assert_allclose(
        own.decision_function(X_test), moved.decision_function(X_test + mean), atol=1e-9
    )


def optimism(scaled, **settings):
    """Accuracy on left-out samples minus that on fresh ones, for each of several data sets.

    It is above 0 for any rule, because ridge and alpha are chosen to make the former large.
    """
    found = []
    for seed in range(8):
        (X, y), source, (X_test, y_test) = half_right(seed)
        chosen = AlphaRidgeClassifierCV(coef_source=source, units="raw", **settings)
        model = make_pipeline(StandardScaler(), chosen) if scaled else chosen
        fresh = model.fit(X, y).score(X_test, y_test)
        found.append(np.mean((chosen.loo_decision_function_ > 0) == (y > 0)) - fresh)
    return np.array(found)


@pytest.mark.parametrize("option", [False, pytest.param("auto", marks=pytest.mark.slow)])
@pytest.mark.parametrize("criterion", ["consensus", "loo_accuracy", "loo_mse"])
def test_with_a_scaler_in_front_left_out_samples_tell_as_much_of_the_truth(criterion, option, monkeypatch):
    settings = {"criterion": criterion, "fit_intercept": option}
    plain = optimism(False, **settings)
    more = optimism(True, **settings) - plain
    # One of 40 left-out samples, in one data set, is what a difference cannot be known better than.
    assert more.mean() < 3 * more.std(ddof=1) / np.sqrt(8) + 1 / (8 * 40)
    if option is False:
        monkeypatch.setattr(base, "rules_of", origin_kept)
        more = optimism(True, **settings) - plain
        assert more.mean() > 5 * more.std(ddof=1) / np.sqrt(8)  # the trap, seen with the rule switched off


def test_regression_too():
    rng = np.random.default_rng(5)
    X, source = rng.standard_normal((20, 60)), rng.standard_normal(60)
    X -= X.mean(axis=0)
    y = X @ source + rng.standard_normal(20)
    y -= y.mean()
    model, free = (AlphaRidge(1e-3, 0.6, source, fit_intercept=option).fit(X, y) for option in (False, True))
    np.testing.assert_allclose(model.coef_, free.coef_, rtol=1e-9)
    # Without i the average residual is -r_i/(n - 1), which the free intercept adds: here it is kept at 0.
    residuals = y - 0.6 * X @ source
    np.testing.assert_allclose(model.loo_prediction_ - free.loo_prediction_, residuals / 19, atol=1e-9)
    held = Rule(np.inf), 20 * 1e-3, np.ones(60)
    expected = left_out_of_rule(X, residuals[:, None], np.ones(20), np.ones(20), *held)[:, 0]
    np.testing.assert_allclose(model.loo_prediction_ - 0.6 * X @ source, expected, atol=1e-9)


@pytest.mark.parametrize(
    ("share", "n", "strength", "worse"),
    [(0.5, 10, 1.0, True), (0.8, 100, 0.7, False)],
    ids=["few samples: a free intercept costs", "classes of unequal size that overlap: none costs"],
)
def test_a_shrunk_average_is_ahead_where_the_others_fail(share, n, strength, worse):
    """Gaussian classes, a source at an angle with the right threshold of equal classes."""
    p, gains = 60, []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        mean = strength * rng.standard_normal(p) / np.sqrt(p)
        source = mean + 0.6 * strength * rng.standard_normal(p) / np.sqrt(p)

        def draw_rows(m, rng=rng, mean=mean):
            y = np.where(rng.random(m) < share, 1, -1)  # equal classes are unequal by chance in few samples
            y[:2] = 1, -1
            return y[:, None] * mean + rng.standard_normal((m, p)), y

        (X, y), fresh = draw_rows(n), draw_rows(2000)
        good, other = (
            AlphaRidgeClassifier(1.0, coef_source=source, fit_intercept=option).fit(X, y).score(*fresh)
            for option in ("shrunk", worse)
        )
        gains.append(good - other)
    assert np.mean(gains) > 3 * np.std(gains, ddof=1) / np.sqrt(len(gains))


def several_classes(seed, n=30, p=12, classes=4):
    """Samples, and a source like a softmax: only differences of its rows mean anything."""
    rng = np.random.default_rng(seed)
    means = rng.standard_normal((classes, p))
    y = np.concatenate([np.arange(classes), rng.integers(0, classes, n - classes)])
    return means[y] + rng.standard_normal((n, p)), y, means + 0.3 * rng.standard_normal((classes, p))


@given(st.integers(0, 2**32 - 1), st.sampled_from(["consensus", *REGRESSION_CRITERIA]), st.floats(-1, 2))
def test_what_all_rows_of_a_source_share_does_not_matter(seed, criterion, decades):
    X, y, source = several_classes(seed)
    common, test = 10**decades * np.random.default_rng(seed).standard_normal(12), 3 * X[::-1] + 1
    one, two = (
        AlphaRidgeClassifierCV([0.1, 1.0, 10.0], criterion, weights).fit(X, y)
        for weights in (source, source + common)
    )
    assert two.alpha_ == pytest.approx(one.alpha_, rel=1e-6, abs=1e-9)
    assert [rule["share"] for rule in two.rules_] == pytest.approx([r["share"] for r in one.rules_], abs=1e-6)
    scores = (model.decision_function(test) for model in (one, two))
    centred = [each - each.mean(axis=1, keepdims=True) for each in scores]
    assert centred[1] == pytest.approx(centred[0], rel=1e-6, abs=1e-6 * 10**decades)


def test_it_would_if_scores_themselves_were_judged(monkeypatch):
    X, y, source = several_classes(0)
    common = 10 * np.random.default_rng(0).standard_normal(12)
    monkeypatch.setattr(AlphaRidgeClassifierCV, "_judged", lambda _, path: path)
    one, two = (
        AlphaRidgeClassifierCV(coef_source=weights).fit(X, y) for weights in (source, source + common)
    )
    assert two.alpha_ != pytest.approx(one.alpha_, rel=0.3)
