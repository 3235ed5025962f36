"""`simulate`: arguments, reproducibility, results."""

from __future__ import annotations

import io
import math
import sys
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from rmt_alpha import FineTuning, FixedSource, GaussianMixture, TransferProblem
from rmt_alpha.simulation import TransferDraws, simulate

PROBLEM = TransferProblem(0.8, 30, 20, 25, gamma=0.1)
QUANTITIES = ("mean", "variance", "accuracy", "risk")


def coefficients(simulation):
    return np.hstack([simulation.draws.along, simulation.draws.across])


@pytest.mark.parametrize("method", ["dense", "krylov"])
def test_results_do_not_depend_on_the_number_of_workers(method):
    one, two = (simulate(PROBLEM, 1.0, replicates=700, method=method, rng=1, n_jobs=jobs) for jobs in (1, 2))
    assert np.array_equal(coefficients(one), coefficients(two))


@pytest.mark.parametrize("method", ["dense", "krylov"])
def test_seeds(method):
    def run(rng):
        return coefficients(simulate(PROBLEM, 1.0, replicates=5, method=method, rng=rng))

    first = simulate(PROBLEM, 1.0, replicates=5, method=method)
    assert np.array_equal(run(first.seed), coefficients(first))
    assert np.array_equal(run(first.seed), coefficients(first))
    assert first.seed.n_children_spawned == 0
    assert np.array_equal(run(7), run(np.int64(7)))
    assert np.array_equal(run([7, 8]), run((7, 8)))
    assert not np.array_equal(run(7), run(8))
    generator = np.random.default_rng(3)
    from_generator = run(generator)
    assert not np.array_equal(from_generator, run(generator))
    assert np.array_equal(from_generator, run(np.random.default_rng(3)))


def test_random_state_is_advanced_by_each_call():
    def run(rng):
        return coefficients(simulate(PROBLEM, 1.0, replicates=5, rng=rng))

    state = np.random.RandomState(3)
    first, second = run(state), run(state)
    assert not np.array_equal(first, second)
    again = np.random.RandomState(3)
    assert np.array_equal(run(again), first)
    assert np.array_equal(run(again), second)
    assert not np.array_equal(first, run(np.random.RandomState(4)))
    # Whatever the platform's integers are: eight words of 32 bits.
    words = np.random.RandomState(3).randint(0, 2**32, 8, dtype=np.uint64)
    assert np.array_equal(first, run([int(word) for word in words]))


def test_replicates_are_independent_across_batches():
    values = simulate(PROBLEM, 1.0, replicates=300, rng=1).draws.mean
    assert len(np.unique(values)) == 300
    correlation = np.corrcoef(values[:-128], values[128:])[0, 1]
    assert abs(correlation) < 5 / math.sqrt(172)


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (0,)])
def test_shapes(shape):
    alpha = np.linspace(-1, 2, max(1, math.prod(shape)))[: math.prod(shape)].reshape(shape)
    simulation = simulate(PROBLEM, alpha, replicates=4, rng=0)
    for name in QUANTITIES:
        assert getattr(simulation.draws, name).shape == (4, *shape)
        assert np.shape(getattr(simulation, name)) == shape
        assert np.shape(getattr(simulation, f"{name}_stderr")) == shape
    assert simulation.draws.optimal_alpha().shape == (4,)
    if shape == ():
        assert type(simulation.accuracy) is float


def test_averages_and_standard_errors():
    simulation = simulate(PROBLEM, [0.0, 1.0], replicates=50, rng=0)
    for name in QUANTITIES:
        values = getattr(simulation.draws, name)
        assert np.allclose(getattr(simulation, name), values.sum(axis=0) / 50, rtol=1e-14)
        spread = np.sum((values - values.mean(axis=0)) ** 2, axis=0)
        assert np.allclose(getattr(simulation, f"{name}_stderr"), np.sqrt(spread / (50 * 49)), rtol=1e-12)


def test_one_replicate_has_an_infinite_standard_error():
    assert simulate(PROBLEM, 1.0, replicates=1, rng=0).accuracy_stderr == math.inf
    assert np.all(simulate(PROBLEM, [0, 1], replicates=1, rng=0).risk_stderr == math.inf)


