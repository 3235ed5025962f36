"""Logistic fine-tuning against scikit-learn, plain optimisation and brute-force refitting."""

from __future__ import annotations

import pickle
import tracemalloc
from typing import Any

import numpy as np
import pytest
from scipy import optimize, special
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from small_samples import SHAPES, draw

from rmt_alpha import AlphaLogisticRegression, AlphaLogisticRegressionCV
from rmt_alpha.from_data.criteria import CONVEX_CRITERIA
from rmt_alpha.from_data.decomposition.rules import InterceptRule

every_shape = pytest.mark.parametrize("shape", SHAPES)
intercepts = pytest.mark.parametrize("intercept", [True, False])
every_criterion = pytest.mark.parametrize("criterion", CONVEX_CRITERIA)
GAMMAS = np.logspace(-2, 1, 5)


def three_classes(shape, seed=0):
    """Labels 0, 1, 2 that depend on the features, and a source of shape (3, p)."""
    sample = draw(shape)
    rng = np.random.default_rng(seed)
    truth = rng.standard_normal((3, sample.X.shape[1]))
    y = (sample.X @ truth.T + rng.gumbel(size=(len(sample.y), 3))).argmax(axis=1)
    y[:3] = [0, 1, 2]
    return sample.X, y, truth + 0.5 * rng.standard_normal(truth.shape)


def reference(X, y, gamma, intercept, weights=None):
    """scikit-learn's logistic regression at the same penalty: C = 1 / (n gamma)."""
    n = len(y) if weights is None else weights.sum()
    model = LogisticRegression(
        C=1 / (n * gamma), fit_intercept=intercept, solver="newton-cholesky", tol=1e-12, max_iter=1000
    )
    return model.fit(X, y, weights)


@every_shape
@intercepts
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("classes", [2, 3])
def test_alpha_zero_is_logistic_regression(shape, intercept, weighted, classes):
    sample = draw(shape)
    X, y, source = three_classes(shape) if classes == 3 else (sample.X, sample.y, sample.source)
    weights = sample.weights if weighted else None
    for gamma in (0.02, 1.0):
        ours = AlphaLogisticRegression(gamma, 0.0, source, 0.1, intercept).fit(X, y, weights)
        theirs = reference(X, y, gamma, intercept, weights)
        assert ours.coef_ == pytest.approx(theirs.coef_, abs=1e-6)
        assert ours.intercept_ == pytest.approx(theirs.intercept_, abs=1e-6)
        assert ours.predict_proba(X) == pytest.approx(theirs.predict_proba(X), abs=1e-6)
        assert np.array_equal(ours.predict(X), theirs.predict(X))


def offset_fit(X, y, alpha, source, gamma, intercept, weights):
    """Weights and intercepts by a general optimiser, from the objective as it is written in the docs."""
    classes = 1 if source.shape[0] == 1 else source.shape[0]
    p, own = X.shape[1], np.eye(max(classes, 2))[y]

    def objective(flat):
        w, b = flat[: classes * p].reshape(classes, p), flat[classes * p :]
        z = X @ w.T + (b if intercept else 0.0)
        if classes == 1:
            z = np.hstack([0 * z, z])
        loss = weights @ (special.logsumexp(z, axis=1) - (own * z).sum(axis=1)) / weights.sum()
        pull = (special.softmax(z, axis=1) - own) * weights[:, None] / weights.sum()
        pull = pull[:, 1:] if classes == 1 else pull
        slope = pull.T @ X + gamma * (w - alpha * source)
        value = loss + gamma / 2 * np.square(w - alpha * source).sum()
        return value, np.concatenate([slope.ravel(), pull.sum(axis=0) * intercept])

    start = np.zeros(classes * (p + 1))
    found = optimize.minimize(
        objective, start, jac=True, method="BFGS", options={"gtol": 1e-9, "maxiter": 5000}
    )
    return found.x[: classes * p].reshape(classes, p), found.x[classes * p :]


