"""The risk with a correction of low rank: its ends, its closed form, and another derivation."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from low_rank_overlaps import Overlaps

import rmt_alpha as ra
from rmt_alpha.theory.low_rank.bulk import bulk
from rmt_alpha.theory.low_rank.model import model, sample_spectrum
from rmt_alpha.theory.low_rank.outliers import edge, location, moved, outliers, rate

TABLE = ra.LowRankTransfer(0.6, [3, 2, 1.5], 6.0, 1.0, n=500, p=200, d=150)
RANKS = np.array([0, 1, 2, 3, 5, 10, 30, 150])
SIMULATED = {
    0.0: [28.28, 20.07, 17.09, 15.94, 19.24, 26.72, 52.12, 100.63],
    0.6: [15.25, 7.26, 4.41, 3.26, 7.68, 17.34, 47.72, 100.63],
    1.0: [20.97, 12.99, 10.10, 8.82, 12.80, 21.51, 49.63, 100.63],
}
"""Averages over draws, each of 30, of reduced-rank regression."""


@st.composite
def problems(draw, smallest=3):
    d, p = draw(st.integers(smallest, 200)), draw(st.integers(smallest, 200))
    n = draw(st.integers(2, 600))
    spikes = draw(st.lists(st.floats(0.05, 5.0), max_size=3))
    gamma = draw(st.sampled_from([0.0, 1e-3, 0.1, 3.0])) if n != p else 0.1
    norms = st.just(0.0) | st.floats(1e-3, 20.0)
    return ra.LowRankTransfer(
        draw(st.floats(-1.5, 1.5)), spikes, draw(norms), draw(st.floats(0.1, 3.0)),
        n=n, p=p, d=d, rest=draw(norms), gamma=gamma,
    )  # fmt: skip


def excess(problem, alpha, rank):
    return problem.excess_risk(alpha, rank)


def same_weights(problem):
    """The ridge regression of whose target and source the problem's are an example, and its excess risk."""
    rng = np.random.default_rng(0)
    shape = (problem.d, problem.p)
    source, other = rng.standard_normal((2, *shape))
    source *= problem.source_norm / np.linalg.norm(source)
    other -= np.sum(other * source) / max(np.sum(source**2), 1e-300) * source
    other *= np.sqrt(np.sum(problem.spikes**2) + problem.rest**2) / np.linalg.norm(other)
    return problem.beta * source + other, source


@given(problems(), st.floats(-2, 3))
def test_rank_0_and_full_rank_are_ridge_regression(problem, alpha):
    target, source = same_weights(problem)
    noise = problem.d * problem.noise**2

    def regression(gamma):
        fit = ra.RidgeRegressionTransfer(None, target, source, problem.noise, problem.n, gamma)
        return fit.risk(alpha)

    found = problem.excess_risk(alpha, np.array([0, problem.largest_rank])) + noise
    # A ridge of 1e14 lets the correction be of relative size 1e-14.
    np.testing.assert_allclose(found, [regression(1e14), regression(problem.gamma)], rtol=1e-10)


@given(problems(), st.floats(-2, 3))
def test_all_ranks_add_up_to_full_rank(problem, alpha):
    # The bulk knows nothing of the closed form of the full correction: a wrong density, a spike that is left
    # out of the bulk, or one singular value too many would be of order 1/d.
    # Near n = p the law of S has a pole at 0, where singular values matter least and sums of nodes are rough.
    assume(abs(problem.n - problem.p) > 0.5 * problem.p)
    law = model(problem, np.array([alpha]))
    top, bottom = edge(law, 1), edge(law, -1)
    spikes = outliers(law, top)
    inside = bulk(law, top, bottom, 2048)
    step = np.pi / 2048
    assert inside.count.sum() * step + spikes.seen.sum() == pytest.approx(law.rank, abs=1e-3)
    change = np.where(spikes.seen, rate(law, spikes.mu, law.risk_direction()), 0.0).sum()
    full, none = problem.excess_risk(alpha, np.array([problem.largest_rank, 0]))
    assert inside.gain.sum() * step + change == pytest.approx(full - none, rel=1e-4, abs=1e-4 * (full + none))


