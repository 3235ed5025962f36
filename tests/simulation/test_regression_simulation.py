"""`simulate` and `compare` for `RidgeRegressionTransfer`."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from sklearn.linear_model import Ridge

import rmt_alpha as ra
from rmt_alpha.problems.regression import RidgeRegressionTransfer
from rmt_alpha.simulation import RegressionDraws
from rmt_alpha.simulation.samplers import choose_sampler
from rmt_alpha.simulation.setting import regression_setting

P, N = 60, 40
ALPHAS = [0.0, 1.0, -0.5]


def make(kind="diagonal", p=P, n=N, gamma=0.2):
    rng = np.random.default_rng(0)
    target = rng.standard_normal((3, p)) / np.sqrt(p)
    root = rng.standard_normal((p, 2 * p)) / np.sqrt(2 * p)
    spectrum = np.linspace(0.1, 3, p)
    entries = {"scalar": 0.7, "diagonal": spectrum, "full": (root * np.repeat(spectrum, 2)) @ root.T}
    source = 0.8 * target + rng.standard_normal((3, p)) / np.sqrt(p) * np.sqrt(spectrum)
    return RidgeRegressionTransfer(entries[kind], target, source, [0.1, 0.5, 0.3], n=n, gamma=gamma)


def test_risk_of_each_fit_is_what_a_test_set_measures():
    problem = make("full", 12, 15)
    seed = np.random.SeedSequence(3)
    setting = regression_setting(problem)
    sampler = choose_sampler(problem, "dense", None, "fixed")
    draws = RegressionDraws(np.array(ALPHAS), 0.35, *sampler.draw(np.array(ALPHAS), 1, seed).arrays)
    # The same data, in the order in which they are drawn; scikit-learn fits what the prior leaves over.
    rng = np.random.default_rng(seed)
    x = setting.covariance.samples(15, rng).T
    y = x @ problem.coef_target.T + rng.standard_normal((15, 3)) * problem.noise
    test = np.random.default_rng(4)
    x_test = test.standard_normal((200_000, 12)) @ np.linalg.cholesky(problem.covariance).T
    y_test = x_test @ problem.coef_target.T + test.standard_normal((200_000, 3)) * problem.noise
    for i, alpha in enumerate(ALPHAS):
        prior = alpha * problem.coef_source
        model = Ridge(alpha=15 * 0.2, fit_intercept=False, solver="svd").fit(x, y - x @ prior.T)
        w = model.coef_ + prior
        error = w - problem.coef_target
        exact = 0.35 + np.trace(error @ problem.covariance @ error.T)
        assert draws.risk[0, i] == pytest.approx(exact, rel=1e-11)
        losses = ((y_test - x_test @ w.T) ** 2).sum(axis=1)
        assert abs(losses.mean() - exact) < 5 * losses.std() / np.sqrt(200_000)


@pytest.mark.parametrize("kind", ["scalar", "diagonal", "full"])
@pytest.mark.parametrize(("n", "gamma"), [(40, 0.2), (90, 0.01), (30, 0.0)])
def test_theory_is_right(kind, n, gamma):
    comparison = ra.compare(make(kind, n=n, gamma=gamma), ALPHAS, replicates=150, rng=1)
    assert comparison.agrees, comparison
    assert comparison.sizes == [(P, n, None), (2 * P, 2 * n, None)]


def test_wrong_theories_fail():
    problem = make()
    flat = dataclasses.replace(problem, covariance=float(np.mean(problem.covariance)))
    silent = dataclasses.replace(problem, noise=0.0)
    for wrong in (flat, silent, dataclasses.replace(problem, gamma=0.4)):
        assert not ra.compare(problem, ALPHAS, theory=wrong, replicates=300, rng=1).agrees


def test_identity_covariance_is_the_closed_form():
    problem = dataclasses.replace(make(), covariance=None, noise=0.3)

    class ClosedForm:
        def risk(self, alpha):
            ridge = ra.effective_ridge(P, N, 0.2)
            missed = [np.sum((problem.coef_target - a * problem.coef_source) ** 2) for a in np.ravel(alpha)]
            shrink = ridge.kappa / ridge.lift
            return (3 * 0.3**2 + shrink**2 * np.reshape(missed, np.shape(alpha))) / ridge.freedom

    assert ra.compare(problem, ALPHAS, theory=ClosedForm(), replicates=300, rng=1).agrees


def test_best_alpha_of_each_fit():
    draws = ra.simulate(make(), 0.0, replicates=6, rng=1).draws
    best = draws.optimal_alpha()
    for step in (-0.01, 0.01, 1.0):
        moved = draws.at(best + step).risk[np.arange(6), np.arange(6)]
        assert (moved > draws.at(best).risk[np.arange(6), np.arange(6)]).all()
    idle = dataclasses.replace(make(), coef_source=np.zeros((3, P)))
    assert not ra.simulate(idle, 0.0, replicates=2, rng=1).draws.optimal_alpha().any()


def test_interface():
    one, two = (ra.simulate(make("full"), np.ones((2, 2)), replicates=300, rng=1, n_jobs=j) for j in (1, 2))
    assert np.array_equal(one.draws.risk, two.draws.risk)
    assert np.shape(one.risk) == np.shape(one.risk_stderr) == (2, 2)
    assert one.method == "dense"
    vector = RidgeRegressionTransfer(1.0, np.ones(4), np.ones(4), 0.5, n=6, gamma=0.1)
    assert type(ra.simulate(vector, 1.0, replicates=2, rng=0).risk) is float
    with pytest.raises(AttributeError, match="regression have no 'accuracy'; they have risk"):
        one.accuracy  # noqa: B018
    with pytest.raises(ValueError, match="quantities must be among risk, got"):
        ra.compare(make(), 0.0, quantities=("accuracy",))
    with pytest.raises(ValueError, match=r"method='krylov' needs one covariance for all.* a diagonal"):
        ra.simulate(make("full"), 0.0, method="krylov")
    with pytest.raises(ValueError, match=r"matrices: data of 60 x 40, 1 at a time\) takes .* GiB"):
        ra.simulate(make(), 0.0, memory_limit=10_000)
    with pytest.raises(ValueError, match="n must be a whole number"):
        ra.simulate(dataclasses.replace(make(), n=2.5), 0.0)