@intercepts
@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("shape", ["n < p", "n > p"])
def test_any_alpha_is_the_penalty_around_it(shape, intercept, classes):
    sample = draw(shape)
    X, y, source = (
        three_classes(shape) if classes == 3 else (sample.X, (sample.y > 0).astype(int), sample.source[None])
    )
    for alpha in (1.7, -0.4):
        ours = AlphaLogisticRegression(0.2, alpha, source, fit_intercept=intercept).fit(X, y, sample.weights)
        w, b = offset_fit(X, y, alpha, source, 0.2, intercept, sample.weights)
        assert ours.coef_ == pytest.approx(w, abs=1e-6)
        if intercept:
            assert ours.intercept_ == pytest.approx(b - (b.mean() if classes > 2 else 0), abs=1e-6)


@pytest.mark.parametrize("classes", [2, 3])
def test_several_sources_and_their_intercepts(classes):
    sample = draw("n > p")
    X, y, source = three_classes("n > p") if classes == 3 else (sample.X, sample.y, sample.source[None])
    second = np.ones_like(source) * np.arange(1, len(source) + 1)[:, None]
    sources = np.stack([source, second])
    alpha = np.array([0.8, -0.3])
    both = AlphaLogisticRegression(0.2, alpha, sources, 0.7, fit_intercept=False).fit(X, y)
    mixed = np.tensordot(alpha, sources, 1)
    one = AlphaLogisticRegression(0.2, 1.0, mixed, 0.7 * alpha.sum(), fit_intercept=False).fit(X, y)
    assert both.coef_ == pytest.approx(one.coef_, abs=1e-9)
    assert both.intercept_ == pytest.approx(np.full(len(source), 0.35))
    assert np.array_equal(both.alpha_stderr_, [0, 0])
    chosen = AlphaLogisticRegressionCV(GAMMAS, coef_source=sources).fit(X, y)
    assert np.shape(chosen.alpha_) == np.shape(chosen.alpha_stderr_) == (2,)
    assert chosen.cv_results_["alpha"].shape == (5, 2)
    assert np.all(chosen.alpha_stderr_ > 0)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shape", ["n < p", "n > p"])
@pytest.mark.parametrize("classes", [2, 3])
def test_leaving_out_against_refitting(shape, weighted, classes):
    """Between one Newton step and the refit lies a remainder with a bound.

    The step, which changes the scores by d, leaves the slope R = sum_j w_j (l'(z_j + d_j) - l'(z_j) -
    l''(z_j) d_j) x_j^T.  The Hessian is at least gamma, so that the score of x_i is at most |x_i| |R| / gamma
    from where the refit takes it.
    """
    sample, gamma, alpha = draw(shape), 1.0, 0.6
    X, y, source = (
        three_classes(shape) if classes == 3 else (sample.X, (sample.y > 0).astype(int), sample.source)
    )
    counts = sample.weights if weighted else np.ones(len(y))
    model = AlphaLogisticRegression(gamma, alpha, source, fit_intercept=False).fit(X, y, counts)
    z, w = X @ model.coef_.T, counts / counts.sum()
    outputs, p = z.shape[1], X.shape[1]
    found = model.loo_decision_function_.reshape(z.shape)

    def slope(z):
        if classes == 2:
            return special.expit(z) - y[:, None]
        return special.softmax(z, axis=1) - np.eye(3)[y]

    chance = special.expit(z) if classes == 2 else special.softmax(z, axis=1)
    bend = chance[:, :, None] * (np.eye(outputs) - chance[:, None, :])
    for i in range(len(y)):
        less = w.copy()
        less[i] -= 1 / counts.sum()
        hessian = np.einsum("i,iab,ij,ik->ajbk", less, bend, X, X).reshape(outputs * p, -1)
        pull = np.outer(slope(z)[i], X[i]).ravel() / counts.sum()
        step = np.linalg.solve(hessian + gamma * np.eye(outputs * p), pull).reshape(outputs, p)
        moved = X @ step.T
        # The formula, in p dimensions and without an update of low rank.
        assert found[i] == pytest.approx(z[i] + moved[i], rel=1e-8, abs=1e-9)
        rest = slope(z + moved) - slope(z) - np.einsum("iab,ib->ia", bend, moved)
        bound = np.linalg.norm(X[i]) * np.linalg.norm((less[:, None] * rest).T @ X) / gamma
        left = counts - (np.arange(len(y)) == i)
        rows = left > 0
        if len(set(y[rows])) < classes:
            continue
        ridge = gamma * counts.sum() / left.sum()  # n gamma stays
        refit = AlphaLogisticRegression(ridge, alpha, source, fit_intercept=False)
        truth = refit.fit(X[rows], y[rows], left[rows]).decision_function(X[[i]]).ravel()
        assert np.linalg.norm(truth - found[i]) <= bound + 1e-9
        assert bound < 0.1 * np.linalg.norm(moved[i])  # so that it would notice a wrong formula