@pytest.mark.parametrize("theta", [3.0, 2.0, 1.5])
def test_white_noise_is_the_spiked_model_in_closed_form(theta):
    # Benaych-Georges and Nadakuditi 2012, with n - p for n - p - 1.
    n, p, d, i = TABLE.n, TABLE.p, TABLE.d, list(TABLE.spikes).index(theta)
    y2 = n * theta**2
    s2 = (y2 + d) * (y2 + p) / y2
    left = 1 - d * (y2 + p) / (y2 * (y2 + d))
    right = 1 - p * (y2 + d) / (y2 * (y2 + p))
    change = s2 * (right / n + (1 - right) / (n - p)) - 2 * theta * np.sqrt(s2 * left * right / n)
    learnt = TABLE.learnt(0.6)
    np.testing.assert_allclose(learnt.singular_values[i], np.sqrt(s2 / n), rtol=1e-12)
    np.testing.assert_allclose(learnt.left[i], left, rtol=1e-12)
    np.testing.assert_allclose(learnt.change[i], change, rtol=1e-12)
    # R has lost the rotation to the sample: its right vector is S^(-1/2) vh, its size that of the vector.
    size = s2 * (right / n + (1 - right) / (n - p))
    np.testing.assert_allclose(learnt.sizes[i] ** 2, size, rtol=1e-12)
    np.testing.assert_allclose(learnt.right[i], s2 * right / n / size, rtol=1e-12)
    np.testing.assert_allclose(learnt.edge, (np.sqrt(d) + np.sqrt(p)) / np.sqrt(n), rtol=1e-12)
    np.testing.assert_allclose(learnt.edge_change, (np.sqrt(d) + np.sqrt(p)) ** 2 / (n - p), rtol=1e-12)
    np.testing.assert_allclose(TABLE.samples_to_see()[2], np.sqrt(d * p) / 1.5**2, atol=200)


def test_threshold_in_closed_form():
    many = ra.LowRankTransfer(0.5, [0.3, 0.1, 0.0], 6.0, 2.0, n=500, p=20, d=80)
    expected = [4 * np.sqrt(1600) / 0.09, 4 * np.sqrt(1600) / 0.01, np.inf]
    np.testing.assert_allclose(many.samples_to_see(), expected, rtol=1e-9)
    # Fewer samples than dimensions: singular vectors of n x d noise, y^4 = d n.
    few = ra.LowRankTransfer(0.5, [3.0], 6.0, 2.0, n=500, p=2000, d=80)
    np.testing.assert_allclose(few.samples_to_see(), [80 * (4 / 9) ** 2], rtol=1e-9)
    # Beside the threshold a spike appears.
    for factor, seen in ((0.999, False), (1.001, True)):
        assert dataclasses.replace(many, n=expected[0] * factor).learnt(0.5).seen[0] == seen
    # What alpha leaves of the source hides a spike for good: of noise a (sqrt d + sqrt p), no n reduces it.
    hidden = ra.LowRankTransfer(0.5, [0.3], 60.0, 2.0, n=500, p=20, d=80)
    assert np.isinf(hidden.samples_to_see(1.5)).all()


SETTINGS = [
    (TABLE, 0.0),
    (TABLE, 1.3),
    (ra.LowRankTransfer(-0.4, [4, 2.5], 8.0, 1.0, n=230, p=200, d=80), 1.0),
    (ra.LowRankTransfer(0.9, [4, 2.5], 9.0, 0.7, n=600, p=60, d=180, rest=2.0), -0.5),
]


@pytest.mark.parametrize(("problem", "alpha"), SETTINGS)
def test_risk_of_a_spike_by_its_singular_vectors(problem, alpha):
    learnt = problem.learnt(alpha)
    for i, theta in enumerate(problem.spikes):
        other = Overlaps(problem, alpha, theta)
        # The norm of vh certifies the other derivation.
        assert other.quadratic(np.ones_like(other.S)) == pytest.approx(1, abs=1e-9)
        assert learnt.change[i] == pytest.approx(other.change(), rel=1e-8)
        assert learnt.left[i] == pytest.approx(other.left, rel=1e-8)
        assert learnt.singular_values[i] ** 2 == pytest.approx(other.zeta / problem.n, rel=1e-8)
        assert learnt.sizes[i] ** 2 == pytest.approx(other.zeta * other.quadratic(1 / other.S), rel=1e-8)


