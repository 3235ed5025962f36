"""Theory of mixtures against simulations that share no code with it, and wrong theories that must fail."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
from mixture_problems import PROBLEMS, alphas

import rmt_alpha as ra
from rmt_alpha.problems.fine_tuning import FineTuning
from rmt_alpha.problems.mixture import GaussianMixture
from rmt_alpha.problems.sources import RidgeSource
from rmt_alpha.validation.enlarged import enlarged

pytestmark = pytest.mark.usefixtures("one_simulation")

P, N = 60, 40
REPLICATES = 250
QUANTITIES = ("accuracy", "risk", "class_accuracy", "class_mean", "class_std")


@pytest.fixture(params=PROBLEMS, scope="module")
def problem(request):
    return PROBLEMS[request.param](P, N)


def test_theory_is_right(problem):
    comparison = ra.compare(problem, alphas(problem), replicates=REPLICATES, rng=1)
    assert comparison.agrees, comparison
    # Sharp enough to see an error of a percent.
    assert max(row.limit_stderr for row in comparison.rows if row.quantity == "accuracy") < 0.01


@pytest.mark.parametrize("factor", [2, 3])
def test_theory_does_not_change_with_the_size(problem, factor):
    larger = enlarged(problem, factor)
    assert isinstance(larger, type(problem))
    one, other = problem.curve(), larger.curve()
    for name in QUANTITIES:
        expected = getattr(one, name)(alphas(problem))
        # Beyond two score differences by quadrature: the error it reports is far below 1e-8 here.
        assert np.allclose(getattr(other, name)(alphas(problem)), expected, rtol=1e-8, atol=1e-9), name


def blind_to_noise(problem):
    """Labels taken for right."""
    return dataclasses.replace(problem, label_noise=0.0)


def without_intercept(problem):
    return dataclasses.replace(problem, intercept=False)


def with_intercept(problem):
    return dataclasses.replace(problem, intercept=True)


def pooled_covariance(problem):
    """One covariance for all classes, their average."""
    target = problem.target
    full = [c if c.ndim == 2 else c * np.eye(target.p) for c in target.covariances]
    pooled = np.tensordot(target.priors, full, 1)
    return dataclasses.replace(problem, target=GaussianMixture(target.means, pooled, target.priors))


def balanced_classes(problem):
    target = problem.target
    equal = dataclasses.replace(target, covariances=list(target.covariances), priors=None)
    return dataclasses.replace(problem, target=equal)


def certain_source(problem):
    """A trained source without the noise of its training sample."""
    return dataclasses.replace(problem, source=dataclasses.replace(problem.source, n=math.inf))


def isotropic_source(problem):
    """The source's covariance replaced by a multiple of the identity of the same trace."""
    mixture = problem.source.mixture
    full = [c if c.ndim == 2 else c * np.eye(mixture.p) for c in mixture.covariances]
    flat = GaussianMixture(mixture.means, [np.trace(c) / mixture.p for c in full], mixture.priors)
    return dataclasses.replace(problem, source=dataclasses.replace(problem.source, mixture=flat))


def double_ridge(problem):
    """The ridge of another convention."""
    return dataclasses.replace(problem, gamma=2 * problem.gamma)


WRONG = [
    ("per_class", blind_to_noise),
    ("per_class", without_intercept),
    ("per_class", pooled_covariance),
    ("per_class", balanced_classes),
    ("two_sources", with_intercept),
    ("trained_source", certain_source),
    ("trained_source", isotropic_source),
    ("three_classes", certain_source),
    ("three_classes", pooled_covariance),
    ("three_classes", blind_to_noise),
    ("four_classes", double_ridge),
]


@pytest.mark.parametrize(("name", "wrong"), WRONG, ids=lambda value: getattr(value, "__name__", value))
def test_wrong_theories_fail(name, wrong):
    problem = PROBLEMS[name](P, N)
    # The source matters where alpha is not 0.
    comparison = ra.compare(
        problem, alphas(problem), theory=wrong(problem).curve(), replicates=REPLICATES, rng=1
    )
    assert not comparison.agrees


def test_sources_in_the_wrong_order_fail():
    problem = PROBLEMS["two_sources"](P, N)
    curve = problem.curve()

    class Swapped:
        def class_mean(self, alpha):
            return curve.class_mean(alpha[:, ::-1])

    options: dict[str, Any] = {"quantities": ("class_mean",), "replicates": 200, "rng": 2}
    assert ra.compare(problem, [[0.5, -0.5]], **options).agrees
    assert not ra.compare(problem, [[0.5, -0.5]], theory=Swapped(), **options).agrees


def test_z_scores_are_standard():
    # One alpha and one quantity of each of 30 problems; the bias of order 1/n is taken out.
    scores = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        p, n = int(rng.integers(20, 60)), int(rng.integers(20, 60))
        means = rng.standard_normal((2, p)) * rng.uniform(0.7, 2) / math.sqrt(p)
        covariances = [rng.uniform(0.2, 2, p), rng.uniform(0.2, 2, p)]
        share = rng.uniform(0.3, 0.7)
        target = GaussianMixture(means, covariances, [share, 1 - share])
        source = RidgeSource(target, int(rng.integers(20, 90)), rng.uniform(0.1, 1))
        problem = FineTuning(target, source, n=n, gamma=rng.uniform(0.1, 1), intercept=bool(seed % 2))
        comparison = ra.compare(
            problem, rng.uniform(-1, 2), quantities=("accuracy",), replicates=40, rng=seed
        )
        scores.append(comparison.rows[0].limit_z)
    z = np.array(scores)
    assert abs(z.mean()) < 4 / math.sqrt(30)
    # The sum of squares is chi-squared with 30 degrees of freedom: both tails have chance 1e-4.
    assert 9.2 < (z**2).sum() < 67.7
