"""Error bars against simulation, of random problems of every kind, loss and source: z-scores of variances.

    python tests/fuzz/spread.py [LINE ...] [--count N] [--seconds S] [--record FILE]

A LINE is one of those below, by default each in turn.  Of every problem are compared, at sizes n and 2n: the
error bars of all quantities at two alphas, the spread of the slope at alpha* (which `optimal_alpha_std`
is, over a curvature), and the average accuracy (`expected_accuracy`).  A record gets the scores of each
problem as they come, and a search goes on where it was left.  Then follows a summary of all that it has.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
import traceback
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy import special

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "helpers")]

from random_problems import (  # noqa: E402
    KINDS,
    Compared,
    bar_ratios,
    compared,
    error_bars,
    log_ratios,
    random_problem,
    random_regression,
    with_convex_source,
    with_whole_classes,
)

import rmt_alpha as ra  # noqa: E402
from rmt_alpha.validation.enlarged import enlarged, repeated  # noqa: E402

LEVEL = 1e-3
"""Probability that a right theory exceeds what is called chance."""
STEP = 0.005
"""Of a slope, in natural units of alpha."""
WIDE = 0.1
"""Of a curvature."""
CONVEX = ("logistic", "hinge", "squared_hinge", "huber")
BINARY = ("shared", "different, intercept, noise", "dense, different")
TRAINED = ("shared, trained", "different, intercept, noise, trained", "different, noise, trained, two")
CLASSES = ("classes, shared", "classes, different, intercept, noise")
HEADS = ("classes, shared, trained", "classes, different, intercept, trained")


class Line(NamedTuple):
    """Problems to draw from: sizes n, draws at each size, and (kind, loss, loss of trained sources)."""

    n: tuple[int, int]
    draws: int
    problems: list[tuple[str, str, str]]


def _every(kinds: tuple[str, ...], loss: str, sources: tuple[str, ...]) -> list[tuple[str, str, str]]:
    return [(kind, loss, source) for source in sources for kind in kinds]


LINES = {
    "squared": Line((40, 80), 400, _every(KINDS, "squared", ("squared",))),
    "convex sources": Line((40, 70), 200, _every(TRAINED, "squared", CONVEX)),
    **{
        loss: Line((36, 60), 120, _every(BINARY + TRAINED, loss, ("squared", "logistic", "hinge", "huber")))
        for loss in CONVEX
    },
    "softmax": Line((36, 60), 100, _every(CLASSES + HEADS, "logistic", ("logistic",))),
    "softmax heads": Line((36, 60), 150, _every(HEADS, "squared", ("logistic",))),
    "strong": Line((40, 60), 500, [("two", "squared", ""), ("two", "logistic", "")]),
    "strong, classes": Line((39, 60), 400, [("classes", "squared", ""), ("classes", "logistic", "")]),
    "regression": Line((40, 80), 400, [("regression", "squared", "")]),
}


def drawn(line: str, seed: int) -> tuple[np.random.Generator, str, str, str]:
    """Random numbers, kind, loss and loss of sources."""
    problems = LINES[line].problems
    return np.random.default_rng([seed, list(LINES).index(line)]), *problems[seed % len(problems)]


def posed(
    rng: np.random.Generator, kind: str, loss: str, source: str, n: int
) -> tuple[ra.FineTuning | ra.RidgeRegressionTransfer, dict[str, str], str]:
    """A problem, how classes are drawn, and what it is."""
    p = round(n * rng.uniform(0.3, 1.2))
    if kind == "regression":
        return random_regression(rng, p, n), {}, kind
    problem = random_problem(rng, kind, p, n, loss, apart=1.5)
    if "trained" in kind and source != "squared":
        problem = with_convex_source(problem, source)
    problem, counts = with_whole_classes(problem, rng), str(rng.choice(["fixed", "random"]))
    what = f"{kind}; {loss}" + f"; {source}" * ("trained" in kind)
    return problem, {"class_counts": counts}, f"{what}; {counts}"


def scores(line: str, seed: int) -> tuple[str, dict[str, Compared]]:
    """What a problem is, and what was compared."""
    if "strong" in line:
        return strong(line, seed)
    rng, kind, loss, source = drawn(line, seed)
    problem, options, what = posed(rng, kind, loss, source, int(rng.integers(*LINES[line].n)))
    counts = options.get("class_counts", "fixed")
    curve, direction = problem.curve(), np.array([1.0, 0.5])
    several = getattr(problem, "components", None) is not None
    if several:
        curve = curve.along(direction)
    criterion = str(rng.choice(["risk", "accuracy"]))
    if kind == "regression" or (criterion == "accuracy" and not np.isfinite(curve.optimal_alpha())):
        criterion = "risk"
    best, unit = curve.optimal_alpha(criterion), curve._alpha_scale()
    h, far = STEP * unit, float(rng.choice([-0.5, 0.0, 0.5, 1.0]))
    alpha = np.array([far, best - h, best + h])
    bars = error_bars(curve, alpha[:2], counts)
    around = np.asarray(getattr(curve, criterion)(best + WIDE * unit * np.arange(-2, 3)))
    curvature = np.array([-1, 16, -30, 16, -1]) @ around / (12 * (WIDE * unit) ** 2)
    steep = abs(curvature) * np.ravel(curve.optimal_alpha_std(criterion, class_counts=counts))
    at = alpha[:, None] * direction if several else alpha

    def of_run(run, larger, size):
        values = getattr(run.draws, criterion)
        slopes = (values[:, 2] - values[:, 1])[:, None] / (2 * h)
        found = bar_ratios(run, bars, size, slice(2))
        found["slope"] = log_ratios(slopes, steep / np.sqrt(size))
        if "accuracy" in bars:
            found["average"] = average(run, larger, at[:1])
        return found

    draws = LINES[line].draws
    found = compared(partial(enlarged, problem), at, of_run, draws=draws, seed=seed, **options)
    return f"{what}; {criterion}", found


def strong(line: str, seed: int) -> tuple[str, dict[str, Compared]]:
    """One or two directions with about half of the variance of the score, for the average accuracy alone."""
    rng, kind, loss, _ = drawn(line, seed)
    classes = int(rng.integers(3, 5)) if kind == "classes" else 2
    directions, n = int(rng.integers(1, 3)), classes * int(rng.integers(*LINES[line].n) // classes)
    p, gamma = int(rng.integers(40, 80)), rng.uniform(0.5, 1.5) * (0.4 if loss == "logistic" else 1.0)
    means = rng.uniform(0.3, 0.8) * rng.standard_normal((classes, p)) / np.sqrt(p)
    sources = means + 0.3 * rng.standard_normal((classes, p)) / np.sqrt(p)
    share, spectrum = rng.uniform(0.5, 1.5), np.exp(rng.uniform(-0.5, 0.5, p))

    def larger(size):
        # Of weak directions there are more, with the same share of the variance.
        weak = gamma / (1 + gamma) * np.sqrt(directions * share / (size * p)) * np.tile(spectrum, size)
        rows, moved = (
            np.concatenate([np.zeros((classes, directions)), repeated(each, size)], axis=1)
            for each in (means, sources)
        )
        target = ra.GaussianMixture(rows, np.concatenate([np.ones(directions), weak]))
        several = kind == "classes"
        source = ra.FixedSource(moved if several else moved[1] - moved[0], outputs=classes if several else 1)
        return ra.FineTuning(target, source, size * n, gamma, loss=loss)

    at = np.array([0.0, 0.5])

    def of_run(run, problem, size):
        plain = average(run, problem, at, "accuracy")
        return {"average": average(run, problem, at), "uncorrected": plain}

    found = compared(larger, at, of_run, draws=LINES[line].draws, seed=seed)
    return f"{classes} classes; {loss}; {directions} strong", found


def average(run, problem, alpha, name="expected_accuracy") -> tuple[np.ndarray, np.ndarray]:
    """Simulated average accuracy less that predicted, and its standard error."""
    values = run.draws.accuracy[:, : len(alpha)]
    predicted = np.ravel(getattr(problem.curve(), name)(alpha))
    return values.mean(axis=0) - predicted, values.std(axis=0, ddof=1) / np.sqrt(len(values))


class Row(NamedTuple):
    """One score in a record: logarithms of ratios of variances, or differences of average accuracies."""

    line: str
    seed: int
    what: str
    quantity: str
    small: float
    large: float
    limit: float
    z: float

    @property
    def group(self) -> str:
        return self.quantity if self.quantity in ("slope", "average", "uncorrected") else "bars"


def rows_of(path: Path) -> list[Row]:
    """All that a record has."""
    if not path.exists():
        return []
    with path.open() as file:
        return [
            Row(line, int(seed), what, quantity, *map(float, numbers))
            for line, seed, what, quantity, *numbers in csv.reader(file)
        ]


def search(lines: list[str], count: int, seconds: float, path: Path) -> int:
    """Add the scores of problems to a record, one of every line in turn; how many failed."""
    tried, start, failed = {(row.line, row.seed) for row in rows_of(path)}, time.monotonic(), 0
    for seed, line in ((seed, line) for seed in range(count) for line in lines):
        if (line, seed) in tried or time.monotonic() - start > seconds:
            continue
        try:
            what, found = scores(line, seed)
        except Exception as error:
            where, failed = traceback.extract_tb(error.__traceback__)[-1], failed + 1
            message = f"{type(error).__name__}: {str(error)[:200]} ({where.name}:{where.lineno})"
            print(f"{line} {seed}: {message}", flush=True)
            continue
        with path.open("a") as file:
            for name, each in found.items():
                table = zip(*each.differences, each.limit, each.z, strict=True)
                csv.writer(file).writerows([line, seed, what, name, *map(float, row)] for row in table)
    return failed


def summary(rows: list[Row]) -> Iterator[str]:
    """A table by line and by what was compared, at last ratios of standard deviations, or points."""
    yield (
        "line             compared    problems scores       mean z  sd z largest chance      n     2n  limit"
    )
    for line in [*LINES, "all"]:
        for group in ("bars", "slope", "average", "uncorrected"):
            here = [row for row in rows if row.group == group and line in (row.line, "all")]
            if here and (line != "all" or group in ("bars", "slope")):
                yield f"{line:16} {group:11} {_figures(here)}"


def _figures(rows: list[Row]) -> str:
    # Scores of one problem are correlated: errors are those of averages over problems.
    problems: dict[tuple[str, int], list[Row]] = {}
    for row in rows:
        problems.setdefault((row.line, row.seed), []).append(row)
    table = np.array([np.mean([row[4:] for row in each], axis=0) for each in problems.values()])
    mean, error = table.mean(axis=0), table.std(axis=0, ddof=min(1, len(table) - 1)) / np.sqrt(len(table))
    z = np.array([row.z for row in rows])
    chance = -special.ndtri(LEVEL / (2 * len(z)))
    ratios = rows[0].group in ("bars", "slope")
    shown, off = (np.exp(mean[:3] / 2), error[2] / 2) if ratios else (100 * mean[:3], 100 * error[2])
    return (
        f"{len(problems):8d} {len(z):6d} {mean[3]:5.2f} +- {error[3]:.2f} {z.std():5.2f} {abs(z).max():7.2f} "
        f"{chance:6.2f} {' '.join(f'{each:7.3f}' for each in shown)} +- {off:.3f}"
    )


def main() -> int:
    """Run from the command line; 1 if a problem was not solved."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("lines", nargs="*", metavar="LINE", help=", ".join(LINES))
    parser.add_argument("--count", type=int, default=50, help="problems of each line")
    parser.add_argument("--seconds", type=float, default=np.inf)
    parser.add_argument("--record", type=Path, default=Path("spread.csv"), help="file of the scores")
    options = parser.parse_args()
    if unknown := set(options.lines) - set(LINES):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; lines are {', '.join(LINES)}")
    failed = search(options.lines or list(LINES), options.count, options.seconds, options.record)
    print("\n".join(summary(rows_of(options.record))))
    return int(failed > 0)


if __name__ == "__main__":
    raise SystemExit(main())