@every_criterion
@pytest.mark.parametrize("shape", ["n < p", "n > p"])
@intercepts
def test_weights_are_repetitions(criterion, shape, intercept):
    sample = draw(shape)
    times = np.random.default_rng(3).integers(0, 4, len(sample.y))
    times[:4] = 2  # both classes
    model = AlphaLogisticRegressionCV(GAMMAS, criterion, sample.source, sample.bias, intercept)
    weighted = clone(model).fit(sample.X, sample.y, times)
    repeated = clone(model).fit(np.repeat(sample.X, times, axis=0), np.repeat(sample.y, times))
    for name in ("alpha_", "alpha_stderr_", "gamma_", "best_score_", "coef_", "intercept_"):
        assert getattr(weighted, name) == pytest.approx(getattr(repeated, name), rel=1e-6, abs=1e-8), name
    lines = weighted.loo_decision_function_
    assert np.repeat(lines, times) == pytest.approx(repeated.loo_decision_function_, rel=1e-6, abs=1e-8)
    gone = times == 0
    assert lines[gone] == pytest.approx(repeated.decision_function(sample.X[gone]), rel=1e-6)


@every_criterion
@pytest.mark.parametrize("classes", [2, 3])
def test_invariances(criterion, classes):
    sample = draw("n < p")
    X, y, source = three_classes("n < p") if classes == 3 else (sample.X, sample.y, sample.source[None])
    model = AlphaLogisticRegressionCV(GAMMAS, criterion, source, fit_intercept=True).fit(X, y)

    def same(other, scale=1.0):
        # A search ends a thousandth of a standard error from the optimum, by the same steps up to rounding.
        close = 1e-5 * float(model.alpha_stderr_) if np.isfinite(model.alpha_stderr_) else 1e-6
        assert scale * other.alpha_ == pytest.approx(model.alpha_, rel=1e-6, abs=3 * close)
        assert abs(scale) * other.alpha_stderr_ == pytest.approx(model.alpha_stderr_, rel=1e-4)
        assert other.gamma_ == model.gamma_
        one, two = model.loo_decision_function_, other.loo_decision_function_
        if classes == 3:  # softmax does not see what is common to all scores
            one, two = one - one.mean(axis=1, keepdims=True), two - two.mean(axis=1, keepdims=True)
        assert two == pytest.approx(one, rel=1e-5, abs=1e-5)

    rotation = np.linalg.qr(np.random.default_rng(0).standard_normal((40, 40)))[0]
    same(
        AlphaLogisticRegressionCV(GAMMAS, criterion, source @ rotation, fit_intercept=True).fit(
            X @ rotation, y
        )
    )
    same(AlphaLogisticRegressionCV(GAMMAS, criterion, 8 * source, fit_intercept=True).fit(X, y), 8.0)
    same(AlphaLogisticRegressionCV(GAMMAS, criterion, -source, fit_intercept=True).fit(X, y), -1.0)
    same(AlphaLogisticRegressionCV(GAMMAS, criterion, source, fit_intercept=True).fit(X + 5.0, y))
    if classes == 3:
        same(AlphaLogisticRegressionCV(GAMMAS, criterion, source + X[0], fit_intercept=True).fit(X, y))


def test_scores_are_what_they_are_said_to_be():
    sample = draw("n > p")
    X, y = sample.X, sample.y
    loss = AlphaLogisticRegressionCV(GAMMAS, "loo_log_loss", sample.source).fit(X, y)
    z = loss.loo_decision_function_
    assert loss.best_score_ == pytest.approx(-np.logaddexp(0, -y * z).mean(), rel=1e-10)
    assert loss.best_score_ == loss.cv_results_["mean_test_score"][loss.best_index_]
    accuracy = AlphaLogisticRegressionCV(GAMMAS, "loo_accuracy", sample.source).fit(X, y)
    assert accuracy.best_score_ == np.mean((accuracy.loo_decision_function_ > 0) == (y > 0))
    assert accuracy.best_score_ >= np.mean((z > 0) == (y > 0))
    held = AlphaLogisticRegressionCV(GAMMAS, "loo_log_loss", sample.source, alpha=loss.alpha_).fit(X, y)
    assert held.gamma_ == loss.gamma_
    assert held.alpha_stderr_ == 0
    assert held.coef_ == pytest.approx(loss.coef_, abs=1e-8)


