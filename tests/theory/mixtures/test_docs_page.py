"""docs/theory/mixtures.md is true: its numbered equations, written out as matrices, hold for the answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from mixture_strategies import ANY, problems
from tex_formulas import equations

from rmt_alpha.problems.fine_tuning import FineTuning
from rmt_alpha.problems.mixture import GaussianMixture
from rmt_alpha.problems.sources import FixedSource

PAGE = equations(Path(__file__).parents[3] / "docs" / "theory" / "mixtures.md")
ALPHAS = (0.0, 1.3, -0.6)


class Written:
    """The symbols of the page for a binary problem with a known source, as plain matrices."""

    def __init__(self, problem: FineTuning, mistake: str = "") -> None:
        target, self.n, self.gamma = problem.target, problem.n, problem.gamma
        p = target.p
        assert isinstance(problem.source, FixedSource)
        self.cs = [c if c.ndim == 2 else np.diag(np.broadcast_to(c, (p,))) for c in target.covariances]
        self.pi, self.m, self.source = target.priors, target.means, problem.source.weights
        self.kappa = problem.ridge.kappa[target.group]
        self.r = np.linalg.inv(
            sum(w / k * c for w, k, c in zip(self.pi, self.kappa, self.cs, strict=True)) + np.eye(p)
        )
        self.q = self.r / self.gamma
        y = np.array([-1.0, 1.0])
        self.t = y * (1 - 2 * problem.label_noise) if mistake != "clean labels" else y
        self.tau = np.ones(2)
        self.c = self.pi * (self.gamma if mistake != "no shrinking" else self.kappa) / self.kappa
        self.d = self.pi * (self.gamma / self.kappa) ** 2

    def trace(self, c: np.ndarray) -> float:
        return float(np.trace(c @ self.r)) / self.n


def binary():
    return problems(classes=2, kinds=ANY, fixed=True)


def scores(problem: FineTuning, alpha: float, mistake: str = "") -> tuple[np.ndarray, np.ndarray, Written]:
    """(M + b, sigma) by the equations of the page."""
    w = Written(problem, mistake)
    prior = alpha * w.source
    # Unknowns w (p) and b: linear equations, solved as they stand.
    p = len(prior)
    force = (w.c[:, None] * w.m).T
    system = np.zeros((p + 1, p + 1))
    system[:p, :p] = np.eye(p) + w.q @ force @ w.m
    system[:p, p] = w.q @ force.sum(axis=1)
    system[p, :p], system[p, p] = w.c @ w.m, w.c.sum()
    right = np.append(w.q @ (force @ w.t + w.gamma * prior), w.c @ w.t)
    if not problem.intercept:
        system[p], system[p, p], right[p] = 0, 1, 0
    solution = np.linalg.solve(system, right)
    weights, b = solution[:p], solution[p]
    mean = w.m @ weights + b
    rho = w.tau - 2 * w.t * mean + mean**2
    v = np.array([[np.trace(a @ w.q @ c @ w.q) for c in w.cs] for a in w.cs]) / w.n
    direct = np.array([weights @ c @ weights for c in w.cs])
    variance = np.linalg.solve(np.eye(2) - v * w.d, direct + v * w.d @ rho)
    return mean, np.sqrt(variance), w


def test_every_equation_of_the_page_has_its_check():
    assert set(PAGE) == {
        *("eq-mix-objective", "eq-mix-kappa", "eq-mix-means", "eq-mix-variance", "eq-mix-classes"),
    }


@given(binary())
def test_eq_mix_kappa(problem):
    w = Written(problem)
    for k, c in zip(w.kappa, w.cs, strict=True):
        assert k == pytest.approx(w.gamma + w.trace(c), rel=1e-8)


@given(binary())
def test_eq_mix_means_and_variance(problem):
    curve = problem.curve()
    for alpha in ALPHAS:
        mean, std, _ = scores(problem, alpha)
        np.testing.assert_allclose(curve.class_mean(alpha), mean, rtol=1e-7, atol=1e-9)
        np.testing.assert_allclose(curve.class_std(alpha), std, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("mistake", ["clean labels", "no shrinking"])
def test_another_equation_would_not_hold(mistake):
    target = GaussianMixture([[-1.0, 0.0], [0.5, 1.0]], [np.array(1.0), np.array([0.5, 2.0])], [0.4, 0.6])
    problem = FineTuning(target, FixedSource([1.0, 1.0]), n=3, gamma=0.2, label_noise=0.1, intercept=True)
    np.testing.assert_allclose(problem.curve().class_mean(1.0), scores(problem, 1.0)[0], rtol=1e-10)
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(
            problem.curve().class_mean(1.0), scores(problem, 1.0, mistake)[0], rtol=1e-3
        )


def test_eq_mix_objective_is_what_is_trained():
    rng = np.random.default_rng(0)
    mean, source = rng.standard_normal((2, 5)) / 2
    target = GaussianMixture([-mean, mean], np.linspace(0.5, 2, 5), [0.3, 0.7])
    problem = FineTuning(target, FixedSource(source), n=50_000, gamma=0.4, intercept=True)
    label = np.where(np.arange(50_000) < 15_000, -1.0, 1.0)
    X = label[:, None] * mean + rng.standard_normal((50_000, 5)) * np.sqrt(np.linspace(0.5, 2, 5))
    prior = 0.7 * source
    # With w = P + d: the normal equations of the printed objective.
    A = np.column_stack([X, np.ones(len(X))])
    penalty = np.diag([0.4] * 5 + [0.0])
    *d, b = np.linalg.solve(A.T @ A / len(X) + penalty, A.T @ (label - X @ prior) / len(X))
    found = np.array([-mean, mean]) @ (prior + d) + b
    expected = problem.curve().class_mean(0.7)
    assert abs(found - expected).max() < 4 * 2 / np.sqrt(50_000)  # features have variances up to 2


def test_eq_mix_classes():
    rng = np.random.default_rng(0)
    p, n, gamma, alpha, classes = 40, 30, 0.2, 0.7, 3
    target = GaussianMixture(
        rng.standard_normal((classes, p)) / 4, [np.array(1.0), np.linspace(0.3, 2, p), None], [0.2, 0.3, 0.5]
    )
    source = rng.standard_normal((classes, p)) / 4
    problem = FineTuning(target, FixedSource(source, classes), n, gamma, intercept=True, label_noise=0.1)
    cs = [np.eye(p), np.diag(np.linspace(0.3, 2, p)), np.eye(p)]
    pi, m, kappa = target.priors, target.means, problem.ridge.kappa[target.group]
    q = np.linalg.inv(sum(w / k * c for w, k, c in zip(pi, kappa, cs, strict=True)) + np.eye(p)) / gamma
    c, d = pi * gamma / kappa, pi * (gamma / kappa) ** 2
    wrong = 0.1 / (classes - 1)  # of a label, evenly over the other classes
    t = np.full((classes, classes), wrong) + (0.9 - wrong) * np.eye(classes)
    noise = np.stack([np.diag(row) - np.outer(row, row) for row in t])
    # Unknowns R_a (rows) and b: R_a + sum_e (m_a Q m_e) c_e R_e + b = t_a - gamma alpha W~ Q m_a.
    system = np.zeros((classes + 1, classes + 1))
    system[:classes, :classes] = np.eye(classes) + (m @ q @ m.T) * c
    system[:classes, classes], system[classes, :classes] = 1.0, c
    right = np.vstack([t - gamma * alpha * m @ q @ source.T, np.zeros(classes)])
    *r, b = np.linalg.solve(system, right)
    weights = ((c[:, None] * np.array(r)).T @ m + gamma * alpha * source) @ q
    v = np.array([[np.trace(a @ q @ e @ q) for e in cs] for a in cs]) / n
    direct = np.stack([weights @ each @ weights.T for each in cs])
    added = np.einsum("ca,aij->cij", v * d, np.stack([np.outer(row, row) for row in r]) + noise)
    covariance = np.linalg.solve(np.eye(classes) - v * d, (direct + added).reshape(classes, -1))
    curve = problem.curve()
    np.testing.assert_allclose(curve.class_mean(alpha), m @ weights.T + b, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(curve.class_covariance(alpha).reshape(classes, -1), covariance, atol=1e-12)
