"""The average of `AlphaRidgeCV`: alpha = 1 is a rule of it, and the level of the source may be wrong."""

from __future__ import annotations

from unittest.mock import patch

import numpy as np
import pytest
from scipy import stats
from scipy.special import logsumexp

from rmt_alpha import AlphaRidge, AlphaRidgeCV
from rmt_alpha.from_data.criteria import consensus
from rmt_alpha.from_data.decomposition.rules import AVERAGED_REGRESSION, Rule

P = 9


def draw(seed, n, *, size=1.0, level=0.0, noise=2.0):
    """Targets of n samples and of 500 more, and a source that predicts them but for its size and level."""
    rng = np.random.default_rng(seed)
    truth = rng.standard_normal(P)
    X = rng.standard_normal((n + 500, P))
    y = X @ truth + level + noise * rng.standard_normal(n + 500)
    known = AlphaRidge(np.inf, 1.0, size * (truth + 0.3 * rng.standard_normal(P)), fit_intercept=False)
    return X[:n], y[:n], known.fit(X[:n], y[:n]), X[n:], y[n:]


def share(model, part):
    return sum(rule["share"] for rule in model.rules_ if part in rule["rule"])


def errors(seeds, candidates, **options):
    """Mean squared errors (seeds, candidates) on samples that did not train."""
    found = []
    for seed in seeds:
        X, y, known, X_test, y_test = draw(seed, **options)
        models = [kind(coef_source=known).fit(X, y) for kind in candidates]
        found.append([np.mean((y_test - model.predict(X_test)) ** 2) for model in models])
    return np.array(found)


class Chosen(AlphaRidgeCV):
    """Without the rules in which alpha is held."""

    def _rules(self, samples):
        return [rule for rule in AVERAGED_REGRESSION if rule.alpha is None]


def ahead(found):
    """By how many standard errors the first is better than the second, in logarithms of the error."""
    gain = np.log(found[:, 1]) - np.log(found[:, 0])
    return gain.mean() / (gain.std(ddof=1) / np.sqrt(len(gain)))


def test_a_source_in_the_units_of_the_targets_is_taken_at_its_word_where_samples_are_few():
    assert ahead(errors(range(24), [AlphaRidgeCV, Chosen], n=8)) > 3
    # ... and costs next to nothing where alpha is another: the evidence finds out.
    wrong = errors(range(10), [AlphaRidgeCV, Chosen], n=20, size=8.0)
    assert np.log(wrong[:, 0] / wrong[:, 1]).mean() < 0.01


def test_the_evidence_tells_whether_alpha_is_one():
    X, y, known, *_ = draw(0, 30, noise=0.5)
    right = AlphaRidgeCV(coef_source=known).fit(X, y)
    assert share(right, "alpha = 1") > 0.3
    X, y, known, *_ = draw(0, 30, size=50.0, noise=0.5)
    assert share(AlphaRidgeCV(coef_source=known).fit(X, y), "alpha = 1") < 0.01


class LevelKept(AlphaRidgeCV):
    """Without the rules under which the source alone has its level trained."""

    def _rules(self, samples):
        return [rule for rule in AVERAGED_REGRESSION if rule.trained or rule.pseudo == np.inf]


def test_the_source_alone_may_have_the_wrong_level():
    assert ahead(errors(range(20), [AlphaRidgeCV, LevelKept], n=10, level=4.0)) > 3


@pytest.mark.parametrize("options", [{"alpha": 0.5}, {"alpha": 1.0}])
def test_alpha_that_is_given_is_that_of_every_rule(options):
    X, y, known, *_ = draw(2, 12)
    model = AlphaRidgeCV(coef_source=known, **options).fit(X, y)
    assert model.alpha_ == options["alpha"]
    assert model.alpha_stderr_ == 0
    assert not any("alpha = 1" in rule["rule"] for rule in model.rules_)


def test_of_several_sources_none_is_held():
    X, y, known, *_ = draw(3, 12)
    model = AlphaRidgeCV(coef_source=np.stack([known.coef_, known.coef_[::-1]])).fit(X, y)
    assert np.shape(model.alpha_) == (2,)
    assert not any("alpha = 1" in rule["rule"] for rule in model.rules_)


class Listed(AlphaRidgeCV):
    """That tells what it averages."""

    def _report(self, blend, single):
        super()._report(blend, single)
        self.members = [
            (one.rule, one.share, one.selection.best.gamma, float(one.selection.alpha[0]))
            for one in blend.members
        ]


