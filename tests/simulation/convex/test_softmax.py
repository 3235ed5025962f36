"""Theory of softmax, and of sources trained with a loss, against training; wrong formulas must fail."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from loss_problems import MAKERS
from scipy import special
from sklearn.linear_model import LogisticRegression
from softmax_problems import per_class, shared

import rmt_alpha as ra
from rmt_alpha.errors import MissingQuantity
from rmt_alpha.simulation.convex.softmax import SoftmaxTrainer
from rmt_alpha.theory.softmax import forces
from rmt_alpha.theory.softmax.equations import SoftmaxEquations
from rmt_alpha.theory.softmax.reduction import Resolvent
from rmt_alpha.validation import compare as comparison
from rmt_alpha.validation.enlarged import enlarged

pytestmark = pytest.mark.usefixtures("one_simulation")

LEVEL = 1e-4
"""Probability of a false alarm of one test."""


@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize(("p", "n"), [(5, 40), (30, 20)])
def test_trainer_agrees_with_scikit_learn(p, n, intercept):
    rng = np.random.default_rng(0)
    x, labels, gamma = rng.standard_normal((p, n)), rng.integers(0, 3, n), 0.1
    w, b, loss = SoftmaxTrainer(x, labels, 3, gamma, intercept).fit(np.zeros((p, 3)))
    # Its objective is the sum of the losses plus |W|^2 / (2 C).
    peer = LogisticRegression(C=1 / (n * gamma), fit_intercept=intercept, tol=1e-10, max_iter=10_000)
    peer.fit(x.T, labels)
    # lbfgs stops where the objective no longer falls, at 1e-8 or so in the weights.
    np.testing.assert_allclose(w.T, peer.coef_, atol=1e-5)
    np.testing.assert_allclose(b - b.mean(), peer.intercept_ - peer.intercept_.mean(), atol=1e-5)
    stated = peer.predict_proba(x.T)[np.arange(n), labels]
    assert loss == pytest.approx(-np.log(stated).mean(), abs=1e-6)


def test_trainer_finds_the_minimum_near_a_prior():
    rng = np.random.default_rng(1)
    x, labels, prior = rng.standard_normal((12, 9)), rng.integers(0, 4, 9), rng.standard_normal((12, 4))
    w, b, _ = SoftmaxTrainer(x, labels, 4, 0.02, True).fit(3 * prior)
    wrong = special.softmax(w.T @ x + b[:, None], axis=0) - np.eye(4)[:, labels]
    assert abs(x @ wrong.T / 9 + 0.02 * (w - 3 * prior)).max() < 1e-6
    assert abs(wrong.mean(axis=1)).max() < 1e-6


def judge(problem, at, replicates=30, seed=1, **options):
    found = ra.compare(problem, at, replicates=replicates, rng=seed, level=LEVEL, **options)
    assert found.agrees, f"\n{found}"


def test_a_trained_source_and_softmax():
    judge(shared(20, 30), [-1.0, 1.5])


def test_four_classes():
    judge(per_class(20, 36, 4, gamma=0.2), [1.0], replicates=40)


@pytest.mark.slow
@pytest.mark.parametrize("make", [per_class, shared])
@pytest.mark.parametrize("classes", [2, 3, 4, 6, 10])
def test_theory_agrees_with_larger_simulation(make, classes):
    many = classes > 4  # of which a fit takes a second, and theory ten
    judge(
        make(60, 120, classes),
        [0.0, 1.0] if many else [-1.0, 0.0, 1.0, 3.0],
        replicates=50 if many else 200,
        seed=2,
    )


@pytest.mark.slow
def test_z_scores_are_standard():
    """Accuracies of 40 random problems, the bias of order 1/n taken out."""
    scores = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        p, n, classes = int(rng.integers(15, 30)), int(rng.integers(20, 50)), int(rng.integers(2, 5))
        make = per_class if seed % 2 else shared
        problem = replace(make(p, n, classes), gamma=10 ** rng.uniform(-2, 0))
        found = ra.compare(problem, rng.uniform(-1, 2), quantities=("accuracy",), replicates=100, rng=seed)
        scores.append(found.rows[0].limit_z)
    z = np.array(scores)
    assert abs(z.mean()) < 4 / np.sqrt(len(z))
    # The sum of squares is chi-squared with 40 degrees of freedom: both tails have chance 1e-4.
    assert 14.9 < (z**2).sum() < 82.1


# --- what a wrong formula looks like ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def runs():
    """One simulation of everything at once, held against many theories."""
    problem, at = per_class(40, 60), np.array([0.0, 1.5])
    found = [ra.simulate(enlarged(problem, factor), at, replicates=100, rng=(3, factor)) for factor in (1, 2)]
    return problem, at, found


def worst(runs, curve, quantities=comparison.SOFTMAX_QUANTITIES):
    _, at, simulations = runs
    rows = [row for name in quantities for row in comparison._rows(name, at, [curve], simulations)]
    return max(abs(row.limit_z) for row in rows), -special.ndtri(LEVEL / (2 * len(rows)))


def test_the_right_theory_passes(runs):
    found, allowed = worst(runs, runs[0].curve())
    assert found < allowed


averages, covariance, sandwich = SoftmaxEquations.averages, Resolvent.covariance, Resolvent.sandwich


def without_training_noise(self, weights, power, alpha):
    return covariance(self, weights, 0 * power, alpha)


def squared_average(self, state, step):
    found = averages(self, state, step)
    return found._replace(power=found.pull[:, :, None] * found.pull[:, None])


def without_prox(self, state, step):
    return averages(self, state, 1e-9 * step)


def larger_step(self, state, step):
    return averages(self, state, 1.3 * step)


def bare_curvature(basis, chance, root, weights):
    return basis.T @ (np.diag(chance @ weights) - (chance * weights) @ chance.T) @ basis


def pooled_noise(self, power):
    shares = np.bincount(self.reduction.group, self.reduction.priors)
    return sandwich(self, shares[:, None, None] * power.sum(axis=0))


def pooled_scores(self, weights, power, alpha):
    return np.broadcast_to(covariance(self, weights, power, alpha).mean(axis=0), power.shape)


def one_variance(self, weights, power, alpha):
    found = covariance(self, weights, power, alpha)
    return np.trace(found, axis1=1, axis2=2)[:, None, None] * np.eye(found.shape[1]) / found.shape[1]


WRONG = {
    "the noise of the training forces forgotten": (Resolvent, "covariance", without_training_noise),
    "E f f^T taken for (E f)(E f)^T": (SoftmaxEquations, "averages", squared_average),
    "scores of the training sample taken for fresh ones": (SoftmaxEquations, "averages", without_prox),
    "V too large by 30 %": (SoftmaxEquations, "averages", larger_step),
    "H instead of (I + H V)^-1 H": (forces, "_stiffness", bare_curvature),
    "noise of each class with the average covariance": (Resolvent, "sandwich", pooled_noise),
    "one covariance of the scores of all classes": (Resolvent, "covariance", pooled_scores),
    "contrasts of one variance, uncorrelated": (Resolvent, "covariance", one_variance),
}


@pytest.mark.parametrize("formula", WRONG)
def test_wrong_formulas_fail(runs, monkeypatch, formula):
    owner, attribute, wrong = WRONG[formula]
    monkeypatch.setattr(owner, attribute, wrong)
    found, allowed = worst(runs, runs[0].curve())
    assert found > allowed


CHANGES = {
    "no label noise": lambda problem: {"label_noise": 0.0},
    "label noise of the classes exchanged": lambda problem: {"label_noise": np.roll(problem.label_noise, 1)},
    "no intercept": lambda problem: {"intercept": False},
    "the ridge of two classes with one output": lambda problem: {"gamma": problem.gamma / 2},
    "squared loss": lambda problem: {"loss": "squared"},
    "balanced classes": lambda problem: {
        "target": ra.GaussianMixture(problem.target.means, list(problem.target.covariances))
    },
    "pooled covariance": lambda problem: {
        "target": ra.GaussianMixture(
            problem.target.means,
            np.tensordot(problem.target.priors, np.stack(problem.target.covariances), 1),
            problem.target.priors,
        )
    },
    "rows of the source exchanged": lambda problem: {
        "source": ra.FixedSource(np.roll(problem.source.weights, 1, axis=0), outputs=3)
    },
}


SLOW_CHANGES = {"no intercept", "squared loss", "balanced classes", "pooled covariance"}
"""Which those of two classes have, too: `test_theory`."""


@pytest.mark.parametrize(
    "what", [pytest.param(w, marks=pytest.mark.slow) if w in SLOW_CHANGES else w for w in CHANGES]
)
def test_wrong_problems_fail(runs, what):
    wrong = replace(runs[0], **CHANGES[what](runs[0]))
    found, allowed = worst(runs, wrong.curve(), comparison.MIXTURE_QUANTITIES)
    assert found > allowed


# --- sources trained with a loss -------------------------------------------------------------------------


def with_source(loss, target_loss, p=30, n=40):
    problem = MAKERS["per_class"](p, n)
    own = ra.GaussianMixture(
        problem.target.means + 0.05, [np.linspace(0.4, 1.8, p), np.ones(p)], problem.target.priors
    )
    source = ra.LossSource(own, 40, 0.02, loss, intercept=True, label_noise=0.1)
    return replace(problem, source=source, loss=target_loss, gamma=0.2)


@pytest.mark.parametrize(
    ("loss", "target_loss"),
    [
        ("logistic", "squared"),
        ("squared_hinge", "logistic"),
        pytest.param("hinge", "huber", marks=pytest.mark.slow),
    ],
)
def test_sources_trained_with_a_loss(loss, target_loss):
    judge(with_source(loss, target_loss), [1.0, -2.0], quantities=("accuracy", "class_mean", "class_std"))


@pytest.mark.parametrize("classes", [2, 3])
def test_a_source_without_its_noise_fails(classes):
    problem = with_source("logistic", "squared") if classes == 2 else replace(shared(24, 36), loss="squared")
    options: dict[str, Any] = {"replicates": 60, "rng": 1, "quantities": ["class_std"], "level": LEVEL}
    source: Any = problem.source
    assert ra.compare(problem, [2.0], **options).agrees
    calm = replace(problem, source=replace(source, n=1e12))
    assert not ra.compare(problem, [2.0], theory=calm.curve(), **options).agrees


def test_a_source_of_another_loss_fails():
    problem = with_source("logistic", "squared")
    source = problem.source
    ridge = ra.RidgeSource(source.mixture, source.n, source.gamma, intercept=True, label_noise=0.1)
    wrong = replace(problem, source=ridge).curve()
    options: dict[str, Any] = {"replicates": 60, "rng": 1, "level": LEVEL}
    options["quantities"] = ["class_mean", "class_std"]
    assert not ra.compare(problem, [1.0], theory=wrong, **options).agrees


def test_an_infinite_source_is_computed_but_not_simulated():
    problem = with_source("logistic", "squared")
    endless = replace(problem, source=replace(problem.source, n=np.inf))
    near = replace(problem, source=replace(problem.source, n=1e9))
    assert endless.curve().accuracy(1.0) == pytest.approx(near.curve().accuracy(1.0), abs=1e-6)
    with pytest.raises(ValueError, match="n = inf cannot be simulated"):
        ra.simulate(endless, 1.0)


def test_moments_of_two_classes_are_missing():
    draws = ra.simulate(shared(24, 36), 1.0, replicates=2, rng=0).draws
    for name in ("mean", "variance"):
        with pytest.raises(MissingQuantity, match=f"trained with softmax have no '{name}'"):
            getattr(draws, name)
