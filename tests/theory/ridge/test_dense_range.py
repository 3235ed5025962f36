"""Full class covariances of any rank and condition, over the whole range of ridges and aspect ratios."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from mixture_strategies import SEEDS
from strategies import log_uniform

from rmt_alpha.errors import ConvergenceError
from rmt_alpha.problems.mixture import GaussianMixture
from rmt_alpha.theory.ridge.dense import DenseCovariances, DenseResolvent
from rmt_alpha.theory.ridge.graded import GradedResolvent
from rmt_alpha.theory.ridge.mixture import fit_ridge
from rmt_alpha.theory.ridge.probed import WORTHWHILE, probed_tangent

EPS = float(np.finfo(float).eps)
MAX_STEPS = 15


def wild(rng: np.random.Generator, p: int, kind: str) -> np.ndarray:
    """A rotated spectrum of any scale that spans up to 12 decades, has low rank, or one spike."""
    values = 10.0 ** (-rng.choice([0, 1, 4, 8, 12]) * rng.random(p)) * 10.0 ** rng.uniform(-2, 2)
    if kind == "low":
        values *= np.arange(p) < rng.integers(1, p)
    if kind == "spike":
        values[1:] *= 1e-6
    q = np.linalg.qr(rng.standard_normal((p, p)))[0]
    c = (q * values) @ q.T
    return (c + c.T) / 2


@st.composite
def models(draw: st.DrawFn, sizes: tuple[int, ...] = (3, 10, 40)) -> DenseCovariances:
    rng = np.random.default_rng(draw(SEEDS))
    p = draw(st.sampled_from(sizes))
    kinds = draw(st.lists(st.sampled_from(["full", "low", "spike"]), min_size=2, max_size=4))
    matrices = np.stack([wild(rng, p, kind) for kind in kinds])
    priors = rng.dirichlet(np.full(len(kinds), 2.0)) * 0.98 + 0.02 / len(kinds)
    return DenseCovariances.from_matrices(matrices, priors)


def aspect_ratios() -> st.SearchStrategy[float]:
    return st.one_of(st.sampled_from([1.0, 1 + 1e-6, 0.8, 0.5, 1.5]), log_uniform(-4, 4))


@given(models(), aspect_ratios(), log_uniform(-12, 12))
def test_at_most_15_evaluations_reach_rounding(model, eta, gamma):
    solution = fit_ridge(model, model.p / eta, gamma).solution
    assert solution.n_iter <= MAX_STEPS
    # The tolerance of the last step; the residual belongs to the point it started from.
    assert solution.residual < 1e-10
    assert (solution.value >= gamma * (1 - 4 * EPS)).all()
    assert (solution.upper >= solution.lower).all()


@given(models(sizes=(3, 5)), aspect_ratios(), log_uniform(-12, 12))
def test_the_equation_holds_in_80_digits(model, eta, gamma):
    n = model.p / eta
    kappa = fit_ridge(model, n, gamma).kappa
    with mpmath.workdps(80):
        matrices = [mpmath.matrix(c.tolist()) for c in model.matrices]
        weights = [
            mpmath.mpf(float(w)) / mpmath.mpf(float(k)) for w, k in zip(model.priors, kappa, strict=True)
        ]
        total = mpmath.eye(model.rank)
        for w, c in zip(weights, matrices, strict=True):
            total += w * c
        inverse = total**-1
        for k, c in zip(kappa, matrices, strict=True):
            trace = sum((c * inverse)[i, i] for i in range(model.rank)) / mpmath.mpf(n)
            # Eigenvalues of C below its own rounding are not known, and count for up to p of them at gamma.
            assert abs(float((k - gamma - trace) / k)) < 1e-9


@given(models(sizes=(10,)), aspect_ratios(), log_uniform(-6, 6))
def test_both_factorisations_give_the_same_map(model, eta, gamma):
    n = model.p / eta
    kappa = fit_ridge(model, n, gamma).kappa
    quick = DenseResolvent(model, kappa, n)
    graded = GradedResolvent(model.basis, model.roots, model.priors, model.p, kappa, n)
    if not quick.condition < 1e3:
        return
    one, two = quick.tangent(), graded.tangent()
    np.testing.assert_allclose(one.value, two.value, rtol=1e-11)
    np.testing.assert_allclose(one.share, two.share, rtol=1e-8, atol=1e-11)
    np.testing.assert_allclose(one.slack, two.slack, rtol=1e-8, atol=1e-11)
    rows = np.random.default_rng(0).standard_normal((2, model.p))
    np.testing.assert_allclose(quick.apply(rows), graded.apply(rows), rtol=1e-9, atol=1e-12 / kappa.max())
    for g in range(len(kappa)):
        np.testing.assert_allclose(quick.form(rows, g), graded.form(rows, g), rtol=1e-10, atol=1e-13)
        left, right = quick.sandwich(g).entries, graded.sandwich(g).entries
        np.testing.assert_allclose(left, right, rtol=1e-8, atol=1e-10 * np.max(abs(left)))


def test_a_cholesky_factorisation_alone_would_not_do(monkeypatch):
    """The class of low rank has more samples than dimensions: its ridge is far smaller than the other."""
    rng = np.random.default_rng(5)
    p, n, gamma = 40, 50.0, 1e-10
    turns = [np.linalg.qr(rng.standard_normal((p, p)))[0] for _ in range(2)]
    spectra = np.geomspace(1e-6, 1, p), 1.0 * (np.arange(p) < 10)
    matrices = np.stack([(q * values) @ q.T for q, values in zip(turns, spectra, strict=True)])
    model = DenseCovariances.from_matrices((matrices + matrices.transpose(0, 2, 1)) / 2, np.array([0.3, 0.7]))
    right = fit_ridge(model, n, gamma).solution
    assert right.n_iter <= MAX_STEPS
    assert right.value.max() > 1e4 * right.value.min()
    monkeypatch.setattr(DenseResolvent, "reliable", lambda self, precision: np.isfinite(self.condition))
    with pytest.raises((AssertionError, ConvergenceError, RuntimeWarning, np.linalg.LinAlgError)):
        np.testing.assert_allclose(fit_ridge(model, n, gamma).kappa, right.value, rtol=1e-9)


def test_random_vectors_give_a_first_idea():
    rng = np.random.default_rng(1)
    p = 2 * WORTHWHILE
    roots = rng.standard_normal((2, p, p)) / np.sqrt(p)
    model = DenseCovariances.from_matrices(np.einsum("gij,gkj->gik", roots, roots), np.array([0.3, 0.7]))
    kappa, n = np.array([0.8, 0.5]), p / 2
    guess, exact = probed_tangent(model, kappa, n), model.resolvent(kappa, n).tangent()
    assert guess is not None
    # Five standard errors of a trace of p terms seen by 32 vectors, with a factor 2 for their spread.
    allowed = 10 * np.sqrt(2 / (32 * p))
    np.testing.assert_allclose(guess.value, exact.value, rtol=allowed)
    np.testing.assert_allclose(guess.share, exact.share, rtol=2 * allowed)
    np.testing.assert_allclose(guess.slack, exact.slack, rtol=2 * allowed)
    np.testing.assert_allclose(guess.share.sum(axis=1) + guess.slack, 1, rtol=1e-6)
    small = GaussianMixture(np.zeros((2, 3)), [np.eye(3) + 0.2, np.diag([1.0, 2.0, 3.0])]).model
    assert isinstance(small, DenseCovariances)
    assert probed_tangent(small, kappa, 3.0) is None


@example(0.0)
@given(log_uniform(-3, 1))
def test_large_covariances_are_solved_as_small_ones(gamma):
    """Repeating a problem on many independent coordinates changes nothing, rough steps included."""
    rng = np.random.default_rng(2)
    p, copies = 8, WORTHWHILE // 8
    blocks = [wild(rng, p, "full") + 0.1 * np.eye(p) for _ in range(2)]
    priors = np.array([0.4, 0.6])
    small = DenseCovariances.from_matrices(np.stack(blocks), priors)
    large = DenseCovariances.from_matrices(np.stack([np.kron(np.eye(copies), c) for c in blocks]), priors)
    one = fit_ridge(small, 5.0, gamma).solution
    many = fit_ridge(large, 5.0 * copies, gamma).solution
    np.testing.assert_allclose(many.value, one.value, rtol=1e-9)


@pytest.mark.parametrize("scale", [1e-12, 1e12])
def test_a_class_may_vary_far_less_than_another(scale):
    """Its directions are not mistaken for rounding of the other's."""
    rng = np.random.default_rng(4)
    c = [wild(rng, 6, "low"), wild(rng, 6, "low") * scale]
    model = DenseCovariances.from_matrices(np.stack(c), np.array([0.5, 0.5]))
    rank = sum(np.linalg.matrix_rank(x) for x in c)
    assert model.rank == min(6, rank)
