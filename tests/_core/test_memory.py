"""Memory is asked for, everywhere by the same check."""

from __future__ import annotations

import numpy as np
import pytest

import rmt_alpha as ra
from rmt_alpha._core.machine import memory
from rmt_alpha._core.machine.memory import check_memory, left
from rmt_alpha.cli import main

GIB = 2**30


@pytest.fixture
def little(monkeypatch):
    """A machine with very little memory that is free."""
    monkeypatch.setattr("rmt_alpha._core.machine.memory.SMALL", 0)
    monkeypatch.setattr("rmt_alpha._core.machine.memory.left", lambda: 200.0)


def test_a_refusal_says_how_much_and_what_to_do(monkeypatch):
    monkeypatch.setattr("rmt_alpha._core.machine.memory.left", lambda: 3.0 * GIB)
    check_memory(2.9 * GIB, "a matrix", "take less")
    with pytest.raises(MemoryError, match=r"^a matrix takes 5 GiB, and 3 GiB of memory are left; take less$"):
        check_memory(5.0 * GIB, "a matrix", "take less")
    with pytest.raises(ValueError, match=r"^a matrix takes 2 GiB, above memory_limit=1 GiB; take less$"):
        check_memory(2.0 * GIB, "a matrix", "take less", limit=GIB)


def test_what_is_left_is_what_the_strictest_of_the_limits_leaves(monkeypatch, tmp_path):
    assert 0 < left() < 2**60
    info = tmp_path / "meminfo"
    info.write_text("MemTotal: 8192 kB\nMemAvailable: 4096 kB\n")
    monkeypatch.setattr(memory, "MEMINFO", info)
    monkeypatch.setattr(memory, "CGROUPS", tmp_path / "none")
    assert left() == 4096 * 1024
    # A container or a job: the group of this process, or one above it, has a limit.
    groups = tmp_path / "groups"
    own = groups / "job" / "step"
    own.mkdir(parents=True)
    process = tmp_path / "cgroup"
    process.write_text("0::/job/step\n")
    monkeypatch.setattr(memory, "CGROUPS", groups)
    monkeypatch.setattr(memory, "OWN_CGROUP", process)
    (own / "memory.max").write_text("max\n")
    (own.parent / "memory.max").write_text("3000000\n")
    (own.parent / "memory.current").write_text("2500000\n")
    (own.parent / "memory.stat").write_text("anon 1\ninactive_file 400000\n")
    assert left() == 900000
    info.unlink()  # another system: the machine's memory, whatever is used of it
    assert left() == 900000


MEANS = np.eye(2, 3)
FULL = np.eye(3) + 0.1


@pytest.mark.parametrize(
    ("what", "call"),
    [
        (r"checking covariances of shape \(3, 3\)", lambda: ra.GaussianMixture(MEANS, FULL)),
        (
            r"checking covariance of shape \(3, 3\)",
            lambda: ra.RidgeRegressionTransfer(FULL, np.ones(3), np.ones(3), 0.1, 5, 0.1),
        ),
        (r"x.npz: the array X", lambda: main(["fit", "x.npz", "--debug"])),
        ("a grid of 40 = 40 cells at 2 alphas", lambda: grid({"beta": np.linspace(0, 1, 40)}, [0, 1])),
        ("beta with 90000 values", lambda: grid({"beta": {"linspace": [0, 1, 90_000]}}, 0)),
        ("alpha with 90000 values", lambda: grid({"beta": 0.5}, {"linspace": [0, 1, 90_000]})),
        (
            "the table of 9 alphas and 4 quantities",
            lambda: ra.compare(ra.TransferProblem(0.5, 4, 5), range(9)),
        ),
        pytest.param(
            "decomposing 20 samples x 5 features",
            lambda: fit(ra.AlphaRidgeClassifierCV),
            id="AlphaRidgeClassifierCV",
        ),
        pytest.param("decomposing 20 samples x 5 features", lambda: fit(ra.AlphaRidgeCV), id="AlphaRidgeCV"),
        pytest.param(
            "decomposing 20 samples x 5 features",
            lambda: fit(ra.AlphaLogisticRegressionCV),
            id="AlphaLogisticRegressionCV",
        ),
    ],
)
def test_everything_large_asks(little, monkeypatch, tmp_path, capsys, what, call):
    monkeypatch.chdir(tmp_path)
    np.savez(tmp_path / "x.npz", X=np.eye(40), y=np.arange(40) % 2, coef_source=np.ones(40))
    try:
        with pytest.raises(MemoryError, match=rf"{what} takes .* of memory are left; \w+"):
            call()
    except pytest.fail.Exception:  # a command has said it
        assert "x.npz: the array X takes" in capsys.readouterr().err


@pytest.mark.parametrize("count", [1, 2])
def test_the_theory_of_full_covariances_asks(little, count):
    memory.left, there = (lambda: 1e6), memory.left  # to make the problem
    mixture = ra.GaussianMixture(MEANS, [FULL, FULL + np.diag([0, 0, count - 1.0])])
    problem = ra.FineTuning(mixture, ra.FixedSource(np.ones(3)), n=4, gamma=0.1)
    memory.left = lambda: 100.0
    message = f"the theory of {count} full covariances? in dimension 3 takes .* diagonal"
    with pytest.raises(MemoryError, match=message):
        problem.curve()
    with pytest.raises(MemoryError, match="factorising a full covariance in dimension 3 takes"):
        problem.simulate(1.0)
    memory.left = there


def grid(axes, alpha):
    return ra.sweep(axes | {"p": 4, "n": 5}, alpha=alpha, replicates=0, store=None, dry_run=True)


def fit(kind):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((20, 5))
    return kind(coef_source=np.ones(5)).fit(X, np.sign(X[:, 0]))
