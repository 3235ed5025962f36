"""Sparse features: the same as an array, never made one, and what is approximate where they are many."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from sklearn.base import clone
from sklearn.linear_model import Ridge

import rmt_alpha as ra
from rmt_alpha.from_data.decomposition import samples as samples_module
from rmt_alpha.from_data.decomposition import sparse_rows
from rmt_alpha.from_data.decomposition.design import Design
from rmt_alpha.from_data.decomposition.rows import EPS
from rmt_alpha.from_data.decomposition.rules import AVERAGED, Rule
from rmt_alpha.from_data.decomposition.samples import Samples
from rmt_alpha.from_data.decomposition.truncated import PRECISE

FORMATS = (
    sparse.csr_matrix,
    sparse.csc_matrix,
    sparse.coo_matrix,
    sparse.csr_array,
    sparse.csc_array,
    sparse.coo_array,
)
RULES = (*AVERAGED, Rule(0.0), Rule(0.0, standard=True))


def draw(n, p, density=0.1, seed=0, classes=2):
    """Counts of words, labels that depend on them, and a source that is half right."""
    rng = np.random.default_rng(seed)
    X = sparse.random(n, p, density, "csr", rng=rng, data_rvs=lambda size: 1.0 + rng.poisson(1.0, size))
    truth = rng.standard_normal((classes if classes > 2 else 1, p))
    scores = X @ truth.T + 0.5 * rng.standard_normal((n, len(truth)))
    y = scores.argmax(axis=1) if classes > 2 else (scores[:, 0] > np.median(scores)).astype(int)
    return X, y, truth + rng.standard_normal(truth.shape)


def awkward(n, p, density, seed):
    """With a column that varies little around a large number, a constant, an empty one, and an empty row."""
    rng = np.random.default_rng(seed)
    X = sparse.random(n, p, density, "lil", rng=rng, data_rvs=rng.standard_normal)
    X[:, 0] = 100.0 + rng.standard_normal((n, 1))
    if p > 3:
        X[:, 1], X[:, 2] = 3.0, 0.0
    if n > 3:
        X[0, p > 3 :] = 0.0
    return X.tocsr()


def products(design):
    """Z Z^T."""
    return (design.left * design.eigenvalues) @ design.left.T


@given(
    n=st.integers(2, 25),
    p=st.integers(1, 60),
    density=st.sampled_from([0.02, 0.2, 0.5, 0.9]),
    seed=st.integers(0, 2**32 - 1),
    weighted=st.booleans(),
    rule=st.sampled_from(RULES),
)
def test_every_rule_decomposes_what_it_does_of_an_array(n, p, density, seed, weighted, rule):
    X, rng = awkward(n, p, density, seed), np.random.default_rng(seed)
    counts = rng.uniform(0.2, 3.0, n) if weighted else np.ones(n)
    thin, full = (Design.of(Samples.of(one, counts), rule) for one in (X, X.toarray()))
    assert thin.samples.rows.mean == pytest.approx(full.samples.mean, abs=n * EPS * abs(X).max())
    assert np.array_equal(thin.samples.varies, full.samples.varies)
    # A product of rows of length l is known to EPS times l^2, of n terms and after n rotations.
    top = full.eigenvalues.max(initial=0.0)
    assert products(thin) == pytest.approx(products(full), abs=10 * n * EPS * top)
    if isinstance(rows := thin.samples.rows, sparse_rows.SparseRows):
        kind: dict[str, Any] = {"centred": thin.centred, "standard": thin.standard}
        # The mean is known to EPS times the largest feature, and so is each length.
        mean = abs(X).max() * rows.inverse_units(standard=rule.standard).max()
        error = 10 * n * EPS * (top + np.sqrt(top) * mean)
        assert rows.kernel(np.eye(n), **kind) == pytest.approx(products(full), abs=error)
        assert rows.lengths2(**kind) == pytest.approx(products(full).diagonal(), abs=error)
    assert thin.left.T @ thin.left == pytest.approx(np.eye(thin.left.shape[1]), abs=10 * n * EPS)
    if thin.centred:
        assert thin.root @ thin.left == pytest.approx(np.zeros(thin.left.shape[1]), abs=10 * n * EPS)


@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.sampled_from([(12, 40), (20, 20), (20, 19), (25, 6)]),
    kind=st.sampled_from(FORMATS),
    classes=st.sampled_from([2, 3]),
    intercept=st.sampled_from([True, False, "shrunk", "auto"]),
    units=st.sampled_from(["raw", "standard", "auto"]),
    weighted=st.booleans(),
)
def test_a_fit_is_that_of_the_array(seed, shape, kind, classes, intercept, units, weighted):
    X = awkward(shape[0], shape[1], 0.3, seed)
    X = X - sparse.csr_matrix(
        (np.full(shape[0], 97.0), (np.arange(shape[0]), np.zeros(shape[0], int))), X.shape
    )
    rng = np.random.default_rng(seed)
    y = np.concatenate([np.arange(classes), rng.integers(0, classes, shape[0] - classes)])
    source = rng.standard_normal((classes if classes > 2 else 1, shape[1]))
    weight = None
    if weighted:
        weight = rng.uniform(0.5, 2.0, shape[0])
        weight[-2:] = 0.0
    options = {"gamma": 5.0, "alpha": 0.7, "coef_source": source, "fit_intercept": intercept, "units": units}
    full = ra.AlphaRidgeClassifier(**options).fit(X.toarray(), y, weight)
    thin = ra.AlphaRidgeClassifier(**options).fit(kind(X), y, weight)
    # Kernels differ by n EPS times their size, fits by that over the ridge, and leave-one-out scores divide
    # by what leverage leaves free, at least the share of the ridge in the kernel, twice.
    design = Design.of(Samples.of(X.toarray()), Rule(standard=units != "raw"))
    worst = 3.0 * (1.0 + max(design.eigenvalues.max(), X.power(2).sum() / shape[0]) / 5.0)
    error = 10 * shape[0] * EPS * worst**3 * (1.0 + abs(source).max())
    assert error < 1e-6
    for name in ("coef_", "intercept_", "loo_decision_function_", "alpha_"):
        assert getattr(thin, name) == pytest.approx(getattr(full, name), abs=error), name
    assert thin.decision_function(kind(X)) == pytest.approx(
        full.decision_function(X.toarray()), abs=10 * error
    )
    assert thin.predict(kind(X)).shape == y.shape


@pytest.mark.parametrize(
    ("classes", "criterion"),
    [
        *(
            (2, "consensus"),
            (4, "consensus"),
            (4, "evidence"),
            (2, "loo_mse"),
            (4, "loo_accuracy"),
            (2, "loo_snr"),
        ),
        *(
            pytest.param(*pair, marks=pytest.mark.slow)
            for pair in ((2, "evidence"), (4, "loo_mse"), (2, "loo_accuracy"), (4, "loo_snr"))
        ),
    ],
)
def test_choices_are_those_of_the_array(classes, criterion):
    X, y, source = draw(60, 300, classes=classes)
    full, thin = (
        ra.AlphaRidgeClassifierCV(criterion=criterion, coef_source=source).fit(one, y)
        for one in (X.toarray(), X)
    )
    # Ridges are found to a millionth, by bisection.
    for name in ("alpha_", "gamma_", "best_score_", "coef_", "intercept_", "loo_decision_function_"):
        assert getattr(thin, name) == pytest.approx(getattr(full, name), rel=1e-5, abs=1e-5), name


@pytest.mark.parametrize(
    "model",
    [
        ra.AlphaRidge(),
        ra.AlphaRidge(criterion="loo_mse", fit_intercept="shrunk"),
        ra.AlphaLogisticRegression(),
        ra.AlphaLogisticRegression(units="standard", fit_intercept=False),
        ra.AlphaLogisticRegressionCV(),
    ],
    ids=repr,
)
def test_other_estimators(model):
    X, y, source = draw(50, 200)
    full, thin = (clone(model).set_params(coef_source=source).fit(one, y) for one in (X.toarray(), X))
    # The search for alpha ends 1e-10 before the least sum of log-losses: alpha to its root.
    assert thin.alpha_ == pytest.approx(full.alpha_, rel=1e-4)
    assert thin.coef_ == pytest.approx(full.coef_, abs=1e-4 * abs(full.coef_).max())
    assert thin.predict(X).shape == y.shape


def test_leave_one_out_is_refitting():
    X, y, source = draw(40, 300)
    gamma, alpha, signs = 0.2, 0.6, 2.0 * y - 1.0
    model = ra.AlphaRidgeClassifier(gamma, alpha, source).fit(X, y)
    scores, dense = X @ source[0], X.toarray()
    for i in range(40):
        rest = np.arange(40) != i
        refit = Ridge(alpha=40 * gamma, solver="svd").fit(dense[rest], (signs - alpha * scores)[rest])
        left_out = alpha * scores[i] + refit.predict(dense[[i]])[0]
        assert model.loo_decision_function_[i] == pytest.approx(left_out, abs=1e-10)


def test_what_is_stored_does_not_matter():
    X, y, source = draw(30, 100)
    model = ra.AlphaRidgeClassifier(0.3, coef_source=source).fit(X, y)
    expected, intercept = model.coef_, model.intercept_
    wide = X.copy()
    wide.indices, wide.indptr = wide.indices.astype(np.int64), wide.indptr.astype(np.int64)
    zeros = sparse.csr_matrix(
        (np.append(X.data, 0.0), np.append(X.indices, 99), np.append(X.indptr[:-1], X.nnz + 1)), X.shape
    )
    halves = sparse.csr_matrix(
        (np.repeat(X.data / 2, 2), np.repeat(X.indices, 2), 2 * X.indptr), X.shape
    )  # every entry as a sum of two
    for one in (wide, zeros, halves, sparse.csr_array(X), X.astype(np.float32), X.astype(int)):
        before = one.data.copy(), one.indices.copy()
        found = ra.AlphaRidgeClassifier(0.3, coef_source=sparse.csr_matrix(source)).fit(one, y)
        # Weights have the precision of the features, and scores are sums of products of these.
        eps = np.finfo(found.coef_.dtype).eps if one.dtype == np.float32 else EPS
        assert found.coef_.astype(float) == pytest.approx(expected, abs=1e-12 + eps * abs(expected).max())
        sizes = abs(X) @ abs(expected[0])
        difference = found.decision_function(one).astype(float) - X @ expected[0] - intercept
        assert np.all(abs(difference) <= 1e-11 + 100 * eps * (sizes + abs(intercept)))
        assert np.array_equal(before[0], one.data)
        assert np.array_equal(before[1], one.indices)


def test_rows_of_weight_zero_are_not_there():
    X, y, source = draw(40, 200)
    weight = (np.arange(40) % 4 > 0).astype(float)
    model = ra.AlphaRidgeClassifierCV(coef_source=source).fit(X, y, weight)
    without = ra.AlphaRidgeClassifierCV(coef_source=source).fit(X[weight > 0], y[weight > 0])
    assert np.array_equal(model.coef_, without.coef_)
    assert np.array_equal(model.loo_decision_function_[weight > 0], without.loo_decision_function_)


def test_alpha_path():
    X, y, source = draw(40, 200)
    thin, full = (ra.alpha_path(one, y, source[0], 0.3) for one in (X, X.toarray()))
    alphas = np.linspace(-1, 3, 41)
    assert thin.loo_risk(alphas) == pytest.approx(full.loo_risk(alphas), rel=1e-10)
    assert thin.breakpoints == pytest.approx(full.breakpoints, rel=1e-8)
    assert thin.best_alpha() == pytest.approx(full.best_alpha(), rel=1e-5)
    assert "n" in thin._repr_html_()


def test_theory_needs_an_array():
    X, y, source = draw(40, 200)
    with pytest.raises(ValueError, match=r"criterion='theory' .* not sparse: .* X.toarray\(\)"):
        ra.AlphaRidgeClassifierCV(criterion="theory", coef_source=source).fit(X, y)
    with pytest.raises(TypeError, match=r"toarray\(\)"):
        ra.estimate_problem(X, y, source)


@pytest.mark.parametrize(
    "model",
    [
        ra.AlphaRidge(),
        ra.AlphaRidgeClassifier(),
        ra.AlphaRidgeClassifierCV(),
        ra.AlphaLogisticRegression(),
        ra.AlphaLogisticRegressionCV(gammas=[0.01, 0.1]),
    ],
    ids=repr,
)
def test_nothing_is_filled(model, monkeypatch):
    n, p = 200, 50_000
    X, y, source = draw(n, p, density=0.001)
    model.set_params(coef_source=source)

    def watched(name, convert):
        def refuse(matrix, *args, **options):
            assert p not in matrix.shape, f"{name} of the features"
            return convert(matrix, *args, **options)

        return refuse

    for kind in FORMATS:
        for name in ("toarray", "todense"):
            monkeypatch.setattr(kind, name, watched(name, getattr(kind, name)))
    tracemalloc.start()
    model.fit(X, y).predict(X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # Six rules keep three arrays of n^2 numbers each; some of p numbers, and copies of what is stored.
    bound = 8 * (6 * 3 + 6) * n * n + 40 * 8 * p + 10 * 12 * X.nnz
    assert peak < bound < 8 * n * p


@pytest.fixture
def few(monkeypatch):
    """Truncated decompositions at sizes where the exact one is possible."""

    def to(size):
        exact = 25_000_000 if size is None else 0
        monkeypatch.setattr(sparse_rows, "EXACT", exact)
        monkeypatch.setattr(samples_module, "EXACT", exact)
        monkeypatch.setattr(sparse_rows, "FEWEST", size)
        monkeypatch.setattr(sparse_rows, "MOST", size)

    return to


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_truncation_keeps_the_trace_and_is_exact_for_few_eigenvalues(few, rule):
    rng = np.random.default_rng(0)
    low = sparse.random(80, 12, 0.3, "csr", rng=rng) @ sparse.random(12, 200, 0.3, "csr", rng=rng)
    high = sparse.random(80, 200, 0.1, "csr", rng=rng)
    for X, size, exact in ((low, 20, True), (high, 20, False), (high, 100, True)):
        few(None)
        whole = Design.of(Samples.of(X), rule)
        few(size)
        part = Design.of(Samples.of(X), rule)
        found = part.eigenvalues.sum() + part.basis.rest * part.basis.tail
        assert found == pytest.approx(whole.eigenvalues.sum(), rel=1e-12)
        if exact:
            top = whole.eigenvalues.max()
            assert products(part) == pytest.approx(products(whole), abs=1e3 * EPS * top)
            assert part.basis.tail <= 1e3 * EPS * top


@pytest.mark.parametrize("intercept", [True, False, "shrunk", "auto"])
@pytest.mark.parametrize("shape", [(150, 400), (300, 100)])
def test_truncated_weights_are_exact_at_a_given_ridge(few, intercept, shape):
    X, y, source = draw(*shape)
    gamma, models = 0.05, []
    for size in (None, 30):
        few(size)
        options = {"fit_intercept": intercept, "units": "raw"}
        models.append(ra.AlphaRidgeClassifier(gamma, 0.4, source, **options).fit(X, y))
    whole, part = models
    labels = np.sqrt(np.mean((2 * y - 1 - 0.4 * (X @ source[0])) ** 2))
    # Z^T (Z Z^T + gamma)^-1 is at most 1/(2 sqrt(gamma)).
    bound = PRECISE * labels / (2 * np.sqrt(gamma))
    if intercept != "auto":  # whose shares are approximate
        assert np.linalg.norm(part.coef_ - whole.coef_) <= 2 * bound
    # Of leaving one out, only the leverages are approximate, by an unbiased estimate of each.
    if isinstance(intercept, bool):
        missed = 2 * y - 1 - part.decision_function(X)
        ratio = missed / (2 * y - 1 - part.loo_decision_function_)
        few(None)
        true = ra.alpha_path(X, y, source[0], gamma, fit_intercept=intercept).fit.left_out_freedom
        off = ratio - true
        assert abs(off.mean()) < 4 * off.std() / np.sqrt(len(off))
        assert off.std() < true.mean() / 4


def test_more_eigenvectors_say_more(few):
    X, y, source = draw(200, 500)
    errors = []
    few(None)
    whole = ra.alpha_path(X, y, source[0], 0.05)
    for size in (10, 100, 180, 199):
        few(size)
        part = ra.alpha_path(X, y, source[0], 0.05)
        errors.append(np.linalg.norm(part.fit.left_out_freedom - whole.fit.left_out_freedom))
    assert errors[0] > errors[1] > errors[2] > errors[3]
    assert errors[3] < 1e-10 < errors[2]


@pytest.mark.slow
def test_twenty_thousand_rows():
    X, y, source = draw(20_000, 50_000, density=0.001)
    model = ra.AlphaRidgeClassifierCV(coef_source=source).fit(X[:19_000], y[:19_000])
    own = np.mean((X[19_000:] @ source[0] > 0) == y[19_000:])
    assert model.score(X[19_000:], y[19_000:]) > own
    # Four standard errors of a difference of accuracies of a thousand samples.
    told = np.mean((model.loo_decision_function_ > 0) == y[:19_000])
    assert told == pytest.approx(model.score(X[19_000:], y[19_000:]), abs=4 * np.sqrt(0.25 / 1000))
