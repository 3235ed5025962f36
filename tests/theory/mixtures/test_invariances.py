"""What must not change an answer: rotations, units, names of classes, idle directions, splits of sources."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from mixture_strategies import ANY, COMMUTING, SEEDS, problems

from rmt_alpha.problems.fine_tuning import FineTuning
from rmt_alpha.problems.mixture import GaussianMixture
from rmt_alpha.problems.sources import FixedSource, RidgeSource, Source

ALPHAS = np.array([-2.0, 0.0, 0.5, 1.0, 3.0])


def matrix(c: np.ndarray, p: int) -> np.ndarray:
    return c if c.ndim == 2 else np.diag(np.broadcast_to(c, (p,)))


def transformed(problem: FineTuning, linear: np.ndarray, full: bool = True) -> FineTuning:
    """The problem for features ``linear @ x`` and weights moved along, ``linear`` orthogonal up to scale."""
    scale2 = float(linear[0] @ linear[0])
    inverse = linear / scale2

    def moved(mixture: GaussianMixture) -> GaussianMixture:
        p = mixture.p
        cs = [linear @ matrix(c, p) @ linear.T if full else c * scale2 for c in mixture.covariances]
        return GaussianMixture(
            mixture.means @ linear.T, [(c + c.T) / 2 if full else c for c in cs], mixture.priors
        )

    source = problem.source
    if isinstance(source, FixedSource):
        source = FixedSource(source.weights @ inverse.T, outputs=source.outputs)
    else:
        assert isinstance(source, RidgeSource)
        source = replace(source, mixture=moved(source.mixture), gamma=source.gamma * scale2)
    return replace(problem, target=moved(problem.target), source=source, gamma=problem.gamma * scale2)


def assert_same(first: FineTuning, second: FineTuning, rtol: float = 1e-8) -> None:
    one, two = first.curve(), second.curve()
    np.testing.assert_allclose(one.class_accuracy(ALPHAS), two.class_accuracy(ALPHAS), rtol=rtol, atol=1e-10)
    np.testing.assert_allclose(one.class_mean(ALPHAS), two.class_mean(ALPHAS), rtol=rtol, atol=1e-9)
    np.testing.assert_allclose(one.risk(ALPHAS), two.risk(ALPHAS), rtol=rtol)


@given(problems(), SEEDS)
def test_rotations_change_nothing(problem, seed):
    """This takes scalar and diagonal covariances through the code for full ones."""
    p = problem.target.p
    q = np.linalg.qr(np.random.default_rng(seed).standard_normal((p, p)))[0]
    assert_same(problem, transformed(problem, q))


@given(problems(), st.sampled_from([-20, -3, 5, 24]))
def test_units_change_nothing(problem, exponent):
    assert_same(problem, transformed(problem, 2.0**exponent * np.eye(problem.target.p), full=False))


@given(problems(kinds=ANY))
def test_two_classes_may_exchange_their_names(problem):
    assume(problem.target.classes == 2)
    target = problem.target
    swapped = GaussianMixture(target.means[::-1], target.covariances[::-1], target.priors[::-1])
    source: Source
    if isinstance(problem.source, RidgeSource):
        own = problem.source.mixture
        own = GaussianMixture(own.means[::-1], own.covariances[::-1], own.priors[::-1])
        source = replace(problem.source, mixture=own)
    else:
        source = FixedSource(-problem.source.weights)
    other = replace(problem, target=swapped, source=source, label_noise=problem.label_noise[::-1]).curve()
    one = problem.curve()
    np.testing.assert_allclose(one.class_accuracy(ALPHAS)[:, ::-1], other.class_accuracy(ALPHAS), rtol=1e-9)
    np.testing.assert_allclose(
        one.class_mean(ALPHAS)[:, ::-1], -other.class_mean(ALPHAS), rtol=1e-9, atol=1e-11
    )


@given(problems(fixed=True), SEEDS)
def test_many_classes_may_exchange_their_names(problem, seed):
    target, source = problem.target, problem.source
    assume(target.classes > 2)
    order = np.random.default_rng(seed).permutation(target.classes)
    shuffled = GaussianMixture(
        target.means[order], [target.covariances[c] for c in order], target.priors[order]
    )
    renamed = FixedSource(source.weights[order], outputs=source.outputs)
    other = replace(problem, target=shuffled, source=renamed, label_noise=problem.label_noise[order]).curve()
    # Four classes are integrated numerically, to 1e-9 at the worst of these covariances.
    np.testing.assert_allclose(
        problem.curve().class_accuracy(ALPHAS)[:, order], other.class_accuracy(ALPHAS), atol=1e-8
    )
    np.testing.assert_allclose(
        problem.curve().class_mean(ALPHAS)[:, order][:, :, order], other.class_mean(ALPHAS), atol=1e-9
    )


@given(problems(kinds=COMMUTING, fixed=True))
def test_directions_without_variance_mean_or_weight_do_not_count(problem):
    target, source = problem.target, problem.source

    def padded(rows: np.ndarray) -> np.ndarray:
        return np.concatenate([rows, np.zeros((*rows.shape[:-1], 3))], axis=-1)

    cs = [padded(np.broadcast_to(c, (target.p,))) for c in target.covariances]
    wide = GaussianMixture(padded(target.means), cs, target.priors)
    assert_same(
        problem, replace(problem, target=wide, source=FixedSource(padded(source.weights), source.outputs))
    )


@given(problems(classes=2, sources=2))
def test_several_sources_are_as_good_as_their_sum(problem):
    curve, weights = problem.curve(), problem.source.weights
    alpha = np.array([0.7, -1.3])
    combined = replace(problem, source=FixedSource(alpha @ weights)).curve()
    assert curve.accuracy(alpha) == pytest.approx(combined.accuracy(1.0), rel=1e-10)
    assert curve.risk(3 * alpha) == pytest.approx(combined.risk(3.0), rel=1e-10)
    along = curve.along(alpha)
    np.testing.assert_allclose(along.class_mean(ALPHAS), combined.class_mean(ALPHAS), rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(
        along.optimal_alpha("risk"), combined.optimal_alpha("risk"), rtol=1e-7, atol=1e-12
    )


@given(problems())
def test_a_source_of_another_length_needs_another_alpha(problem):
    assume(isinstance(problem.source, FixedSource))
    longer = replace(problem, source=FixedSource(4 * problem.source.weights, outputs=problem.source.outputs))
    np.testing.assert_allclose(
        problem.curve().class_accuracy(ALPHAS),
        longer.curve().class_accuracy(ALPHAS / 4),
        rtol=1e-12,
        atol=1e-12,
    )


@given(problems(classes=2))
def test_one_hot_targets_are_the_binary_labels(problem):
    """Minimising |one-hot - scores|^2 and comparing scores equals labels -1 and +1, prior included."""
    source = problem.source
    one_hot: Source
    if isinstance(source, RidgeSource):
        one_hot = replace(source, outputs=2)
    else:
        # Any split with this difference will do: the target t = 2 (one-hot)_2 - 1 has f = f_2 - f_1.
        other = np.linspace(-1, 1, source.p)
        one_hot = FixedSource(np.stack([other, other + source.weights]), outputs=2)
    binary, hot = problem.curve(), replace(problem, source=one_hot).curve()
    np.testing.assert_allclose(binary.class_accuracy(ALPHAS), hot.class_accuracy(ALPHAS), atol=1e-10, rtol=0)
    scores = hot.class_mean(ALPHAS)
    np.testing.assert_allclose(
        scores[..., 1] - scores[..., 0], binary.class_mean(ALPHAS), rtol=1e-9, atol=1e-10
    )
    best = binary.optimum()
    assert hot.optimum().value == pytest.approx(best.value, abs=1e-10)


def test_everything_can_be_pickled():
    rng = np.random.default_rng(0)
    own = GaussianMixture.symmetric(rng.standard_normal(4), np.eye(4) + 0.3)
    problem = FineTuning(GaussianMixture.symmetric(rng.standard_normal(4)), RidgeSource(own, 9, 0.1), 5, 0.2)
    value = problem.curve().accuracy(1.0)
    again = pickle.loads(pickle.dumps(problem))
    assert again.curve().accuracy(1.0) == value
    assert pickle.loads(pickle.dumps(problem.curve())).accuracy(1.0) == value
    # The standard basis is one object in every process: diagonal operators combine in O(p).
    assert again.target.model.basis is problem.target.model.basis
