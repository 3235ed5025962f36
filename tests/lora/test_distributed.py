"""Two processes (gloo): alpha's gradient is averaged, and all processes end with the same model."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys

import pytest
import torch
import two_processes


def free_ports(number):
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(number)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [str(probe.getsockname()[1]) for probe in probes]


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    """What two processes found: by kind of run, one dictionary of tensors each."""
    folder = tmp_path_factory.mktemp("two")
    ports = free_ports(2)
    started = [
        subprocess.Popen(
            [sys.executable, two_processes.__file__, str(rank), "2", str(folder), *ports],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        for rank in range(2)
    ]  # fmt: skip
    try:
        shown = [process.communicate(timeout=300)[0] for process in started]
    finally:
        for process in started:
            process.kill()
    assert all(process.returncode == 0 for process in started), "\n".join(shown)
    return {
        kind: [torch.load(folder / f"{kind}-{r}.pt") for r in range(2)] for kind in ("schedule", "trainer")
    }


def test_two_processes_with_half_the_rows_each_are_one_with_all(outcome):
    alone = two_processes.schedule(0, 1)
    for half in outcome["schedule"]:
        for name, value in alone.items():
            torch.testing.assert_close(half[name], value, atol=1e-6, rtol=1e-6)  # alpha is float32
    moved = [value.abs().max() for name, value in alone.items() if "rescale" in name]
    assert all(float(size) > 1e-3 for size in moved)


def test_trainer_on_two_processes(outcome):
    first, second = outcome["trainer"]
    rows = [process.pop("rows").tolist() for process in (first, second)]
    assert any("rescale" in name and float(value.abs().max()) > 0 for name, value in first.items())
    for name, value in first.items():
        assert torch.equal(value, second[name]), name
    # Four held-out rows (a tenth of 40), two per process and alpha step, never the same in both.
    assert len(rows[0]) == len(rows[1]) == 3 * 2
    for step in range(3):
        shares = [set(part[2 * step : 2 * step + 2]) for part in rows]
        assert shares[0] | shares[1] == {0, 1, 2, 3}
