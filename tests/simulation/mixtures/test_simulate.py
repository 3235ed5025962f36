"""`simulate` for `FineTuning`: arguments, reproducibility, results, and laws that are known otherwise."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
from mixture_problems import PROBLEMS, alphas
from scipy import stats

import rmt_alpha as ra
from rmt_alpha.problems.fine_tuning import FineTuning
from rmt_alpha.problems.mixture import GaussianMixture
from rmt_alpha.problems.sources import FixedSource, RidgeSource
from rmt_alpha.simulation.setting import alpha_components, mixture_setting
from rmt_alpha.validation.enlarged import enlarged

P, N = 10, 8
QUANTITIES = ("accuracy", "risk", "class_accuracy", "class_mean", "class_variance", "class_std")


def small(name="trained_source"):
    return PROBLEMS[name](P, N)


def arrays(simulation):
    return simulation.draws.score_mean, simulation.draws.score_gram


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(arrays(one), arrays(other), strict=True))


def test_results_do_not_depend_on_the_number_of_workers():
    one, two = (ra.simulate(small(), 1.0, replicates=300, rng=1, n_jobs=jobs) for jobs in (1, 2))
    assert same(one, two)


def test_seeds():
    first = ra.simulate(small(), 1.0, replicates=5)
    assert same(first, ra.simulate(small(), 1.0, replicates=5, rng=first.seed))
    assert isinstance(first.seed.entropy, int)
    assert not same(first, ra.simulate(small(), 1.0, replicates=5, rng=first.seed.entropy + 1))
    assert first.method == "dense"
    assert (first.truncation_error, first.chain_length) == (0.0, 0)


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (0,)])
def test_shapes(name, shape):
    problem = small(name)
    count, classes = alpha_components(problem), len(problem.target.means)
    full = shape if count is None else (*shape, count)
    alpha = np.linspace(-1, 1, math.prod(full)).reshape(full)
    simulation = ra.simulate(problem, alpha, replicates=4, rng=0)
    for quantity in QUANTITIES:
        extra: tuple[int, ...] = () if quantity in ("accuracy", "risk") else (classes,)
        if quantity in ("class_mean", "class_variance", "class_std") and classes > 2:
            extra = (classes, classes)
        assert getattr(simulation.draws, quantity).shape == (4, *shape, *extra)
        assert np.shape(getattr(simulation, quantity)) == (*shape, *extra)
        assert np.shape(getattr(simulation, f"{quantity}_stderr")) == (*shape, *extra)
    assert simulation.replicates == 4
    if shape == ():
        assert type(simulation.accuracy) is float


@pytest.mark.parametrize("name", ["trained_source", "four_classes"])
def test_averages_and_other_alphas(name):
    problem = small(name)
    values = alphas(problem)
    simulation = ra.simulate(problem, values[:1], replicates=50, rng=0)
    again = simulation.at(values)
    direct = ra.simulate(problem, values, replicates=50, rng=0)
    for quantity in QUANTITIES:
        draws = getattr(direct.draws, quantity)
        assert np.array_equal(getattr(again.draws, quantity), draws)
        assert np.allclose(getattr(direct, quantity), draws.mean(axis=0), rtol=1e-14)
        expected = draws.std(axis=0, ddof=1) / math.sqrt(50)
        assert np.allclose(getattr(direct, f"{quantity}_stderr"), expected, rtol=1e-12)
    priors = problem.target.priors
    assert np.allclose(direct.accuracy, direct.class_accuracy @ priors, rtol=1e-13)


def test_isotropic_problems_follow_the_law_of_the_chain():
    # The same problem in words: p dimensions, mean and source in general directions.
    rng = np.random.default_rng(0)
    mean, source_mean = rng.standard_normal((2, P)) / 2
    target = GaussianMixture.symmetric(mean)
    source = RidgeSource(GaussianMixture.symmetric(source_mean), 12, 0.2)
    problem = FineTuning(target, source, n=N, gamma=0.3)
    isotropic = ra.TransferProblem.from_means(source_mean, mean, n=N, N=12, gamma=0.3, gamma_source=0.2)
    one = ra.simulate(problem, [0.0, 1.0, -2.0], replicates=2000, rng=1).draws
    other = ra.simulate(isotropic, [0.0, 1.0, -2.0], replicates=2000, rng=2).draws
    for quantity in ("accuracy", "risk", "class_mean", "class_variance"):
        columns = (getattr(draws, quantity).reshape(2000, -1).T for draws in (one, other))
        for a, b in zip(*columns, strict=True):
            assert stats.ks_2samp(a, b).pvalue > 1e-4


@pytest.mark.parametrize("intercept", [False, True])
def test_one_hot_for_two_classes_is_the_binary_classifier(intercept):
    # Scores are linear in the targets, and the difference of the one-hot targets is the label.
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((2, P)) / 3
    target = GaussianMixture(
        rng.standard_normal((2, P)) / 2, [np.array(0.5), np.linspace(0.1, 2, P)], [0.3, 0.7]
    )
    sources: dict[str, tuple[Any, ...]] = {
        "fixed": (FixedSource(rows[1] - rows[0]), FixedSource(rows, outputs=2)),
        "trained": tuple(RidgeSource(target, 9, 0.3, outputs=q) for q in (1, 2)),
    }
    for one, two in sources.values():
        binary, one_hot = (
            ra.simulate(
                FineTuning(target, source, n=N, gamma=0.3, intercept=intercept, label_noise=[0.2, 0.1]),
                [0.0, 1.0, -2.0], replicates=20, rng=4,
            ).draws
            for source in (one, two)
        )  # fmt: skip
        assert np.allclose(one_hot.class_accuracy, binary.class_accuracy, rtol=0, atol=1e-12)
        difference = one_hot.class_mean[..., 1] - one_hot.class_mean[..., 0]
        assert np.allclose(difference, binary.class_mean, rtol=0, atol=1e-12)


@pytest.mark.parametrize("covariance", ["diagonal", "full", "singular"])
@pytest.mark.parametrize("intercept", [False, True])
def test_endless_source_is_the_limit_of_a_long_one(covariance, intercept):
    rng = np.random.default_rng(0)
    root = rng.standard_normal((P, 4))
    entries = {
        "diagonal": np.linspace(0.2, 2, P),
        "full": root @ root.T + np.eye(P),
        "singular": root @ root.T,
    }
    own = GaussianMixture(rng.standard_normal((3, P)) / 2, entries[covariance], [0.2, 0.3, 0.5])
    gamma = 0.0 if covariance == "singular" else 0.3

    def trained(n):
        return RidgeSource(own, n, gamma, intercept=intercept, label_noise=[0.0, 0.2, 0.1])

    def mean(n):
        problem = FineTuning(own, trained(n), n=N, gamma=0.5)
        setting = mixture_setting(problem)
        source = setting.sources[0]
        if isinstance(source, np.ndarray):  # of an endless sample
            return source
        return source.train(None, "fixed", np.random.default_rng(1))[0]

    # Sampling error of order sqrt(1/n) = 0.0016, times the inverse of the smallest eigenvalue.
    assert np.abs(mean(math.inf)).max() > 0.05
    assert np.allclose(mean(400_000), mean(math.inf), atol=0.02)


def test_random_class_counts_add_variance_but_hardly_bias():
    # With many samples of few dimensions the intercept follows the classes' shares.
    target = GaussianMixture([[0.0, 0.0, 0.2], [0.0, 0.2, 0.0]], 1.0, [0.3, 0.7])
    problem = FineTuning(target, FixedSource([0.0, 1.0, -1.0]), n=100, gamma=1.0, intercept=True)
    fixed, free = (
        ra.simulate(problem, 0.1, replicates=4000, rng=5, class_counts=how) for how in ("fixed", "random")
    )
    z = (fixed.class_mean - free.class_mean) / np.hypot(fixed.class_mean_stderr, free.class_mean_stderr)
    assert (np.abs(z) < 5).all()
    # b follows the mean label, 2 share - 1, of variance 4 * 0.3 * 0.7 / n.
    added = free.draws.class_mean.var(axis=0) - fixed.draws.class_mean.var(axis=0)
    assert np.allclose(added, 4 * 0.3 * 0.7 / 100, rtol=0.2)


def test_mean_and_variance_of_label_times_score():
    problem = PROBLEMS["per_class"](P, N)
    draws = ra.simulate(problem, [0.0, 1.0], replicates=3, rng=0).draws
    priors, labels = problem.target.priors, np.array([-1.0, 1.0])
    assert np.allclose(draws.mean, (draws.class_mean * labels) @ priors, rtol=1e-14)
    second = (draws.class_variance + draws.class_mean**2) @ priors
    assert np.allclose(draws.variance, second - draws.mean**2, rtol=1e-12)
    # Against the true label: E (y - s)^2 = 1 - 2 E[y s] + E[s^2].
    assert np.allclose(draws.risk, 1 - 2 * draws.mean + second, rtol=1e-12)
    with pytest.raises(ValueError, match="two classes with labels -1 and"):
        ra.simulate(PROBLEMS["three_classes"](P, N), 0.0, replicates=2).mean  # noqa: B018


@pytest.mark.parametrize("name", PROBLEMS)
def test_enlarging_keeps_every_inner_product_and_average(name):
    problem = small(name)
    larger = enlarged(problem, 3)
    assert isinstance(larger, FineTuning)
    assert larger.n == 3 * problem.n
    assert (larger.gamma, larger.intercept) == (problem.gamma, problem.intercept)
    one, other = problem.target, larger.target
    assert np.allclose(other.means @ other.means.T, one.means @ one.means.T, rtol=1e-13)
    assert len({id(c) for c in other.covariances}) == len({id(c) for c in one.covariances})
    for small_c, large_c in zip(one.covariances, other.covariances, strict=True):
        assert np.ndim(large_c) == np.ndim(small_c)
        full = small_c if np.ndim(small_c) == 2 else small_c * np.eye(P)
        large = large_c if np.ndim(large_c) == 2 else large_c * np.eye(3 * P)
        assert np.trace(large) == pytest.approx(3 * np.trace(full))
        assert np.allclose(other.means @ large @ other.means.T, one.means @ full @ one.means.T, rtol=1e-12)
    for source, again in zip(problem.sources, larger.sources, strict=True):
        assert (again.outputs, again.count) == (source.outputs, source.count)
        if isinstance(source, FixedSource):
            assert isinstance(again, FixedSource)
            rows, large_rows = (w.reshape(-1, w.shape[-1]) for w in (source.weights, again.weights))
            assert np.allclose(large_rows @ other.means.T, rows @ one.means.T, rtol=1e-12)
        else:
            assert isinstance(again, RidgeSource)
            assert again.n == 3 * source.n
            products = source.mixture.means @ one.means.T
            assert np.allclose(again.mixture.means @ other.means.T, products, rtol=1e-12)


def test_memory_that_would_be_needed_is_named():
    target = GaussianMixture.symmetric(np.ones(30_000))
    huge = FineTuning(target, FixedSource(np.ones(30_000)), n=20_000, gamma=0.1)
    with pytest.raises(
        ValueError, match=r"matrices: data of 30000 x 20000, 1 at a time\).*GiB.*memory_limit"
    ):
        ra.simulate(huge, 1.0)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"method": "krylov"}, ValueError, "method='krylov' needs one covariance.*use method='dense'"),
        ({"method": "exact"}, ValueError, "method must be one of"),
        ({"class_counts": "equal"}, ValueError, "class_counts must be one of 'fixed', 'random', got 'equal'"),
        ({"alpha": math.nan}, ValueError, "alpha must be"),
        ({"alpha": "1"}, TypeError, "alpha must be a real number"),
        ({"replicates": 0}, ValueError, "replicates must be at least 1"),
        ({"rng": -1}, ValueError, "rng must be"),
        ({"memory_limit": 10}, ValueError, "memory_limit"),
        ({"n": 8.5}, ValueError, "n must be a whole number of at least 1 to be simulated, got 8.5"),
        ({"n": math.inf}, ValueError, "n must be a whole number of at least 1 to be simulated, got inf"),
        ({"source_n": 2.5}, ValueError, "n of the source must be a whole number"),
    ],
    ids=lambda value: None if isinstance(value, dict | type) else str(value)[:30],
)
def test_refusals_name_the_argument_and_the_remedy(change, error, message):
    problem = small()
    arguments = {"alpha": 1.0, "replicates": 2, "rng": 0} | change
    if "n" in arguments:
        problem = dataclasses.replace(problem, n=arguments.pop("n"))
    if "source_n" in arguments:
        source = dataclasses.replace(problem.source, n=arguments.pop("source_n"))
        problem = dataclasses.replace(problem, source=source)
    with pytest.raises(error, match=message):
        ra.simulate(problem, arguments.pop("alpha"), **arguments)


def test_vector_alpha_must_have_one_component_for_each_source():
    problem = small("two_sources")
    for alpha in ([1.0, 2.0, 3.0], [[1.0], [2.0]]):
        with pytest.raises(
            ValueError, match=r"alpha must have shape \(\.\.\., 2\), one number for each of 2"
        ):
            ra.simulate(problem, alpha, replicates=2)
    with pytest.raises(ValueError, match="one number for each of 2"):
        ra.simulate(problem, [0.0, 1.0], replicates=2).at([1.0])
    both = ra.simulate(problem, 0.5, replicates=2, rng=0)  # the same for both
    assert np.array_equal(both.accuracy, ra.simulate(problem, [0.5, 0.5], replicates=2, rng=0).accuracy)
