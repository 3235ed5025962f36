"""The default criterion: its weights from dense formulas, and what it does where the data are silent."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats
from small_samples import draw, refit

from rmt_alpha import AlphaRidgeClassifier, AlphaRidgeClassifierCV

GAMMAS = np.logspace(-2, 2, 7)
SIZES = np.logspace(-3, 4, 71)


def dense_choice(X, y, source, *, intercept):
    """The choice from its definition: Gaussian densities, refitting without each sample, plain sums."""
    n, s = len(y), X @ source
    centred = X - X.mean(axis=0) if intercept else X
    basis = np.linalg.svd(np.ones((n, 1)))[0][:, 1:] if intercept else np.eye(n)
    labels, scores, rows = basis.T @ y, basis.T @ s, basis.T @ X
    # The ridge in its natural unit: n/rank times the degrees of freedom it keeps, over those it trains.
    eigenvalues = np.linalg.eigvalsh(centred @ centred.T / n)
    eigenvalues = eigenvalues[eigenvalues > 1e-10 * eigenvalues.max()]
    kept = 1 / (1 + eigenvalues / GAMMAS[:, None])
    ridges = n / len(eigenvalues) * kept.sum(axis=1) / (1 - kept).sum(axis=1)
    correlation = abs(labels @ scores) / np.linalg.norm(labels) / np.linalg.norm(scores)
    alpha_unit = max(correlation, n**-0.5) * np.linalg.norm(labels) / np.linalg.norm(scores)
    shapes = [np.eye(len(labels)) + rows @ rows.T / (n * gamma) for gamma in GAMMAS]

    left_out = np.empty((len(GAMMAS), n, 2))
    for i, j, alpha in np.ndindex(left_out.shape):
        rest = np.delete(np.arange(n), j)
        left_out[i, j, alpha] = refit(
            X[rest], y[rest], s[rest], X[[j]], s[[j]], n * GAMMAS[i], alpha, intercept
        )[0]

    def weights_of(sign):
        posterior, prior, likelihood = (np.empty((len(GAMMAS), len(SIZES))) for _ in range(3))
        for i, lines in enumerate(left_out):
            for m, size in enumerate(SIZES):
                alpha = sign * alpha_unit * size / ridges[i]
                evidence = log_density(labels - alpha * scores, shapes[i])
                # Change of variables from the half-Cauchy t = ridge^(-1/2) and from Cauchy alpha.
                t, a = ridges[i] ** -0.5, abs(alpha) / alpha_unit
                density = stats.halfcauchy.logpdf(t, scale=0.5) + np.log(t)
                density += stats.cauchy.logpdf(a, scale=0.5) + np.log(a)
                margins = y * (lines[:, 0] + alpha * (lines[:, 1] - lines[:, 0]))
                ratio = max(margins.mean(), 0) / margins.std()
                posterior[i, m] = evidence + density
                prior[i, m], likelihood[i, m] = density, n / 2 * np.log(1 + ratio**2)
        kappa = np.log(np.exp(posterior - posterior.max()).sum(axis=0))
        table = prior + kappa / 2 + likelihood / 2
        weights = np.exp(table - table.max())
        return posterior, weights / weights.sum()

    # One source of twenty-one is expected to be upside down.
    (right, upright), (wrong, turned) = weights_of(1), weights_of(-1)
    shift = max(right.max(), wrong.max())
    sign = 1 if 20 * np.exp(right - shift).sum() >= np.exp(wrong - shift).sum() else -1
    weights = upright if sign > 0 else turned
    nearest = np.abs(np.log(GAMMAS) - weights.sum(axis=1) @ np.log(GAMMAS)).argmin()
    size = np.exp(weights.sum(axis=0) @ np.log(SIZES))
    return GAMMAS[nearest], sign * alpha_unit * size / ridges[nearest]


def log_density(missed, shape):
    """Of a Gaussian of this shape at its best scale."""
    sigma2 = missed @ np.linalg.solve(shape, missed) / len(missed)
    return stats.multivariate_normal(np.zeros(len(missed)), sigma2 * shape).logpdf(missed)


@pytest.mark.parametrize(
    ("shape", "intercept", "sign"), [("n < p", True, -1), ("n > p", False, 1), ("n >> p", True, -1)]
)
def test_the_choice_follows_its_definition(shape, intercept, sign):
    sample = draw(shape)
    source = sign * sample.source
    gamma, alpha = dense_choice(sample.X, sample.y, source, intercept=intercept)
    model = AlphaRidgeClassifierCV(GAMMAS, "consensus", source, 0.0, intercept).fit(sample.X, sample.y)
    assert model.gamma_ == gamma
    assert model.alpha_ == pytest.approx(alpha, rel=1e-9)


def test_it_is_the_default():
    sample = draw("n < p")
    both: list[dict[str, Any]] = [{}, {"criterion": "consensus"}]
    default, named = (
        AlphaRidgeClassifierCV(coef_source=sample.source, **options).fit(sample.X, sample.y)
        for options in both
    )
    assert default.alpha_ == named.alpha_
    assert default.gamma_ == named.gamma_


def test_silent_data_stay_close_to_the_source():
    # Labels that follow the source, features that say nothing more: the classifier is the source's.
    rng = np.random.default_rng(0)
    X = rng.standard_normal((30, 300))
    source = np.zeros(300)
    source[0] = 1.0
    y = np.sign(X[:, 0])
    model = AlphaRidgeClassifierCV(coef_source=source, fit_intercept=False).fit(X, y)
    weights = model.coef_[0]
    assert weights[0] / np.linalg.norm(weights) > 0.95
    fixed = AlphaRidgeClassifier(1e-3 * model.gamma_, 1.0, source, fit_intercept=False).fit(X, y).coef_[0]
    assert weights[0] / np.linalg.norm(weights) > fixed[0] / np.linalg.norm(fixed)


def test_a_source_that_is_upside_down_gets_a_negative_alpha():
    sample = draw("n >> p")
    model = AlphaRidgeClassifierCV(coef_source=-sample.source).fit(sample.X, sample.y)
    assert model.alpha_ < 0


def test_few_unlucky_labels_do_not_turn_the_source():
    # A weak source that is right: in 12 samples its labels may well look wrong more often than right, but
    # hardly ever with odds of 20 to 1.
    turned = {"consensus": 0, "evidence": 0}
    for seed in range(60):
        rng = np.random.default_rng(seed)
        source, y = rng.standard_normal(50) / 25, np.where(np.arange(12) % 2, 1, -1)
        X = y[:, None] * source + rng.standard_normal((12, 50))
        for criterion in turned:
            model = AlphaRidgeClassifierCV(criterion=criterion, coef_source=source, fit_intercept=False)
            turned[criterion] += bool(model.fit(X, y).alpha_ < 0)
    assert turned["consensus"] == 0
    assert turned["evidence"] >= 3


@pytest.mark.parametrize("options", [{"alpha": 0.7}, {"alpha": np.inf}, {"gammas": [np.inf, np.inf]}])
def test_held_values(options):
    sample = draw("n < p")
    model = AlphaRidgeClassifierCV(coef_source=sample.source, **options).fit(sample.X, sample.y)
    assert model.alpha_ == options.get("alpha", model.alpha_)
    assert np.isfinite(model.coef_).all()


def test_several_sources_lie_along_the_evidence():
    sample = draw("n > p")
    sources = np.stack([sample.source, np.random.default_rng(3).standard_normal(sample.source.size)])
    # Under one rule: each has its own evidence.
    ours, evidence = (
        AlphaRidgeClassifierCV(GAMMAS, criterion, sources, 0.0, "shrunk").fit(sample.X, sample.y)
        for criterion in ("consensus", "evidence")
    )
    one, other = np.asarray(ours.alpha_), np.asarray(evidence.alpha_)
    assert one / one[0] == pytest.approx(other / other[0])
    combined = AlphaRidgeClassifierCV(GAMMAS, "consensus", evidence.alpha_ @ sources, 0.0, "shrunk")
    combined.fit(sample.X, sample.y)
    assert ours.coef_ == pytest.approx(combined.coef_)
    assert np.all(ours.alpha_stderr_ > 0)
