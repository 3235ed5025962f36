"""Theory of convex losses against training on random data; and wrong formulas, which must fail."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from loss_problems import MAKERS, NAMES, alphas, with_loss
from scipy import special

import rmt_alpha as ra
from rmt_alpha.problems.losses import Logistic, Loss
from rmt_alpha.problems.losses.base import Moments
from rmt_alpha.theory.convex.equations import Equations
from rmt_alpha.theory.convex.reduction import Reduction
from rmt_alpha.validation import compare as comparison
from rmt_alpha.validation.enlarged import enlarged

pytestmark = pytest.mark.usefixtures("one_simulation")

LEVEL = 1e-4
"""Probability of a false alarm of one test."""


class Exponential(Loss):
    """A loss of one's own."""

    name = "exponential"

    def value(self, z):
        return np.exp(-z)

    def slope(self, z):
        return -np.exp(-z)

    def curvature(self, z):
        return np.exp(-z)


def judge(name, loss, p=24, n=36, replicates=30, seed=1):
    problem = with_loss(MAKERS[name](p, n), loss)
    found = ra.compare(problem, alphas(problem), replicates=replicates, rng=seed, level=LEVEL, doublings=1)
    assert found.agrees, f"\n{found}"


@pytest.mark.parametrize(
    ("name", "loss", "replicates"),
    [
        ("per_class", "logistic", 30),
        ("balanced", "hinge", 30),
        ("trained_source", "squared_hinge", 30),
        ("two_sources", "huber", 50),  # which see a kappa too large by 30 %
    ],
)
def test_theory_agrees_with_simulation(name, loss, replicates):
    judge(name, loss, replicates=replicates)


@pytest.mark.slow
@pytest.mark.parametrize("loss", [*NAMES, Exponential()], ids=str)
@pytest.mark.parametrize("name", MAKERS)
def test_theory_agrees_with_larger_simulation(name, loss):
    judge(name, loss, 60, 90, replicates=300, seed=2)


# --- what a wrong formula looks like ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def logistic_runs():
    """One simulation of everything at once, held against many theories: per class, noisy, intercept."""
    problem = replace(MAKERS["per_class"](40, 48), gamma=0.05, loss="logistic")
    at = np.array([0.0, 2.0])
    runs = [ra.simulate(enlarged(problem, factor), at, replicates=120, rng=(3, factor)) for factor in (1, 2)]
    return problem, at, runs


def worst(runs, curve, quantities=comparison.LOSS_QUANTITIES):
    _, at, simulations = runs
    rows = [row for name in quantities for row in comparison._rows(name, at, [curve], simulations)]
    return max(abs(row.limit_z) for row in rows), len(rows)


def test_the_right_theory_passes(logistic_runs):
    found, rows = worst(logistic_runs, logistic_runs[0].curve())
    assert found < -special.ndtri(LEVEL / (2 * rows))


def no_echo(self, reduced, force, omega):
    return Equations_variance(self, reduced, force, 0 * omega)


def squared_average(self, mean, std, kappa):
    found = Logistic_moments(self, mean, std, kappa)
    return Moments(found.pull, found.pull**2, found.stiffness)


def without_prox(self, mean, std, kappa):
    return Logistic_moments(self, mean, std, 1e-9 + 0 * kappa)


def own_prox(self, z, kappa):
    """Newton's method from z, which cycles; here kappa is small, and two steps do not converge."""
    u = np.asarray(z, float)
    for _ in range(1):
        tail = special.expit(-u)
        u = u - (u - kappa * tail - z) / (1 + kappa * tail * (1 - tail))
    return u


def bare_curvature(self, z, kappa):
    u = self.prox(z, kappa)
    return -self.slope(u), self.curvature(u)


def total_kappa(self, theta):
    found = Reduction_at(self, theta)
    return found._replace(kappa=found.kappa * 1.3)


Equations_variance, Logistic_moments, Reduction_at = Equations.variance, Logistic.moments, Reduction.at

