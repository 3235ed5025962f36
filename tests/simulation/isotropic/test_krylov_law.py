"""Krylov and dense simulation follow the same law; wrong laws are noticed."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from rmt_alpha import TransferProblem
from rmt_alpha.simulation import simulate
from rmt_alpha.simulation.isotropic import krylov
from rmt_alpha.simulation.isotropic.chain import Chain
from rmt_alpha.simulation.setting import transfer_setting

REPLICATES = 10_000
# Seven statistics for each of about 20 problems: a right program passes all with probability 0.999.
LEVEL = 1e-3 / (7 * 20)

SHAPES = [  # p, n, N, gamma, gamma_source
    (18, 12, 15, 0.3, 0.1),
    (18, 12, 36, 0.0, 0.0),
    (12, 27, 6, 0.05, 0.0),
    (12, 27, 18, 0.0, 0.2),
    (7, 5, 3, 0.1, 0.1),
    (5, 7, 9, 0.5, 0.01),
    (20, 20, 20, 0.3, 0.2),
    (16, 4, None, 0.1, 1.0),
    (6, 30, None, 1.0, 1.0),
    (12, 8, np.inf, 0.2, 0.5),
    (4, 1, 2, 0.1, 0.1),
    (3, 2, 1, 0.0, 0.3),
    (2, 3, 5, 0.2, 0.1),
    (2, 1, 1, 0.2, 0.0),
]


def statistics(draws):
    """Mean, squared norm and cross terms of w_0 and w_1, and two functions of all of them."""
    columns = [
        *draws.mean_coefficients.T,
        *draws.variance_coefficients.T,
        draws.accuracy,
        draws.optimal_alpha(),
    ]
    # Ridgeless interpolation makes w_0 and w_1 orthogonal: their product is rounding, which follows no law.
    return np.round(np.stack(columns), 10)


def p_value(a, b):
    return stats.ks_2samp(a, b, method="asymp").pvalue


def smallest_p_value(problem, replicates=REPLICATES):
    samples = [
        statistics(simulate(problem, 1.0, replicates=replicates, method=method, rng=seed).draws)
        for seed, method in enumerate(("dense", "krylov"), start=20)
    ]
    return min(p_value(a, b) for a, b in zip(*samples, strict=True))


@pytest.mark.parametrize(("p", "n", "N", "gamma", "gamma_source"), SHAPES)
def test_krylov_and_dense_agree_in_distribution(p, n, N, gamma, gamma_source):
    problem = TransferProblem(0.6, p, n, N, mu=1.3, mu_orth=0.8, gamma=gamma, gamma_source=gamma_source)
    assert smallest_p_value(problem) > LEVEL


@pytest.mark.parametrize(("p", "n", "N"), [(1, 5, 3), (1, 1, 2), (1, 1, None)])
def test_one_dimension(p, n, N):
    assert smallest_p_value(TransferProblem(-1.0, p, n, N, gamma=0.2)) > LEVEL


def test_no_source_mean_and_no_target_mean():
    problem = TransferProblem(0.6, 9, 6, 5, mu=0.0, gamma=0.2)
    assert smallest_p_value(problem) > LEVEL
    nothing = TransferProblem(0.0, 9, 6, 5, mu_orth=0.0, gamma=0.2)
    assert smallest_p_value(nothing) > LEVEL
    assert np.all(simulate(nothing, [0, 1], rng=0).draws.accuracy == 0.5)


@pytest.mark.slow
def test_p_values_are_uniform_over_many_seeds():
    problem = TransferProblem(0.6, 7, 5, 3, mu=1.3, mu_orth=0.8, gamma=0.1, gamma_source=0.1)
    p_values = []
    for seed in range(200):
        dense, fast = (
            statistics(simulate(problem, 1.0, replicates=2000, method=method, rng=[seed, i]).draws)
            for i, method in enumerate(("dense", "krylov"))
        )
        p_values.append([p_value(a, b) for a, b in zip(dense, fast, strict=True)])
    for column in np.array(p_values).T:
        assert stats.kstest(column, "uniform").pvalue > 1e-3 / 7


@pytest.mark.parametrize("p", [2, 3, 4, 10])
def test_source_noise_is_uniform_on_its_sphere(p):
    setting = transfer_setting(TransferProblem(0.0, p, 5))  # the target mean is orthogonal to the source mean
    toward, away = krylov._in_target_basis(
        setting, np.zeros(REPLICATES), np.full(REPLICATES, 2.0), np.random.default_rng(1)
    )
    assert np.allclose(np.hypot(toward, away), 2.0, rtol=1e-14)
    assert abs(toward.mean()) < 5 * 2 / np.sqrt((p - 1) * REPLICATES)
    if p == 2:
        assert set(np.round(toward, 12)) == {-2.0, 2.0}
    else:  # a squared coordinate of a uniform unit vector in p - 1 dimensions
        assert stats.kstest((toward / 2) ** 2, stats.beta(0.5, (p - 2) / 2).cdf).pvalue > LEVEL
        assert stats.kstest((toward / 2) ** 2, stats.beta(0.5, (p - 1) / 2).cdf).pvalue < LEVEL


class TestWrongLawsAreNoticed:
    problem = TransferProblem(0.6, 7, 5, 3, mu=1.3, mu_orth=0.8, gamma=0.1, gamma_source=0.1)

    @pytest.mark.parametrize("entry", [0, 1])
    def test_one_degree_of_freedom_too_many(self, entry, monkeypatch):
        right = Chain.freedom

        def wrong(self, index):
            freedom = list(right(self, index))
            freedom[entry] = np.where(freedom[entry] > 0, freedom[entry] + 1, 0.0)
            return tuple(freedom)

        monkeypatch.setattr(Chain, "freedom", wrong)
        assert smallest_p_value(self.problem) < LEVEL

    def test_noise_of_the_source_forgotten(self, monkeypatch):
        right = krylov._in_target_basis
        monkeypatch.setattr(
            krylov,
            "_in_target_basis",
            lambda setting, along, aside, rng: right(setting, along, 0 * aside, rng),
        )
        assert smallest_p_value(self.problem) < LEVEL

    def test_source_noise_never_toward_the_target(self, monkeypatch):
        def wrong(setting, along, aside, rng):
            cosine, sine = setting.target_direction
            return cosine * along, np.hypot(sine * along, aside)

        monkeypatch.setattr(krylov, "_in_target_basis", wrong)
        problem = TransferProblem(0.6, 3, 6, 2, mu=1.3, mu_orth=0.8, gamma=1.0, gamma_source=0.1)
        assert smallest_p_value(problem) < LEVEL


def literal_model(problem, replicates, rng):
    """The model word by word, labels and general directions included: (mean, norm^2) at alpha = 1."""
    p, n, N = int(problem.p), int(problem.n), int(problem.N)
    basis = np.linalg.qr(rng.standard_normal((p, p)))[0]
    m_source = problem.mu * basis[0]
    m_target = problem.target_scale * (
        problem.beta * m_source + np.sqrt(1 - problem.beta**2) * problem.mu_orth * basis[1]
    )

    def data(mean, samples):
        y = np.where(np.arange(samples) % 2 == 0, 1.0, -1.0)
        return y, rng.standard_normal((replicates, p, samples)) + mean[:, None] * y

    def ridge(data, gamma, prior):
        y, x = data
        size = x.shape[2]
        gram = x @ x.transpose(0, 2, 1) / size + gamma * np.eye(p)
        return np.linalg.solve(gram, (x @ y / size + gamma * prior)[:, :, None])[..., 0]

    source = ridge(data(m_source, N), problem.gamma_source, 0.0)
    w = ridge(data(m_target, n), problem.gamma, source)
    return w @ m_target, np.sum(w * w, axis=1)


@pytest.mark.parametrize("method", ["dense", "krylov"])
@pytest.mark.parametrize(("p", "n", "N"), [(6, 8, 7), (8, 5, 6)])
def test_both_methods_follow_the_model_with_labels_and_general_directions(method, p, n, N):
    problem = TransferProblem(
        -0.4, p, n, N, mu=0.9, mu_orth=1.7, gamma=0.2, gamma_source=0.1, target_scale=1.2
    )
    draws = simulate(problem, 1.0, replicates=REPLICATES, method=method, rng=3).draws
    mean, norm2 = literal_model(problem, REPLICATES, np.random.default_rng(4))
    assert p_value(draws.mean, mean) > LEVEL
    assert p_value(draws.variance, norm2) > LEVEL
