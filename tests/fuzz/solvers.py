"""Random problems for the solvers: each must be solved, whatever was asked before.

    python tests/fuzz/solvers.py LINE [--first SEED] [--count N] [--seconds S] [--record FILE]

LINE is one of the checks below, each over the whole range that is promised for it, or ``all``.  A failure
prints the seed, which ``--first SEED --count 1`` repeats.  With a record a search goes on where it was left,
those that failed first.
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy import special

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "helpers")]

from loss_problems import NAMES, anywhere, loss_curve  # noqa: E402

import rmt_alpha as ra  # noqa: E402
from rmt_alpha.theory.convex.imbalance import LOOSE  # noqa: E402
from rmt_alpha.theory.convex.iteration import ROUGH  # noqa: E402

SAVED_EVERY = 30.0
"""Seconds between two entries in a record."""
SOLVED = ("converged", "rounding", "collapsed", "flat")


def loss_anywhere(seed: int) -> None:
    """Any loss, gamma from 1e-4 to 1e4, alphas from 0 to 1e6 of both signs: solved, without history."""
    rng = np.random.default_rng([seed, 1])
    problem, alpha = anywhere(rng, NAMES[seed % len(NAMES)])
    alpha *= float(10 ** rng.uniform(-3, 4))
    curve = loss_curve(problem)
    values = [curve.accuracy(a) for a in (-alpha, alpha)]
    assert curve.solution(alpha).status in SOLVED
    assert loss_curve(problem).accuracy(alpha) == values[-1], "history"


def small_ridge(seed: int) -> None:
    """Logistic loss, gamma from 1e-12 to 1e-3: solved."""
    rng = np.random.default_rng([seed, 2])
    problem, alpha = anywhere(rng, "logistic")
    problem = replace(problem, gamma=float(10 ** rng.uniform(-12, -3)))
    assert loss_curve(problem).solution(alpha).status in SOLVED


def no_ridge(seed: int) -> None:
    """gamma = 0, separable or not: solved, and near what gamma = 1e-9 gives for the squared hinge loss."""
    rng = np.random.default_rng([seed, 3])
    problem, alpha = anywhere(rng, ("logistic", "hinge", "squared_hinge")[seed % 3])
    problem = replace(problem, gamma=0.0)
    value = float(problem.curve().accuracy(alpha))
    if seed % 3 == 2 and seed % 5 == 0:
        near = float(replace(problem, gamma=1e-9).curve().accuracy(alpha))
        assert abs(value - near) < 1e-4, (value, near)


def saturated(seed: int) -> None:
    """Hinge loss with an intercept and a large ridge, any balance: all samples solved, no history."""
    rng = np.random.default_rng([seed, 4])
    problem, alpha = anywhere(rng, "hinge")
    share = 0.5 if rng.random() < 0.5 else float(rng.uniform(0.3, 0.7))
    target = ra.GaussianMixture(problem.target.means, list(problem.target.covariances), [share, 1 - share])
    problem = replace(problem, target=target, intercept=True, gamma=float(10 ** rng.uniform(0, 4)))
    curve = loss_curve(problem)
    curve.accuracy(alpha + 1)
    assert curve.accuracy(alpha) == loss_curve(problem).accuracy(alpha), "history"
    for _, equations, solution in curve._points.draws(np.array([alpha])):
        if solution.residual > ROUGH:
            # Rounding moves the intercept: less than what the limit of large n leaves out.
            state, signs = solution.state, np.array([-1.0, 1.0])
            assert solution.status == "rounding", solution
            std = state.std[target.group]
            found = [special.ndtr(signs * each.mean / std) for each in (state, equations.step(state))]
            assert problem.n * abs(target.priors @ (found[1] - found[0])) < LOOSE, solution


def best_alpha(seed: int) -> None:
    """alpha* of any loss: found, finite or not, and no alpha of a net is better."""
    rng = np.random.default_rng([seed, 5])
    problem, _ = anywhere(rng, NAMES[seed % len(NAMES)])
    curve = loss_curve(problem)
    best = curve.optimum()
    net = curve._alpha_scale() * np.array([-100.0, -3, -0.5, 0, 0.5, 3, 100])
    gap = np.max(curve.accuracy(net)) - best.value
    # Accuracies are known to the residual of a fixed point.
    assert gap <= 1e-7, gap
    if best.finite and best.value > 1 - 1e-6:
        least, errors = curve.log_error(best.alpha), np.asarray(curve.log_error(net))
        # log(error) is all but half of the squared margin, of which the same holds.
        assert (errors - least >= 1e-7 * least).all(), (least, errors)


def threshold(seed: int) -> None:
    """n* for two covariances: found, and for one in five that it is where training begins to err."""
    rng = np.random.default_rng([seed, 6])
    problem, _ = anywhere(rng, "logistic")
    limit = ra.separability_threshold(problem)
    assert limit > problem.target.p, limit
    if limit < 1e6 and seed % 5 == 0:
        below = loss_curve(replace(problem, n=0.99 * limit, gamma=0.0, loss="squared_hinge"))
        above = loss_curve(replace(problem, n=1.01 * limit, gamma=0.0, loss="squared_hinge"))
        assert below.training_accuracy(0.0) == 1.0 > above.training_accuracy(0.0)


def many_classes(seed: int) -> None:
    """3 to 6 classes, 1 to 3 sources: no alpha of a net is better than the best."""
    rng = np.random.default_rng([seed, 7])
    classes, sources, p = int(rng.integers(3, 7)), int(rng.integers(1, 4)), int(rng.integers(2, 40))
    means = rng.normal(size=(classes, p)) / np.sqrt(p) * 10 ** rng.uniform(-1, 0.7)
    target = ra.GaussianMixture(means, np.exp(rng.normal(size=p)))
    rows = [
        ra.FixedSource(means * rng.normal() + rng.normal(size=means.shape) / np.sqrt(p), outputs=classes)
        for _ in range(sources)
    ]
    eta, gamma = 10 ** rng.uniform(-1, 1), 10 ** rng.uniform(-4, 3)
    curve = ra.FineTuning(target, rows, p / eta, gamma, intercept=bool(seed % 2)).curve()
    assert isinstance(curve, ra.MixtureCurve)
    best = curve.optimum()
    scales = curve.contrasts.scales
    net = scales[1:] / scales[0] / curve.kappa * rng.normal(size=(40, sources)) * 3
    rough = curve.contrasts.roughly(np.concatenate([np.ones((40, 1)), net * curve.kappa], axis=1), 256)
    likely = net[np.argsort(rough)[-2:]]
    values, errors = curve.contrasts.class_accuracy(
        np.concatenate([np.ones((2, 1)), likely * curve.kappa], 1)
    )
    gap = float((values @ target.priors).max() - best.value)
    assert gap <= 2e-9 + 2 * float(errors.max()), gap


def intervals(seed: int) -> None:
    """Unbalanced classes, any margins: intervals and landmarks exist, and accuracy is level at their ends."""
    rng = np.random.default_rng([seed, 8])
    problem, _ = anywhere(rng, "logistic")
    share = float(10 ** rng.uniform(-4, -0.3))
    target = ra.GaussianMixture(problem.target.means, list(problem.target.covariances), [share, 1 - share])
    curve = replace(
        problem, target=target, loss="squared", gamma=0.0 if seed % 7 == 0 else problem.gamma
    ).curve()
    assert isinstance(curve, ra.MixtureCurve)
    low, high = map(float, curve.transfer_interval())
    best = float(curve.optimal_alpha())
    assert low <= best <= high or not curve.kappa, (low, best, high)
    for end in (low, high):
        if end and np.isfinite(end):
            assert abs(float(curve.accuracy(end)) - float(curve.accuracy(0.0))) < 1e-9
    curve.tolerance_interval(0.01)
    assert not np.isnan(list(curve.landmarks().values())).any()


LINES: dict[str, Callable[[int], None]] = {
    check.__name__: check
    for check in (
        loss_anywhere,
        small_ridge,
        no_ridge,
        saturated,
        best_alpha,
        threshold,
        many_classes,
        intervals,
    )
}


class Record:
    """What has been tried, in a file of rows ``line,first,last,failed seeds``; a later row counts."""

    def __init__(self, path: Path | None) -> None:
        self.path = path

    def tried(self, name: str) -> dict[int, bool]:
        """Every seed of a line, and whether its problem was solved."""
        found: dict[int, bool] = {}
        if self.path is None or not self.path.exists():
            return found
        for row in self.path.read_text().splitlines():
            line, first, last, failed = row.split(",")
            if line == name:
                found |= dict.fromkeys(range(int(first), int(last) + 1), True)
                found |= dict.fromkeys(map(int, failed.split()), False)
        return found

    def add(self, name: str, seeds: list[int], failed: list[int]) -> None:
        """Append consecutive seeds."""
        if self.path is not None and seeds:
            with self.path.open("a") as file:
                file.write(f"{name},{seeds[0]},{seeds[-1]},{' '.join(map(str, failed))}\n")


def unsolved(name: str, seed: int) -> str:
    """What is wrong with the solution of one problem; empty if nothing is."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            LINES[name](seed)
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__}: {str(error)[:200]} ({where.name}:{where.lineno})"
    return ""