WRONG = {
    "the noise of the training forces forgotten": (Equations, "variance", no_echo),
    "E g^2 taken for (E g)^2": (Logistic, "moments", squared_average),
    "scores of the training sample taken for fresh ones": (Logistic, "moments", without_prox),
    "proximal point after one Newton step": (Logistic, "prox", own_prox),
    "curvature instead of phi'' / (1 + kappa phi'')": (Logistic, "force", bare_curvature),
    "kappa too large by 30 %": (Reduction, "at", total_kappa),
}


@pytest.mark.parametrize("formula", WRONG)
def test_wrong_formulas_fail(logistic_runs, monkeypatch, formula):
    owner, attribute, wrong = WRONG[formula]
    monkeypatch.setattr(owner, attribute, wrong)
    found, rows = worst(logistic_runs, logistic_runs[0].curve())
    assert found > -special.ndtri(LEVEL / (2 * rows))


def changed(problem, what):
    target = problem.target
    pooled = target.priors[0] * target.covariances[0] + np.diag(target.priors[1] * target.covariances[1])
    even = ra.GaussianMixture(target.means, list(target.covariances))
    return replace(
        problem,
        **{
            "no label noise": {"label_noise": 0.0},
            "label noise of the classes exchanged": {"label_noise": problem.label_noise[::-1]},
            "balanced classes without an intercept": {"intercept": False, "target": even},
            "gamma without the 1/2": {"gamma": 2 * problem.gamma},
            "squared loss": {"loss": "squared"},
            "hinge loss": {"loss": "hinge"},
            "pooled covariance": {"target": ra.GaussianMixture(target.means, pooled, target.priors)},
            "balanced classes": {"target": even},
        }[what],
    )


@pytest.mark.parametrize(
    "what",
    [
        "no label noise",
        "label noise of the classes exchanged",
        "balanced classes without an intercept",
        "gamma without the 1/2",
        "squared loss",
        "hinge loss",
        "pooled covariance",
        "balanced classes",
    ],
)
def test_wrong_problems_fail(logistic_runs, what):
    curve = changed(logistic_runs[0], what).curve()
    found, rows = worst(logistic_runs, curve, comparison.MIXTURE_QUANTITIES)
    assert found > -special.ndtri(LEVEL / (2 * rows))


def test_a_source_without_its_noise_fails():
    problem = replace(MAKERS["trained_source"](40, 60), loss="squared_hinge", gamma=1.0)
    assert isinstance(problem.source, ra.RidgeSource)
    source = replace(problem.source, n=30)
    problem, law = replace(problem, source=source), source.law
    average = law.task.basis.vectors_from(law.weights[0])
    wrong = replace(problem, source=ra.FixedSource(average)).curve()
    found = ra.compare(problem, [2.5], theory=wrong, replicates=80, rng=1, quantities=["class_std"])
    assert not found.agrees
    assert ra.compare(problem, [2.5], replicates=80, rng=1, quantities=["class_std"]).agrees


def test_draws_belong_to_their_alphas():
    problem = with_loss(MAKERS["balanced"](20, 30), "logistic")
    run = ra.simulate(problem, [[0.0, 1.0], [2.0, 3.0]], replicates=4, rng=0)
    assert np.shape(run.class_accuracy) == (2, 2, 2)
    assert np.shape(run.training_loss) == (2, 2)
    assert run.method == "dense"
    with pytest.raises(ValueError, match="every alpha is trained by itself"):
        run.at([0.5])
    again = ra.simulate(problem, [[0.0, 1.0], [2.0, 3.0]], replicates=4, rng=0)
    np.testing.assert_array_equal(run.draws.class_mean, again.draws.class_mean)
    with pytest.raises(ValueError, match="krylov"):
        ra.simulate(problem, 0.0, method="krylov")


def test_draws_of_the_squared_loss_agree_with_the_closed_form_fit():
    """The same data, trained by Newton's method and by linear algebra."""
    from rmt_alpha.problems.losses import Squared

    problem = MAKERS["per_class"](20, 30)
    exact = ra.simulate(problem, [0.0, 1.0], replicates=3, rng=0)
    # Batches of one size draw the same data.
    found = ra.simulate(with_loss(problem, Squared()), [0.0, 1.0], replicates=3, rng=0)
    np.testing.assert_allclose(found.class_mean, exact.class_mean, atol=1e-7)
    np.testing.assert_allclose(found.accuracy, exact.accuracy, atol=1e-7)