def test_other_alphas_without_new_draws():
    simulation = simulate(PROBLEM, 1.0, replicates=5, rng=0)
    again = simulation.at([0.0, 2.0])
    direct = simulate(PROBLEM, [0.0, 2.0], replicates=5, rng=0)
    for name in QUANTITIES:
        assert np.array_equal(getattr(again.draws, name), getattr(direct.draws, name))
    assert np.shape(again.accuracy) == (2,)
    assert simulation.accuracy == simulate(PROBLEM, 1.0, replicates=5, rng=0).accuracy


def test_auto_is_krylov_for_a_transfer_problem():
    simulation = simulate(PROBLEM, 1.0, replicates=2, rng=0)
    assert simulation.method == "krylov"
    assert np.array_equal(
        coefficients(simulation), coefficients(simulate(PROBLEM, 1.0, replicates=2, rng=0, method="krylov"))
    )


def test_fixed_source_from_vectors():
    problem = TransferProblem.from_source([0.5, 0.5, 0.0], [1.0, 0.0, 1.0], n=6, gamma=0.5)
    dense, fast = (simulate(problem, 1.0, replicates=4000, method=m, rng=0) for m in ("dense", "krylov"))
    assert np.abs(dense.accuracy - fast.accuracy) < 5 * math.hypot(
        dense.accuracy_stderr, fast.accuracy_stderr
    )


def test_flipping_alignment_and_alpha_changes_nothing():
    flipped = TransferProblem(-0.8, 30, 20, None, gamma=0.1)
    straight = TransferProblem(0.8, 30, 20, None, gamma=0.1)
    one = simulate(straight, 2.0, replicates=3000, rng=3)
    other = simulate(flipped, -2.0, replicates=3000, rng=4)
    assert np.abs(one.accuracy - other.accuracy) < 5 * math.hypot(one.accuracy_stderr, other.accuracy_stderr)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_progress_bar_is_for_terminals_only(monkeypatch, capsys):
    simulate(PROBLEM, 1.0, replicates=2, rng=0, progress=True)
    assert capsys.readouterr().err == ""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    simulate(PROBLEM, 1.0, replicates=2, rng=0)
    assert terminal.getvalue() == ""
    simulate(PROBLEM, 1.0, replicates=2, rng=0, progress=True)
    assert "2/2" in terminal.getvalue()


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (
            {"problem": 3},
            TypeError,
            "problem must be a TransferProblem, a FineTuning, .* or a LowRankTransfer, got int",
        ),
        (
            {"problem": TransferProblem([0.1, 0.2], 30, 20)},
            ValueError,
            r"beta must be a single number.*shape \(2,\)",
        ),
        ({"problem": TransferProblem(0.1, [30, 40], 20)}, ValueError, "p must be a single number"),
        (
            {"problem": TransferProblem(0.1, 30.5, 20)},
            ValueError,
            "p must be a whole number of at least 1.*30.5",
        ),
        ({"problem": TransferProblem(0.1, 30, 0.5)}, ValueError, "n must be a whole number"),
        ({"problem": TransferProblem(0.1, 30, math.inf)}, ValueError, "n must be a whole number.*inf"),
        ({"problem": TransferProblem(0.1, 30, 20, 2.5)}, ValueError, "N must be a whole number"),
        ({"problem": TransferProblem(0.1, 1, 20)}, ValueError, "p = 1 leaves no room"),
        ({"alpha": math.nan}, ValueError, "alpha must be"),
        ({"alpha": [0, math.inf]}, ValueError, "alpha must be a number between -1e.60 and 1e.60.*got inf"),
        ({"alpha": "1"}, TypeError, "alpha must be a real number"),
        ({"alpha": None}, TypeError, "alpha must be a real number"),
        ({"replicates": 0}, ValueError, "replicates must be at least 1, got 0"),
        ({"replicates": 2.5}, TypeError, "replicates must be an integer"),
        ({"replicates": True}, TypeError, "replicates must be an integer"),
        ({"method": "exact"}, ValueError, "method must be one of 'auto', 'dense', 'krylov', got 'exact'"),
        ({"rng": -1}, ValueError, "rng must be a non-negative integer"),
        ({"rng": 1.5}, TypeError, "rng must be a non-negative integer"),
        ({"rng": True}, TypeError, "rng must be a non-negative integer"),
        ({"rng": "seed"}, TypeError, "rng must be a non-negative integer"),
        ({"rng": []}, TypeError, "rng must be a non-negative integer"),
        ({"n_jobs": 0}, ValueError, "n_jobs must be at least 1, or negative"),
        ({"n_jobs": 1.5}, TypeError, "n_jobs must be an integer"),
        ({"truncate": 0}, ValueError, r"truncate must be None.*tolerance in \(0, 1\), got 0"),
        ({"truncate": 1.0}, ValueError, "truncate must be None"),
        ({"truncate": math.nan}, ValueError, "truncate must be None"),
        ({"truncate": "1e-3"}, TypeError, "truncate must be None"),
        ({"truncate": True}, TypeError, "truncate must be None"),
        ({"memory_limit": 0}, ValueError, "memory_limit must be a positive number of bytes"),
        ({"memory_limit": "4G"}, TypeError, "memory_limit must be a positive number of bytes"),
    ],
    ids=lambda value: None if isinstance(value, dict | type) else str(value)[:30],
)
def test_refusals_name_the_argument_and_the_remedy(change, error, message):
    arguments = {"problem": PROBLEM, "alpha": 1.0, "replicates": 2, "rng": 0} | change
    with pytest.raises(error, match=message):
        simulate(arguments.pop("problem"), arguments.pop("alpha"), **arguments)