def test_left_out_predictions_are_those_of_refitting_every_rule():
    X, y, known, *_ = draw(4, 11)
    model = Listed(coef_source=known).fit(X, y)
    n, found = len(y), np.zeros(len(y))
    for rule, part, gamma, alpha in model.members:
        assert rule.pseudo is not None  # none of the average goes without an intercept
        for i in range(n):
            kept = np.arange(n) != i
            units = X[kept].std(axis=0) if rule.standard else np.ones(P)
            Z, s = X[kept] / units, known.coef_
            r = y[kept] - alpha * X[kept] @ s
            mean, level = Z.mean(axis=0), r.mean() / (1 + rule.pseudo / (n - 1))
            move = np.zeros(P)
            if np.isfinite(gamma):
                centred = Z - mean
                penalty = n * gamma * np.eye(P)
                move = np.linalg.solve(centred.T @ centred + penalty, centred.T @ (r - r.mean()))
            new = X[i] / units
            found[i] += part * (alpha * X[i] @ s + (new - mean) @ move + level)
    assert model.loo_prediction_ == pytest.approx(found, abs=1e-9)


def test_rules_are_listed_with_what_they_average():
    X, y, known, *_ = draw(4, 11)
    model = Listed(coef_source=known).fit(X, y)
    assert len({rule for rule, *_ in model.members}) == len(model.rules_) < len(model.members)
    shares = [one["share"] for one in model.rules_]
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) == pytest.approx(1)
    for one in model.rules_:
        parts = [part for part in model.members if str(part[0]) == one["rule"]]
        _, weights, gammas, alphas = map(np.array, zip(*parts, strict=True))
        assert one["share"] == pytest.approx(weights.sum())
        assert one["gamma"] == gammas[weights.argmax()]
        assert one["alpha"][0] == pytest.approx(np.average(alphas, weights=weights))


def test_the_mean_of_the_ridge_does_not_fall_for_a_fit_without_residuals():
    """As many samples as weights and a level: no ridge leaves no residuals, which evidence can like."""
    bottom = {"consensus": 0, "evidence": 0}
    for seed in range(80):
        X, y, known, *_ = draw(seed, P + 1)
        for criterion in bottom:
            model = AlphaRidgeCV(
                criterion=criterion, coef_source=known, fit_intercept="shrunk", units="raw"
            ).fit(X, y)
            bottom[criterion] += model.best_index_ == 0
    assert bottom["evidence"] > 0
    assert bottom["consensus"] < bottom["evidence"]


def log_evidence(y, scores, X, gamma, pseudo, noise, alpha=None):
    """Of labels minus alpha times scores, from dense Gaussian densities; sigma^2 and alpha at their best."""
    n = len(y)
    centred = X - X.mean(axis=0)
    shape = np.eye(n) + centred @ centred.T / (n * gamma) + np.ones((n, n)) / pseudo
    inverse = np.linalg.inv(shape)
    if alpha is None:
        alpha = scores @ inverse @ y / (scores @ inverse @ scores)
    # One sample more: independent, and of variance sigma^2.
    missed = np.append(y - alpha * scores, np.sqrt(noise))
    whole = np.block([[shape, np.zeros((n, 1))], [np.zeros((1, n)), np.ones((1, 1))]])
    sigma2 = missed @ np.linalg.solve(whole, missed) / (n + 1)
    return stats.multivariate_normal(np.zeros(n + 1), sigma2 * whole).logpdf(missed)


def left_by_the_source(y, scores):
    level = np.column_stack([np.ones(len(y)), scores])
    return np.mean((y - level @ np.linalg.lstsq(level, y)[0]) ** 2)


def log_prior(X, gamma):
    """Half-Cauchy of 1/sqrt(ridge), scale 1/2."""
    kept = 1 / (1 + np.linalg.eigvalsh(np.cov(X.T, bias=True)) / gamma)
    ridge = len(X) / P * kept.sum() / (1 - kept).sum()
    return np.log(ridge) / 2 - np.log1p(ridge / 4)


def test_the_score_is_the_evidence_with_one_sample_of_what_the_source_leaves():
    X, y, known, *_ = draw(5, 20)
    model = AlphaRidgeCV(coef_source=known, fit_intercept="shrunk", units="raw").fit(X, y)
    gammas, found = (np.array(model.cv_results_[key]) for key in ("param_gamma", "mean_test_score"))
    finite = np.flatnonzero(np.isfinite(gammas))[::6]
    s = X @ known.coef_
    noise = left_by_the_source(y, s)

    def expected(gamma, noise):
        return log_prior(X, gamma) + log_evidence(y, s, X, gamma, 10, noise)

    differences = np.diff(found[finite])
    assert differences == pytest.approx(np.diff([expected(gammas[i], noise) for i in finite]), abs=1e-8)
    without = np.diff([expected(gammas[i], 1e-12) for i in finite])
    assert abs(differences - without).max() > 0.1


