"""How work is shared out, and what the estimate is made of.  Nothing here measures time."""

from __future__ import annotations

import pytest

from rmt_alpha.validation.sweeps import plan as cost
from rmt_alpha.validation.sweeps.cell import compute
from rmt_alpha.validation.sweeps.grid import read_grid
from rmt_alpha.validation.sweeps.plan import TASK_CELLS, duration, estimated_seconds, predicted_seconds, tasks


def cells_of(**change):
    grid = {"beta": {"linspace": [0, 1, 100]}, "p": 400, "n": 40, "alpha": 1}
    return list(read_grid(grid | change).cells())


@pytest.mark.parametrize("workers", [1, 2, 16])
@pytest.mark.parametrize("replicates", [0, 1, 100, 100_000])
def test_every_cell_is_in_one_task_in_order(workers, replicates):
    cells = cells_of(replicates=replicates)
    shared = list(tasks(cells, workers))
    assert [cell for task in shared for cell in task] == cells
    assert len(shared) >= min(4 * workers, 50)


def test_long_cells_travel_alone_and_short_ones_together():
    assert {len(task) for task in tasks(cells_of(replicates=100_000), 2)} == {1}
    many = cells_of(replicates=0, beta={"linspace": [0, 1, 20_000]})
    assert max(len(task) for task in tasks(many, 2)) == TASK_CELLS
    assert list(tasks([], 2)) == []


def test_prediction_grows_with_the_work():
    def cost_of(**change):
        return predicted_seconds(cells_of(**change)[0])

    assert cost_of(replicates=0) < cost_of(replicates=1) < cost_of(replicates=1000)
    assert cost_of(method="dense", n=40) < cost_of(method="dense", n=4000)
    assert cost_of(N=1000) > cost_of()
    # Near p = n without ridge the chain is as long as the problem is large.
    assert cost_of(p=100_000, n=100_000, gamma=1e-12) > 10 * cost_of(p=100_000, n=100_000, gamma=1)


def test_estimate_scales_the_model_by_what_was_measured(monkeypatch):
    cells = cells_of(replicates=500)
    clock = iter(range(0, 1000, 2))  # every probe takes 2 seconds of this clock
    monkeypatch.setattr("time.perf_counter", lambda: float(next(clock)))
    total = estimated_seconds(cells, 1)
    assert total == pytest.approx(2.0 * len(cells), rel=1e-12)
    assert estimated_seconds(cells, 4) == pytest.approx(total / 4, rel=1e-12)
    assert estimated_seconds([], 4) == 0.0
    assert estimated_seconds(cells[:1], 4) == pytest.approx(2.0, rel=1e-12)


def test_probes_are_short(monkeypatch):
    """Whatever is asked for, looking ahead computes for about a second."""
    probed = []
    monkeypatch.setattr(cost, "compute", lambda cells: [probed.extend(cells), compute(cells)][1])
    estimated_seconds(cells_of(replicates=10_000_000), 2)
    assert 0 < sum(map(predicted_seconds, probed)) < 4
    probed.clear()
    seconds = estimated_seconds(cells_of(p=20_000, n=20_000, method="dense", replicates=100), 2)
    assert probed == []
    assert seconds > 1000


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "less than a second"),
        (31.4, "about 31 seconds"),
        (600, "about 10 minutes"),
        (9000, "about 2.5 hours"),
        (1e6, "about 11.6 days"),
    ],
)
def test_durations_are_said_in_words(seconds, text):
    assert duration(seconds) == text