def test_p_of_one_without_a_source_mean_has_room():
    # Without a source mean, "across" it is no restriction: the target may have any mean.
    draws = simulate(TransferProblem.from_means([0.0], [2.0], n=50, gamma=0.1), 0.0, rng=0).draws
    assert (draws.accuracy > 0.97).all()


class TestOptimalAlpha:
    @staticmethod
    def draws(along, across, target_norm=1.5):
        return TransferDraws(
            np.array(0.0),
            target_norm,
            np.atleast_2d(along).astype(float),
            np.atleast_2d(across).astype(float),
        )

    @pytest.mark.parametrize("criterion", ["accuracy", "risk"])
    def test_best_on_a_grid(self, criterion):
        draws = simulate(PROBLEM, 1.0, replicates=40, rng=0).draws
        best = draws.optimal_alpha(criterion)
        sign = 1 if criterion == "accuracy" else -1
        for r in np.flatnonzero(np.isfinite(best)):
            near = best[r] + np.linspace(-3, 3, 601)
            values = sign * getattr(draws.at(near), criterion)[r]
            # At the middle of the grid, up to the flatness of a maximum in rounding: sqrt(eps) of the scale.
            assert values.max() <= sign * getattr(draws.at(best[r]), criterion)[r] + 1e-15

    def test_no_finite_maximum(self):
        # The margin of the target part is negative and its direction is that of the source part's noise:
        # accuracy rises towards alpha = +inf, or -inf.
        for sign in (1, -1):
            draws = self.draws([-2.0, sign * 0.1], [1.0, 0.0, 1.0])
            assert draws.optimal_alpha()[0] == sign * math.inf
            far = draws.at([sign * 1e9, 0.0, sign * 10.0]).accuracy[0]
            assert far[0] == far.max()

    def test_where_alpha_does_not_matter(self):
        assert self.draws([0.5, 0.0], [1.0, 0.0, 0.0]).optimal_alpha()[0] == 0  # no source part
        assert self.draws([-0.5, 0.0], [1.0, 0.0, 0.0]).optimal_alpha()[0] == 0
        assert self.draws([0.5, 0.3], [1.0, 0.2, 1.0], target_norm=0.0).optimal_alpha()[0] == 0
        assert self.draws([0.5, 0.3], [0.0, 0.0, 0.0]).optimal_alpha()[0] == 0  # p = 1, right sign
        assert self.draws([-0.5, 0.3], [0.0, 0.0, 0.0]).optimal_alpha()[0] == math.inf  # p = 1, wrong sign
        assert self.draws([0.5, 0.0], [1.0, 0.0, 0.0]).optimal_alpha("risk")[0] == 0

    def test_unknown_criterion(self):
        with pytest.raises(ValueError, match="criterion must be one of 'accuracy', 'risk'"):
            self.draws([0.5, 0.3], [1.0, 0.2, 1.0]).optimal_alpha("margin")


