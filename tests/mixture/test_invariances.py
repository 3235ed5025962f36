"""Exact symmetries of general mixtures, over random ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mixture_strategies import SEEDS, covariance
from strategies import log_uniform

import rmt_alpha as ra

ALPHAS = np.array([-1.0, 0.0, 0.7, 2.0])
RIDGES = log_uniform(-2, 2)


def ingredients(seed: int, classes: int, p: int = 6):
    rng = np.random.default_rng(seed)
    means = rng.standard_normal((classes, p))
    cs = [covariance(rng, p, "full", 1.5) for _ in range(classes)]
    priors = rng.dirichlet(np.full(classes, 3.0)) * 0.8 + 0.2 / classes
    outputs = 1 if classes == 2 else classes
    weights = rng.standard_normal(p) if outputs == 1 else rng.standard_normal((outputs, p))
    return rng, means, cs, priors, weights, outputs


def curve(means, cs, priors, weights, outputs, n, gamma, intercept):
    source = ra.FixedSource(weights) if outputs == 1 else ra.FixedSource(weights, outputs=outputs)
    return ra.FineTuning(ra.GaussianMixture(means, cs, priors), source, n, gamma, intercept=intercept).curve()


def same(a, b, rel=1e-7):
    np.testing.assert_allclose(a.class_accuracy(ALPHAS), b.class_accuracy(ALPHAS), rtol=rel, atol=rel)
    np.testing.assert_allclose(a.risk(ALPHAS), b.risk(ALPHAS), rtol=rel)


@given(SEEDS, RIDGES, st.sampled_from([3.0, 6.5, 20.0]), st.booleans(), st.sampled_from([2, 3]))
def test_rotating_everything_changes_nothing(seed, gamma, n, intercept, classes):
    rng, means, cs, priors, weights, outputs = ingredients(seed, classes)
    q = np.linalg.qr(rng.standard_normal((6, 6)))[0]
    turned = [(q @ c @ q.T + (q @ c @ q.T).T) / 2 for c in cs]
    a = curve(means, cs, priors, weights, outputs, n, gamma, intercept)
    same(a, curve(means @ q.T, turned, priors, weights @ q.T, outputs, n, gamma, intercept))


@given(SEEDS, RIDGES, st.sampled_from([3.0, 6.5, 20.0]), st.booleans(), st.sampled_from([0.25, 4.0]))
def test_measuring_in_other_units_changes_nothing(seed, gamma, n, intercept, unit):
    _, means, cs, priors, weights, outputs = ingredients(seed, 2)
    a = curve(means, cs, priors, weights, outputs, n, gamma, intercept)
    scaled = [unit**2 * c for c in cs]
    same(a, curve(unit * means, scaled, priors, weights / unit, outputs, n, unit**2 * gamma, intercept))
    wrong = curve(unit * means, scaled, priors, weights / unit, outputs, n, gamma, intercept)
    with pytest.raises(AssertionError):  # the ridge has units too
        same(a, wrong)


@given(SEEDS, RIDGES, st.sampled_from([3.0, 6.5, 20.0]), st.booleans())
def test_the_order_of_the_classes_does_not_matter(seed, gamma, n, intercept):
    _, means, cs, priors, weights, outputs = ingredients(seed, 3)
    order = [2, 0, 1]
    a = curve(means, cs, priors, weights, outputs, n, gamma, intercept)
    b = curve(
        means[order], [cs[i] for i in order], priors[order], weights[order], outputs, n, gamma, intercept
    )
    np.testing.assert_allclose(a.class_accuracy(ALPHAS)[:, order], b.class_accuracy(ALPHAS), atol=1e-7)
    np.testing.assert_allclose(a.accuracy(ALPHAS), b.accuracy(ALPHAS), atol=1e-7)


@given(SEEDS, st.sampled_from([3.0, 6.5, 20.0]), st.sampled_from([2, 3, 4]))
def test_effective_ridges_grow_with_the_ridge_and_fall_with_the_samples(seed, n, classes):
    _, means, cs, priors, _, _ = ingredients(seed, classes)
    mixture = ra.GaussianMixture(means, cs, priors)

    def kappa(samples, gamma):
        return ra.RidgeSource(mixture, samples, gamma).ridge.kappa

    path = np.array([kappa(n, gamma) for gamma in (1e-3, 1e-1, 1.0, 30.0)])
    assert (np.diff(path, axis=0) > 0).all()
    assert (kappa(2 * n, 0.1) < kappa(n, 0.1)).all()
    np.testing.assert_allclose(kappa(1e12, 0.1), 0.1, rtol=1e-6)