@given(problems(), st.floats(-2, 3))
def test_rates_are_those_of_finite_differences(problem, alpha):
    law = model(problem, np.array([alpha]))
    top = edge(law, 1)
    spikes = outliers(law, top)
    for along in (law.risk_direction(), law.size_direction(), law.truth_direction()):
        h = 1e-5 * float(
            min((law.q / (abs(along.q) + 1e-300)).min(), (law.T / (abs(along.T) + 1e-300)).min())
        )

        def at(step, along=along):
            return dataclasses.replace(law, q=law.q + step * along.q, T=law.T + step * along.T)

        up, down = at(h), at(-h)
        slope = (location(up, edge(up, 1)) - location(down, edge(down, 1))) / (2 * h)
        # Errors: h^2 relative by the difference, rounding of z divided by h.
        slack = 1e-6 * abs(slope) + 1e-14 * location(law, top) / h
        assert (abs(slope - moved(law, top, along)) <= slack + 1e-300).all()
        kept = spikes.seen & outliers(up, edge(up, 1)).seen & outliers(down, edge(down, 1)).seen
        moved_to = [location(each, outliers(each, edge(each, 1)).mu) for each in (up, down)]
        slope = (moved_to[0] - moved_to[1]) / (2 * h)
        slack = 1e-5 * abs(slope) + 1e-13 * location(law, spikes.mu) / h
        assert (abs(slope - rate(law, spikes.mu, along))[kept] <= slack[kept]).all()


@given(problems(), st.floats(-2, 3), st.floats(0.1, 10))
def test_units_do_not_matter(problem, alpha, unit):
    ranks = np.unique(np.minimum([0, 1, 2, 4, 8], problem.largest_rank))
    scaled = dataclasses.replace(
        problem, spikes=unit * problem.spikes, source_norm=unit * problem.source_norm,
        noise=unit * problem.noise, rest=unit * problem.rest,
    )  # fmt: skip
    expected = unit**2 * problem.excess_risk(alpha, ranks)
    np.testing.assert_allclose(scaled.excess_risk(alpha, ranks), expected, rtol=1e-6)
    mirrored = problem.excess_risk(2 * problem.beta - alpha, ranks)
    np.testing.assert_allclose(mirrored, problem.excess_risk(alpha, ranks), rtol=1e-6)


@given(problems(smallest=50))
def test_beta_is_best_for_what_is_seen(problem):
    seen = int(problem.learnt(problem.beta).seen.sum())
    curve = problem.curve(seen)
    alphas = problem.beta + np.concatenate([[0.0], np.geomspace(1e-3, 10, 12)])
    risks = curve.risk(alphas)
    assert (np.diff(risks) >= -1e-9 * risks[1:]).all()
    assert curve.optimal_alpha() == (problem.beta if problem.source_norm else 1.0)


@given(problems(), st.integers(0, 30))
def test_the_optimum_is_one(problem, rank):
    curve = problem.curve(min(rank, problem.largest_rank))
    best = curve.optimum()
    alphas = problem.beta + np.geomspace(1e-2, 100, 12) * (best.alpha - problem.beta or 1.0)
    assert (curve.risk(alphas) >= best.value * (1 - 1e-6)).all()
    assert best.value == curve.risk(best.alpha)
    assert (np.asarray(curve.gain([0.0, 1.0])) >= -1e-6 * best.value).all()
    low, high = curve.tolerance_interval(0.1)
    assert low <= best.alpha <= high
    ends = np.array([end for end in (low, high) if np.isfinite(end)])
    np.testing.assert_allclose(curve.risk(ends), 1.1 * best.value, rtol=1e-6)
    first, last = curve.transfer_interval()
    if first != last:
        assert first < best.alpha < last
        np.testing.assert_allclose(curve.risk([first, last]), curve.risk(0.0), rtol=1e-6)
        assert curve.risk((first + best.alpha) / 2) <= curve.risk(0.0) * (1 + 1e-9)