class TwoRules(AlphaRidgeCV):
    """In raw units."""

    def _rules(self, samples):
        return [Rule(pseudo=k0) for k0 in (1.0, 100.0)]


def test_rules_are_weighed_by_the_root_of_that_evidence():
    X, y, known, *_ = draw(5, 12, level=1.0)
    held = {"coef_source": known, "alpha": 1.0}
    shares = {one["rule"]: one["share"] for one in TwoRules(**held).fit(X, y).rules_}
    grid = AlphaRidgeCV(fit_intercept="shrunk", units="raw", **held).fit(X, y).cv_results_["param_gamma"]
    gammas, s = [gamma for gamma in grid if np.isfinite(gamma)], X @ known.coef_

    def ratio(noise):
        each = [
            logsumexp([log_prior(X, g) + log_evidence(y, s, X, g, k0, noise, 1.0) for g in gammas])
            for k0 in (1, 100)
        ]
        return np.exp((each[1] - each[0]) / 2)

    found = shares[str(Rule(pseudo=100.0))] / shares[str(Rule(pseudo=1.0))]
    assert found == pytest.approx(ratio(left_by_the_source(y, s)), rel=1e-8)
    assert found != pytest.approx(ratio(1e-12), rel=1e-4)


class OneListed(Listed):
    """Under one rule, which is averaged over ridges as one of several is."""

    def _rules(self, samples):
        return [Rule(pseudo=10.0), Rule(pseudo=10.0)]


def test_ridges_have_posterior_probabilities():
    X, y, known, *_ = draw(5, 12, noise=4.0)
    members = OneListed(coef_source=known, alpha=1.0).fit(X, y).members
    parts = {gamma: share for _, share, gamma, _ in members}
    gammas, found = np.array(list(parts)), np.log(list(parts.values()))
    assert len(gammas) > 5
    s = X @ known.coef_
    noise = left_by_the_source(y, s)
    expected = np.array([log_prior(X, g) + log_evidence(y, s, X, g, 10, noise, 1.0) for g in gammas])
    assert found - found[0] == pytest.approx(expected - expected[0], abs=1e-8)
    assert abs(found - found[0] - (expected - expected[0]) / 2).max() > 0.1  # not by their roots, as rules


class AtOneRidge(AlphaRidgeCV):
    """At the mean of log gamma, not averaged over ridges."""

    def fit(self, X, y, sample_weight=None):
        with patch.object(consensus.RegressionConsensus, "probabilities", lambda self, choices: None):
            return super().fit(X, y, sample_weight)


def test_the_mean_over_ridges_predicts_better_than_the_mean_ridge():
    assert ahead(errors(range(60), [AlphaRidgeCV, AtOneRidge], n=15, noise=1.0)) > 3


class OneRule(AlphaRidgeCV):
    """Under one rule."""

    def __init__(self, coef_source=None):
        super().__init__(coef_source=coef_source, fit_intercept="shrunk", units="raw")


class Unguarded(OneRule):
    """Without that sample."""

    def fit(self, X, y, sample_weight=None):
        with patch.object(consensus, "source_noise", return_value=0.0):
            return super().fit(X, y, sample_weight)


def test_luck_without_residuals_is_not_believed():
    """Hardly more samples than weights, of targets that the source explains but for noise."""
    assert ahead(errors(range(200), [OneRule, Unguarded], n=P + 1, noise=12.0)) > 3


def test_the_prior_of_the_ridge_has_its_peak_within_the_grid():
    X, y, known, *_ = draw(5, 20)
    scores = Unguarded(known).fit(X, y).cv_results_
    evidence = (
        AlphaRidgeCV(None, "evidence", known, fit_intercept="shrunk", units="raw").fit(X, y).cv_results_
    )
    finite = np.isfinite(scores["param_gamma"])
    prior = (scores["mean_test_score"] - evidence["mean_test_score"])[finite]
    # Half-Cauchy in 1/sqrt of the ridge's natural unit: rises with its root, falls with it.
    assert prior.argmax() not in (0, prior.size - 1)
    assert np.diff(np.sign(np.diff(prior))).tolist().count(-2) == 1
