"""The samples that are drawn: covariances of every kind, class counts, noisy labels."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rmt_alpha.simulation.mixtures.stage import Covariance, Stage, matrix_root

P = 5
ROOT = np.random.default_rng(0).standard_normal((P, P))
FULL = ROOT @ ROOT.T / P
SINGULAR = ROOT[:, :2] @ ROOT[:, :2].T
COVARIANCES = {
    "scalar": np.array(2.0),
    "zero": np.array(0.0),
    "diagonal": np.array([0.0, 0.5, 1.0, 2.0, 4.0]),
    "full": FULL,
    "singular": SINGULAR,
    "nothing": np.zeros((P, P)),
}


def as_matrix(entries):
    return entries * np.eye(P) if entries.ndim < 2 else entries


@pytest.mark.parametrize("kind", COVARIANCES)
def test_samples_have_the_covariance(kind):
    entries = COVARIANCES[kind]
    count = 100_000
    x = Covariance(entries, P).samples(count, np.random.default_rng(1))
    expected = as_matrix(entries)
    # Var of a sample covariance: (C_ii C_jj + C_ij^2) / n; 15 entries, 5 standard errors.
    spread = np.sqrt((np.outer(np.diag(expected), np.diag(expected)) + expected**2) / count)
    assert (np.abs(x @ x.T / count - expected) <= 5 * spread + 1e-14).all()
    assert (np.abs(x.mean(axis=1)) <= 5 * np.sqrt(np.diag(expected) / count) + 1e-14).all()


@pytest.mark.parametrize("kind", COVARIANCES)
def test_gram(kind):
    w = np.random.default_rng(2).standard_normal((P, 3))
    found = Covariance(COVARIANCES[kind], P).gram(w)
    assert np.allclose(found, w.T @ as_matrix(COVARIANCES[kind]) @ w, rtol=1e-13, atol=1e-13)
    assert np.linalg.eigvalsh(found)[0] > -1e-14


def test_no_matrix_is_made_of_a_diagonal():
    p = 1_000_000  # a full matrix would take 8 TB
    covariance = Covariance(np.linspace(0.5, 1.5, p), p)
    x = covariance.samples(2, np.random.default_rng(0))
    assert x.shape == (p, 2)
    # E w.C.w = p; its standard deviation is sqrt(2 sum of squares).
    assert abs(covariance.gram(np.ones((p, 1)))[0, 0] - p) < 1e-6
    assert abs((x[:, 0] ** 2).sum() - p) < 5 * math.sqrt(2 * p * 13 / 12)


def test_roots():
    assert np.allclose(matrix_root(FULL) @ matrix_root(FULL).T, FULL, rtol=1e-13, atol=1e-14)
    root = matrix_root(SINGULAR)
    assert root.shape[1] < P  # no normal numbers are wasted on directions without variance
    assert np.allclose(root @ root.T, SINGULAR, rtol=1e-13, atol=1e-13)
    with pytest.raises(ValueError, match=r"positive semidefinite.*eigenvalue -1"):
        matrix_root(np.diag([1.0, -1.0]))


def stage(priors, n, noise=None):
    classes = len(priors)
    return Stage(
        means=np.arange(classes * 1.0)[:, None] + np.zeros((classes, P)),
        covariances=(Covariance(np.array(0.0), P),) * classes,
        priors=np.asarray(priors, float),
        n=n,
        gamma=0.1,
        intercept=False,
        label_noise=np.zeros(classes) if noise is None else noise,
        outputs=classes,
    )


@pytest.mark.parametrize("how", ["fixed", "random"])
@pytest.mark.parametrize(("priors", "n"), [([0.5, 0.5], 7), ([0.1, 0.2, 0.7], 13), ([0.3, 0.3, 0.3, 0.1], 3)])
def test_counts_have_the_right_expectation(priors, n, how):
    rng = np.random.default_rng(3)
    draws = np.array([stage(priors, n).class_counts(how, rng) for _ in range(5_000)])
    assert (draws.sum(axis=1) == n).all()
    wanted = n * np.array(priors)
    assert (np.abs(draws.mean(axis=0) - wanted) < 5 * draws.std(axis=0) / math.sqrt(5_000) + 1e-12).all()
    if how == "fixed":
        assert (np.abs(draws - wanted) < 1).all()  # one of the two neighbours
    else:
        variance = wanted * (1 - np.array(priors))
        # The variance of a sample variance is at most (kurtosis + 2) / count of its square.
        assert np.allclose(draws.var(axis=0), variance, rtol=5 * math.sqrt(10 / 5_000))


def test_whole_counts_do_not_vary():
    rng = np.random.default_rng(3)
    for _ in range(100):
        assert stage([0.1, 0.2, 0.7], 30).class_counts("fixed", rng).tolist() == [3, 6, 21]


@pytest.mark.parametrize("priors", [[0.25, 0.75], [0.2, 0.5, 0.3]])
def test_labels_are_flipped_as_often_as_they_should(priors):
    classes, n = len(priors), 200_000
    noise = np.array([0.1, 0.0, 0.4])[:classes]
    law = stage(priors, n, noise)
    x, given = law.draw("fixed", np.random.default_rng(4))
    true = np.rint(x[0]).astype(int)  # without spread the data are their means
    chances = law.label_chances()
    assert np.allclose(chances.sum(axis=1), 1, rtol=1e-15)
    for a in range(classes):
        part = given[true == a]
        for b in range(classes):
            chance = 1 - noise[a] if a == b else noise[a] / (classes - 1)
            assert chances[a, b] == pytest.approx(chance)
            assert abs(np.mean(part == b) - chance) <= 5 * math.sqrt(chance * (1 - chance) / len(part))
