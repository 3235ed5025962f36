"""Random problems for the solvers: each must be solved, whatever was asked before.

    python tests/fuzz/solvers.py LINE [--first SEED] [--count N] [--seconds S]

LINE is one of the checks below, each over the whole range that is promised for it, or ``all``.  A failure
prints the seed, which ``--first SEED --count 1`` repeats.  Run long searches in slices.
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

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "helpers")]

from loss_problems import NAMES, anywhere, loss_curve  # noqa: E402

import rmt_alpha as ra  # noqa: E402

SOLVED = ("converged", "rounding", "collapsed", "flat")


def loss_anywhere(seed: int) -> None:
    """Any loss, gamma from 1e-4 to 1e4, alphas from 0 to 1e6 of both signs: solved, without history."""
    rng = np.random.default_rng([seed, 1])
    problem, alpha = anywhere(rng, NAMES[seed % len(NAMES)])
    alpha *= float(10 ** rng.uniform(-3, 4))
    curve = loss_curve(problem)
    values = [curve.accuracy(a) for a in (-alpha, 0.0, alpha)]
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
    """Hinge loss with an intercept and a large ridge, any balance: solved, without history."""
    rng = np.random.default_rng([seed, 4])
    problem, alpha = anywhere(rng, "hinge")
    share = 0.5 if rng.random() < 0.5 else float(rng.uniform(0.3, 0.7))
    target = ra.GaussianMixture(problem.target.means, list(problem.target.covariances), [share, 1 - share])
    problem = replace(problem, target=target, intercept=True, gamma=float(10 ** rng.uniform(0, 4)))
    curve = loss_curve(problem)
    curve.accuracy(alpha + 1)
    assert curve.accuracy(alpha) == loss_curve(problem).accuracy(alpha), "history"


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


def threshold(seed: int) -> None:
    """n* for two covariances: found, and where the scores of the largest margin are large."""
    rng = np.random.default_rng([seed, 6])
    problem, _ = anywhere(rng, "logistic")
    limit = ra.separability_threshold(problem)
    assert limit > problem.target.p, limit
    if limit < 1e6:
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
    values, errors = (np.asarray(ask(likely)) for ask in (curve.accuracy, curve.accuracy_uncertainty))
    assert values.max() <= best.value + 2e-9 + 2 * errors.max(), values.max() - best.value


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


def search(name: str, first: int, count: int, seconds: float) -> int:
    """Failures of one line; prints each."""
    start, failures, done = time.monotonic(), 0, 0
    for seed in range(first, first + count):
        if time.monotonic() - start > seconds:
            break
        done += 1
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                LINES[name](seed)
        except Exception as error:
            failures += 1
            where = traceback.extract_tb(error.__traceback__)[-1]
            print(
                f"{name} {seed}: {type(error).__name__}: {str(error)[:200]} ({where.name}:{where.lineno})",
                flush=True,
            )
    took = time.monotonic() - start
    print(
        f"{name}: seeds {first} to {first + done - 1}, {failures} of {done} failed, {took:.0f} s", flush=True
    )
    return failures


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("line", choices=[*LINES, "all"])
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=np.inf)
    options = parser.parse_args()
    names = list(LINES) if options.line == "all" else [options.line]
    return int(sum(search(name, options.first, options.count, options.seconds) for name in names) > 0)


if __name__ == "__main__":
    raise SystemExit(main())