@pytest.mark.parametrize("criterion", ["consensus", "evidence", "loo_log_loss"])
def test_standard_error_against_the_spread_of_alpha(criterion):
    rng = np.random.default_rng(5)
    p, n, draws = 15, 60, 60
    mean = rng.standard_normal(p) / np.sqrt(p)
    source = mean + 0.5 * rng.standard_normal(p) / np.sqrt(p)
    found = []
    for _ in range(draws):
        y = np.where(np.arange(n) % 2, 1, -1)
        X = y[:, None] * mean + rng.standard_normal((n, p))
        model = AlphaLogisticRegression(0.3, coef_source=source, criterion=criterion).fit(X, y)
        found.append((model.alpha_, model.alpha_stderr_))
    alphas, errors = np.array(found).T
    # 60 draws know the spread to 1/sqrt(120) = 9 %, and the mean square error to about as much.
    ratio = np.sqrt(np.mean(errors**2)) / alphas.std()
    assert 0.8 < ratio < 1.5


def test_silent_data_fall_back_to_no_source():
    sample = draw("n < p")
    null = np.linalg.svd(sample.X - sample.X.mean(axis=0))[2][-1]  # orthogonal to every centred sample
    for criterion in CONVEX_CRITERIA:
        model = AlphaLogisticRegressionCV(GAMMAS, criterion, null, fit_intercept=True).fit(sample.X, sample.y)
        assert model.alpha_ == 0
    # Softmax does not see what all classes have in common.
    X, y, source = three_classes("n < p")
    model = AlphaLogisticRegressionCV(GAMMAS, coef_source=np.stack([source, np.ones((3, 40))])).fit(X, y)
    alpha, stderr = np.asarray(model.alpha_), np.asarray(model.alpha_stderr_)
    assert alpha[0] > 0
    assert alpha[1] == stderr[1] == 0


@every_criterion
def test_a_source_that_separates_gets_a_finite_alpha(criterion):
    rng = np.random.default_rng(0)
    y = np.where(np.arange(8) % 2, 1, -1)
    X = rng.standard_normal((8, 3))
    X[:, 0] = y * (1 + rng.uniform(size=8))
    for gamma in (np.inf, 1e-3):
        model = AlphaLogisticRegression(gamma, coef_source=[1.0, 0.0, 0.0], criterion=criterion).fit(X, y)
        assert 0 < model.alpha_ < 30
        assert model.score(X, y) == 1.0


def test_unequal_classes_and_labels_that_mean_nothing():
    """Features around 1: a leave-one-out that kept its mean would take it for a signal."""
    shrunk: list[Any] = []
    free: list[Any] = []
    rules: tuple[tuple[list[Any], InterceptRule], ...] = ((shrunk, "shrunk"), (free, True))
    for seed in range(8):
        rng = np.random.default_rng(seed)
        X, y = 1 + rng.standard_normal((40, 100)), (np.arange(40) >= 28).astype(int)
        test, source = 1 + rng.standard_normal((1000, 100)), rng.standard_normal(100) / 10
        for found, rule in rules:
            model = AlphaLogisticRegressionCV(coef_source=source, fit_intercept=rule).fit(X, y)
            found.append(np.mean(model.predict(test) == 0))  # of labels 0 in 70 %, right in .3 + .4 of this
    accuracy, other = 0.3 + 0.4 * np.array(shrunk), 0.3 + 0.4 * np.array(free)
    paired = accuracy - other
    assert paired.mean() >= -2 * paired.std(ddof=1) / np.sqrt(8) - 0.02
    assert accuracy.mean() > 0.6


def test_many_classes_far_out():
    # Log-odds of 250: of a loss of 1e-8, rounding of the scores leaves no more than a few digits.
    X, y = load_digits(return_X_y=True)
    source = RidgeClassifier(10).fit(X[:900], y[:900]).coef_
    few = np.random.default_rng(1).permutation(np.arange(900, 1797))[:60]
    for alpha in (30.0, 60.0, 120.0):
        model = AlphaLogisticRegression(0.01, alpha, source).fit(X[few], y[few])
        assert model.score(X[few], y[few]) == 1.0
        assert np.isfinite(model.loo_decision_function_).all()