def test_intervals_in_closed_form():
    curve = TABLE.curve(0)  # excess risk 36 (alpha - .6)^2 + 15.25, noise 150
    assert curve.transfer_interval() == pytest.approx((0, 1.2), abs=1e-12)
    width = np.sqrt(np.array([0.01, 0.1]) * 165.25 / 36)
    ends = np.stack(curve.tolerance_interval([0.01, 0.1]))
    np.testing.assert_allclose(ends, np.stack([0.6 - width, 0.6 + width]), rtol=1e-10)
    assert TABLE.curve(150).tolerance_interval(0.1) == (-np.inf, np.inf)
    assert TABLE.curve(150).transfer_interval() == (0, 0)
    for factor in (2.0, -0.5, 0.0):
        along, curve = TABLE.curve(5).along(factor), TABLE.curve(5)
        assert along.risk(0.7) == pytest.approx(curve.risk(0.7 * factor))


def test_the_table_within_the_error_of_thirty_draws():
    for alpha, simulated in SIMULATED.items():
        # 1/n bias (n - p - 1 for n - p: .3 %) and 30 draws: 2.8 % was the largest error of (20).
        np.testing.assert_allclose(excess(TABLE, alpha, RANKS), simulated, rtol=0.028)
    gains = np.array([TABLE.curve(int(rank)).gain() for rank in RANKS], float)
    np.testing.assert_allclose(gains, [5.72, 5.73, 5.69, 5.57, 5.11, 4.17, 1.91, 0], atol=0.12)
    # Each further rank charged as if it were at the edge, as one does for a few, is wrong for many.
    learnt = TABLE.learnt(0.6)
    charged = TABLE.excess_risk(0.6, 3) + 27 * learnt.edge_change
    assert charged > 1.3 * SIMULATED[0.6][6]


def test_the_risk_is_continuous_where_a_spike_appears():
    # Its pole touches the bulk, which gives half a singular value and takes half of one.
    problem = ra.LowRankTransfer(0.5, [1.0], 4.0, 1.0, n=200, p=40, d=60)
    n = problem.samples_to_see()[0]
    near = [
        excess(dataclasses.replace(problem, n=n * (1 + step)), 0.5, 5) for step in (-1e-3, -1e-6, 1e-6, 1e-3)
    ]
    assert abs(np.diff(near)).max() < 0.02 * near[0], near


@pytest.mark.parametrize(("aspect", "gamma"), [(0.4, 0.0), (0.95, 0.0), (3.0, 0.0), (0.999, 0.1), (1.0, 0.5)])
def test_quadrature_over_the_sample_spectrum(aspect, gamma):
    nodes, weights = sample_spectrum(aspect, gamma)
    assert weights.sum() == pytest.approx(min(1, 1 / aspect), rel=1e-12)
    assert weights @ nodes == pytest.approx(1, rel=1e-12)
    ridge = ra.effective_ridge(aspect, 1.0, gamma)
    # (1/p) tr S (S + gamma)^-1 = 1/(1 + kappa)
    assert weights @ (nodes / (nodes + gamma)) == pytest.approx(1 / ridge.lift if gamma else weights.sum())
    if gamma == 0:
        inverse = 1 / (1 - aspect) if aspect < 1 else 1 / (aspect * (aspect - 1))
        assert weights @ (1 / nodes) == pytest.approx(inverse, rel=1e-10)


def test_a_map_is_its_single_values():
    alphas, ranks = np.linspace(-1, 2, 7)[:, None], np.array([0, 2, 5, 40, 150])
    table = excess(TABLE, alphas, ranks)
    single = [[excess(TABLE, float(a), int(r)) for r in ranks] for a in alphas[:, 0]]
    np.testing.assert_allclose(table, single, rtol=1e-9)
    assert excess(TABLE, [], 3).shape == (0,)
    assert isinstance(TABLE.excess_risk(1, 3), float)


def test_best_rank_weighs_spikes_against_noise():
    assert TABLE.optimal_rank() == 3
    weak = dataclasses.replace(TABLE, n=240)
    # Near p = n the inverse of S charges for all that is kept: seen is not yet worth keeping.
    seen = int(weak.learnt(0.6).seen.sum())
    assert weak.optimal_rank() < seen
    # Far from beta a correction of high rank repairs the source.
    assert dataclasses.replace(TABLE, source_norm=60.0).optimal_rank(-3.0) == 150
