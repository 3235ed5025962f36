"""The figures of corrections of low rank."""

from __future__ import annotations

import numpy as np

from rmt_alpha.experiments.figures import low_rank, low_rank_phase


def test_theory_meets_simulation_at_every_rank_and_alpha(quick):
    found = quick("low_rank").simulated
    # 30 numbers of 4 draws: 2 % for the bias of order 1/n (n - p - 1 for n - p alone is .3 %, p = 200), and
    # what 4 draws scatter.
    assert (abs(found.simulated - found.theory) < 0.02 * found.theory + 5 * found.standard_error).all()
    rank_0, full = found.standard_error[0], found.standard_error[-1]
    assert (rank_0 < 0.2).all()
    assert (full < 2).all()


def test_gain_of_alpha_falls_with_the_rank_and_ends(quick):
    result = quick("low_rank")
    assert (np.diff(result.gain_line)[:100] < 0).all()  # beyond, what alpha leaves may help: 1e-5 of the risk
    assert result.gain_line[0] == low_rank.problem().curve(0).gain()
    assert abs(result.gain_line[-1]) < 1e-9
    assert abs(result.gain.simulated[-1]) < 1e-9  # exactly: a full correction rescales the source
    assert (abs(result.gain.simulated - result.gain.theory) < 5 * result.gain.standard_error + 0.2).all()


def test_learnt_singular_values(quick):
    result = quick("low_rank")
    spikes = result.spikes
    np.testing.assert_allclose(spikes.simulated, spikes.singular_value, rtol=0.05)
    ends, density = result.histogram
    inside = (ends[:-1] < spikes.edge) & (density > 0)
    values, theory = result.bulk
    middle = (ends[1:] + ends[:-1]) / 2
    expected = np.interp(middle, values[::-1], theory[::-1])
    # 150 values of 4 matrices in bins of some 0.08: singular values repel, so counts hardly scatter.
    assert abs(density - expected)[inside].mean() < 0.1 * theory.max()


def test_phase_diagram(quick):
    result = quick("low_rank_phase")
    few, many = result.advantage[:, 0], result.advantage[:, -1]
    assert few[-1] > 0  # the first rank holds the largest spike
    assert many.max() < 0  # no spike is left for the last
    assert (np.diff(result.seen) >= 0).all()
    assert result.seen[-1] == low_rank_phase.SPIKES.size
    assert (result.best.rank_at_best_alpha <= low_rank_phase.SPIKES.size).all()