def test_probabilities():
    X, y = load_iris(return_X_y=True)
    for labels in (y, y > 0):
        model = AlphaLogisticRegression(0.01).fit(X, labels)
        chance = model.predict_proba(X)
        assert chance.sum(axis=1) == pytest.approx(np.ones(150))
        assert np.array_equal(model.classes_[chance.argmax(axis=1)], model.predict(X))
        assert np.exp(model.predict_log_proba(X)) == pytest.approx(chance)
        assert np.isfinite(model.predict_log_proba(1e4 * X)).all()


def test_used_like_any_estimator():
    sample = draw("n < p")
    pipeline = make_pipeline(StandardScaler(), AlphaLogisticRegression(coef_source=sample.source))
    grid = {"alphalogisticregression__gamma": [0.1, 1.0], "alphalogisticregression__alpha": [0, 1]}
    search = GridSearchCV(pipeline, grid, scoring="neg_log_loss", cv=3).fit(sample.X, sample.y)
    assert search.best_estimator_[-1].alpha_ in {0.0, 1.0}
    fitted = LogisticRegression().fit(sample.X[:9], sample.y[:9])
    model = clone(AlphaLogisticRegressionCV(GAMMAS, coef_source=FrozenEstimator(fitted)))
    model.fit(sample.X, sample.y)
    again = pickle.loads(pickle.dumps(model))
    assert np.array_equal(again.predict_proba(sample.X), model.predict_proba(sample.X))


def test_wide_data_need_no_wide_matrix():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((40, 100_000)), np.arange(40) % 2
    tracemalloc.start()
    AlphaLogisticRegressionCV(coef_source=np.ones(100_000)).fit(X, y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10 * X.nbytes


SAMPLE = draw("n < p")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"alpha": np.inf}, r"alpha must be finite, got inf"),
        ({"alpha": "best"}, "alpha must be 'auto', a number"),
        (
            {"criterion": "loo_mse"},
            "criterion must be one of 'consensus', 'evidence', 'loo_log_loss', 'loo_accuracy'",
        ),
        ({"coef_source": np.ones(3)}, "one entry per feature, 40"),
        ({"coef_source": LogisticRegression()}, "not fitted.*FrozenEstimator"),
    ],
)
@pytest.mark.parametrize("kind", [AlphaLogisticRegression, AlphaLogisticRegressionCV])
def test_bad_arguments(kind, options, message):
    with pytest.raises(ValueError, match=message):
        kind(**{"coef_source": SAMPLE.source, **options}).fit(SAMPLE.X, SAMPLE.y)


@pytest.mark.parametrize("kind", [AlphaLogisticRegression, AlphaLogisticRegressionCV])
def test_bad_data(kind):
    model = kind(coef_source=SAMPLE.source)
    with pytest.raises(ValueError, match="2 classes, got one class"):
        model.fit(SAMPLE.X, np.ones(18))
    with pytest.raises(ValueError, match="NaN"):
        model.fit(np.where(SAMPLE.X[0, 0] == SAMPLE.X, np.nan, SAMPLE.X), SAMPLE.y)
    with pytest.raises(ValueError, match="1 sample"):
        model.fit(SAMPLE.X[:1], SAMPLE.y[:1])
    with pytest.warns(UserWarning, match="all zeros: alpha is irrelevant"):
        silent = kind(coef_source=np.zeros(40)).fit(SAMPLE.X, SAMPLE.y)
    assert silent.alpha_ == silent.alpha_stderr_ == 0
    assert silent.coef_ == pytest.approx(kind().fit(SAMPLE.X, SAMPLE.y).coef_)


def test_bad_ridges():
    with pytest.raises(ValueError, match=r"gamma must be a number > 0 .* per sample"):
        AlphaLogisticRegression(0.0).fit(SAMPLE.X, SAMPLE.y)
    with pytest.raises(ValueError, match=r"gammas\[1\] must be a number > 0"):
        AlphaLogisticRegressionCV([1.0, -1.0]).fit(SAMPLE.X, SAMPLE.y)