def test_a_zero_classifier_has_accuracy_one_half():
    draws = TransferDraws(np.array([0.0, 1.0]), 1.0, np.array([[0.0, 0.4]]), np.array([[0.0, 0.0, 0.0]]))
    assert draws.accuracy.tolist() == [[0.5, pytest.approx(0.8413447460685429, rel=1e-14)]]


@pytest.mark.parametrize("make", ["isotropic", "two sources", "three classes"])
def test_averages_over_some_alphas_at_a_time_are_the_same_to_the_last_bit(monkeypatch, make):
    """Of three classes to rounding: BLAS multiplies, in an order that may depend on how many there are."""
    rng = np.random.default_rng(0)
    target = GaussianMixture(rng.normal(size=(3 if make == "three classes" else 2, 4)))
    outputs = 3 if make == "three classes" else 1
    weights = rng.normal(size=(2, outputs, 4) if outputs > 1 else (2, 4))
    problem: FineTuning | TransferProblem = FineTuning(target, FixedSource(weights, outputs), 6, 0.3)
    alpha = rng.normal(size=(3, 4, 2))
    if make == "isotropic":
        problem, alpha = PROBLEM, rng.normal(size=(3, 4))
    whole = simulate(problem, alpha, replicates=30, rng=1)
    parts = simulate(problem, alpha, replicates=30, rng=1)
    names = [f"{name}{end}" for name in ("accuracy", "risk", "class_mean") for end in ("", "_stderr")]
    expected = [getattr(whole, name) for name in names]
    monkeypatch.setattr("rmt_alpha.simulation.result.ENTRIES", 100)
    assert len(parts.draws._parts(100)) == 4
    for name, values in zip(names, expected, strict=True):
        if make == "three classes":  # sums of 9 products of size 1, and of 30 draws: some 40 roundings
            np.testing.assert_allclose(getattr(parts, name), values, rtol=40 * np.finfo(float).eps)
        else:
            np.testing.assert_array_equal(getattr(parts, name), values)


def test_replicates_are_asked_for_before_they_are_drawn():
    with pytest.raises(
        ValueError, match=r"replicates=1000000000000 takes 3.73e\+04 GiB, above memory_limit=4"
    ):
        simulate(PROBLEM, 1.0, replicates=10**12)
    target = GaussianMixture.symmetric([1.0, 0.0])
    problem = FineTuning(target, FixedSource([1.0, 1.0]), n=4, gamma=1, loss="logistic")
    with pytest.raises(ValueError, match="replicates=1000000 takes"):
        simulate(problem, np.linspace(0, 1, 1000), replicates=10**6)
    # Of which there could be that many: the machine is asked.
    with pytest.raises(
        MemoryError, match=r"replicates=1000000000000 takes .* of memory are left; take fewer"
    ):
        simulate(PROBLEM, 1.0, replicates=10**12, memory_limit=1e15)


def test_averages_over_many_replicates_take_bounded_memory():
    """Some numbers of the draws at a time, not 100 MB for every quantity at all alphas."""
    rng = np.random.default_rng(0)
    alpha = np.linspace(-1, 1, 60)
    along, across = rng.normal(size=(200_000, 2)), rng.normal(size=(200_000, 3)) + np.array([9, 0, 9])
    run = replace(
        simulate(PROBLEM, alpha, replicates=1, rng=0), draws=TransferDraws(alpha, 1.0, along, across)
    )
    tracemalloc.start()
    assert (np.diff(run.accuracy_stderr) != 0).all()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200e6