def search(name: str, first: int, count: int, seconds: float, record: Record | None = None) -> int:
    """Failures of one line so far; prints each.  Seeds that a record has as solved are not tried again."""
    record = record or Record(None)
    tried = record.tried(name)
    start = saved = time.monotonic()
    block: list[int] = []
    failed: list[int] = []
    # Those that failed once come first: they may have been mended.
    for seed in sorted(range(first, first + count), key=lambda seed: tried.get(seed, True)):
        if tried.get(seed):
            continue
        if time.monotonic() - start > seconds:
            break
        if block and (seed != block[-1] + 1 or time.monotonic() - saved > SAVED_EVERY):
            record.add(name, block, failed)
            block, failed, saved = [], [], time.monotonic()
        trouble = unsolved(name, seed)
        block.append(seed)
        tried[seed] = not trouble
        if trouble:
            failed.append(seed)
            print(f"{name} {seed}: {trouble}", flush=True)
    record.add(name, block, failed)
    failures = sum(not solved for solved in tried.values())
    took = time.monotonic() - start
    print(f"{name}: {len(tried)} problems, {failures} failed, {took:.0f} s", flush=True)
    return failures


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("line", choices=[*LINES, "all"])
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=np.inf, help="of each line")
    parser.add_argument("--record", type=Path, help="file of what has been tried, to which it is added")
    options = parser.parse_args()
    names = list(LINES) if options.line == "all" else [options.line]
    record = Record(options.record)
    failures = [search(name, options.first, options.count, options.seconds, record) for name in names]
    return int(sum(failures) > 0)


if __name__ == "__main__":
    raise SystemExit(main())
