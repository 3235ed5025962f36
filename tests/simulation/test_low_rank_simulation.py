"""Reduced-rank regression on random data: it is the exact minimiser, and it judges the theory."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import rmt_alpha as ra
from rmt_alpha.simulation.low_rank import weights
from rmt_alpha.simulation.setting import low_rank_setting

pytestmark = pytest.mark.usefixtures("one_simulation")

PROBLEM = ra.LowRankTransfer(0.6, [3, 2], 4.0, 1.0, n=120, p=50, d=40)
FEW = ra.LowRankTransfer(0.3, [2.5, 1.5], 3.0, 0.8, n=40, p=60, d=30, rest=1.0)
CASES = {
    "more samples than features": (PROBLEM, 0.2),
    "least norm": (FEW, 0.8),
    "ridge": (dataclasses.replace(FEW, gamma=0.3), 1.0),
    "more outputs than features": (dataclasses.replace(PROBLEM, d=70, p=30, beta=-0.5), 0.5),
}


def draws_of(problem, alpha, rank, **options):
    return ra.simulate(problem, alpha, rank=rank, **options).draws


def drawn(problem, seed):
    """The data of the first draw of a simulation with this seed."""
    rng = np.random.default_rng(np.random.SeedSequence(seed).spawn(1)[0])
    left, right, source, target = weights(low_rank_setting(problem, 0), rng)
    x = rng.standard_normal((int(problem.n), problem.p))
    y = x @ target.T + problem.noise * rng.standard_normal((int(problem.n), problem.d))
    return x, y, source, target, left, right


@pytest.mark.parametrize("case", CASES)
def test_weights_are_the_minimiser(case):
    # Another way: the fit of full rank by least squares on stacked rows, projected on the leading right
    # singular vectors of the fitted outputs.
    problem, alpha = CASES[case]
    draws = draws_of(problem, alpha, 0, replicates=1, rng=5)
    x, y, source, target, *_ = drawn(problem, 5)
    ridge = np.sqrt(problem.n * max(problem.gamma, 1e-13)) * np.eye(problem.p)
    rows, sides = (
        np.vstack([x, ridge]),
        np.vstack([y - alpha * x @ source.T, np.zeros((problem.p, problem.d))]),
    )
    full = np.linalg.lstsq(rows, sides, rcond=1e-12)[0]
    outputs = np.linalg.svd(rows @ full)[2]
    for rank in (0, 1, 3, problem.largest_rank):
        trained = full @ outputs[:rank].T @ outputs[:rank]
        risk = np.sum((alpha * source.T + trained - target.T) ** 2)
        assert draws.of_rank[0, rank] == pytest.approx(risk, rel=1e-5 if problem.gamma == 0 else 1e-9)
        assert draws.at_rank(rank).risk[0] == pytest.approx(risk + problem.d * problem.noise**2, rel=1e-5)


@pytest.mark.parametrize(
    ("rank", "case"),
    [
        # Every rank and every case, in half of the pairs.
        pytest.param(rank, case, marks=() if (i + j) % 2 == 0 else pytest.mark.slow)
        for i, rank in enumerate((1, 2, 6))
        for j, case in enumerate(CASES)
    ],
)
def test_theory_is_right(rank, case):
    problem, alpha = CASES[case]
    comparison = ra.compare(problem, [alpha, problem.beta], rank=rank, replicates=40, rng=1)
    assert comparison.agrees, comparison


def test_theory_is_right_for_random_problems():
    rng = np.random.default_rng(11)
    worst = []
    for _ in range(8):
        d, p = rng.integers(20, 50, 2)
        n = int(rng.integers(1.3 * p, 5 * p))
        spikes = rng.uniform(2, 4, rng.integers(1, 3)) * (d * p) ** 0.25 / np.sqrt(n)
        problem = ra.LowRankTransfer(
            rng.uniform(-1, 1), spikes, rng.uniform(0, 1), 0.7, n=n, p=int(p), d=int(d),
            gamma=rng.choice([0.0, 0.1]),
        )  # fmt: skip
        rank = int(rng.integers(1, 6))
        worst += [row.limit_z for row in ra.compare(problem, 1.0, rank=rank, replicates=30, rng=rng).rows]
    # Standard normal if the theory is right: the mean of 8 squares is above 3.27 once in 1000.
    assert np.mean(np.square(worst)) < 3.27, worst


class Wrong:
    """A theory with one mistake."""

    def __init__(self, problem, rank, mistake):
        self.problem, self.rank, self.mistake = problem, rank, mistake

    def excess_risk(self, alpha):
        return np.array([self.mistake(self.problem, self.rank, a) for a in np.atleast_1d(alpha)])


def perfect_spikes(problem, rank, alpha):
    """Spikes are learnt as they are."""
    return problem.excess_risk(alpha, 0) - np.sum(np.sort(problem.spikes)[::-1][:rank] ** 2)


def white_noise(problem, rank, alpha):
    """What alpha leaves of the source does not hide the spikes."""
    left = problem.excess_risk(alpha, 0) - problem.excess_risk(problem.beta, 0)
    return problem.excess_risk(problem.beta, rank) + left


def edge_for_each(problem, rank, alpha):
    """Every rank beyond the spikes costs what the edge costs."""
    learnt = problem.learnt(alpha)
    seen = int(learnt.seen.sum())
    return problem.excess_risk(alpha, min(rank, seen)) + max(rank - seen, 0) * learnt.edge_change


@pytest.mark.parametrize(
    ("mistake", "alpha", "rank"),
    [(perfect_spikes, 0.6, 2), (white_noise, 1.1, 2), (edge_for_each, 0.6, 8)],
    ids=["spikes", "noise", "edge"],
)
def test_a_wrong_theory_is_rejected(mistake, alpha, rank):
    problem = ra.LowRankTransfer(0.6, [1.5, 1.1], 8.0, 1.0, n=120, p=50, d=40)

    def theory(problem, rank):
        return Wrong(problem, rank, mistake)

    assert ra.compare(problem, [alpha], rank=rank, replicates=40, rng=2).agrees
    assert not ra.compare(problem, [alpha], theory=theory, rank=rank, replicates=40, rng=2).agrees


def test_singular_values_and_overlaps():
    # Bias of order 1/n by doubling, as in `compare`; 4 standard errors, of 12 numbers.
    runs, errors = [], []
    for factor in (1, 2):
        problem = dataclasses.replace(
            PROBLEM, n=factor * 120, p=factor * 50, d=factor * 40, source_norm=4 * np.sqrt(factor)
        )
        draws = draws_of(problem, 1.0, 2, replicates=150, rng=3)
        found = np.hstack([draws.singular_values[:, :2], draws.left, draws.right])
        runs.append(found.mean(axis=0))
        errors.append(found.std(axis=0, ddof=1) / np.sqrt(150))
    learnt = PROBLEM.learnt(1.0)
    expected = np.hstack([learnt.singular_values, learnt.left, learnt.right])
    z = (2 * runs[1] - runs[0] - expected) / np.hypot(2 * errors[1], errors[0])
    assert abs(z).max() < 4, z
    # A vector of the sample is not that of the weights: without S^(-1/2) the cosine would be too large.
    y2 = PROBLEM.n * PROBLEM.spikes**2
    on_sample = 1 - PROBLEM.p * (y2 + PROBLEM.d) / (y2 * (y2 + PROBLEM.p))
    assert (
        (z + (expected - np.hstack([expected[:4], on_sample])) / np.hypot(2 * errors[1], errors[0]))[4:] < -6
    ).all()


def test_at_high_rank_and_few_samples_beta_is_not_best():
    # What alpha leaves of the source helps to tell large from small singular values of the noise.
    problem = ra.LowRankTransfer(1.0, [2.77], 1.0, 0.1, n=30, p=15, d=139)
    curve = problem.curve(9)
    best = curve.optimal_alpha()
    assert best > 1.5
    risk = draws_of(problem, np.array([1.0, best, 2 - best]), 9, replicates=300, rng=0).excess_risk
    for other in (1, 2):
        gain = risk[:, 0] - risk[:, other]
        assert gain.mean() > 10 * gain.std() / np.sqrt(300)
        assert gain.mean() == pytest.approx(curve.gain(1.0), rel=0.25)  # n = 30: O(1/n)


def test_what_is_needed_and_what_fits():
    with pytest.raises(TypeError, match="rank is needed to simulate a LowRankTransfer"):
        ra.simulate(PROBLEM, 1.0)
    with pytest.raises(TypeError, match="rank is needed to compare"):
        ra.compare(PROBLEM, 1.0)
    with pytest.raises(TypeError, match="rank is for a LowRankTransfer only, not for a TransferProblem"):
        ra.simulate(ra.TransferProblem(0.5, p=4, n=8), 1.0, rank=2)
    with pytest.raises(ValueError, match=r"rank must be from 0 to min\(d, p\) = 40, got 41"):
        ra.simulate(PROBLEM, 1.0, rank=41)
    with pytest.raises(TypeError, match="theory of a LowRankTransfer must be a function"):
        ra.compare(PROBLEM, 1.0, rank=1, theory=PROBLEM.curve(1))
    with pytest.raises(ValueError, match="n must be a whole number"):
        ra.simulate(dataclasses.replace(PROBLEM, n=80.5), 1.0, rank=1)
    run = PROBLEM.simulate([0, 0.6], rank=1, replicates=3, rng=0)
    assert run.draws.optimal_alpha().shape == (3,)
    assert set(run.draws.optimal_alpha()) <= {0.0, 0.6}
    with pytest.raises(ValueError, match="rank must be from 0 to 40"):
        draws_of(PROBLEM, 0.0, 1, replicates=1).at_rank(41)
    with pytest.raises(AttributeError, match="excess_risk"):
        run.accuracy  # noqa: B018
    same = PROBLEM.simulate([0, 0.6], rank=1, replicates=3, rng=run.seed)
    np.testing.assert_array_equal(same.excess_risk, run.excess_risk)
    single = PROBLEM.simulate(0.6, rank=1, replicates=3, rng=run.seed)
    np.testing.assert_array_equal(single.excess_risk, np.asarray(run.excess_risk)[1])


def test_training_both_factors_finds_the_minimiser():
    torch = pytest.importorskip("torch")
    problem, alpha, rank = dataclasses.replace(PROBLEM, n=90, p=20, d=15), 1.0, 2
    draws = draws_of(problem, alpha, rank, replicates=1, rng=7)
    x, y, source, target, *_ = (torch.tensor(each) for each in drawn(problem, 7))
    generator = torch.Generator().manual_seed(0)
    B = torch.zeros(problem.d, rank, dtype=torch.float64, requires_grad=True)  # as LoRA starts
    A = 0.1 * torch.randn(rank, problem.p, generator=generator, dtype=torch.float64)
    A.requires_grad_()
    optimizer = torch.optim.LBFGS(
        [A, B], max_iter=2000, tolerance_grad=1e-10, tolerance_change=1e-16, line_search_fn="strong_wolfe"
    )

    def loss():
        optimizer.zero_grad()
        value = ((y - x @ (alpha * source + B @ A).T) ** 2).sum() / problem.n
        value.backward()
        return value

    optimizer.step(loss)
    risk = float(((alpha * source + B @ A - target) ** 2).sum().detach())
    assert draws.excess_risk[0] == pytest.approx(risk, rel=1e-6)
    # It moved, to where one rank less does not get.
    assert draws.of_rank[0, rank - 1] > 1.2 * risk
