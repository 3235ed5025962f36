"""What `estimate_problem` predicts for real transfers, with its stated error, against measured test accuracy.

Run ``python -m benchmarks.predicted_accuracy --data FOLDER`` from the project's root; with 8 draws a cell it
takes about five minutes on one core.  A family whose files or encoder are missing is left out, and said.

Sources are ridge classifiers of the source's rows (ridge 1 mean eigenvalue).  Of every target n rows are
drawn at random, the accuracy (classes counting alike) is measured on the others with a free intercept, and
its mean over many draws is what each draw should predict: so many that it is known to half a point,
well below the errors that are judged by it.  At the curve's own best alpha it is that draw's.
"""

from __future__ import annotations

import argparse
import csv
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.io import loadmat
from scipy.special import ndtr

from rmt_alpha import estimate_problem
from rmt_alpha.errors import DatasetUnavailable
from rmt_alpha.experiments.data.datasets import load_amazon, standardise
from rmt_alpha.experiments.data.digits import load_digit_pair
from rmt_alpha.experiments.data.sentences import disjoint_sentences, embed

SIZES = (20, 40, 100, 400)
TRUE = {20: 200, 40: 200, 100: 100, 400: 30}
"""Draws behind the true accuracy of each size."""
RIDGES = (1.0, 30.0)
"""In mean eigenvalues of the target's covariance."""

Rows = tuple[np.ndarray, np.ndarray]


class Family(NamedTuple):
    name: str
    source: np.ndarray
    features: np.ndarray
    labels: np.ndarray


class Cell(NamedTuple):
    family: str
    n: int
    asked: int
    ridge: float
    alpha: str


def ridge(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    centred, p = X - X.mean(axis=0), X.shape[1]
    covariance = centred.T @ centred / len(y)
    return np.linalg.solve(covariance + np.trace(covariance) / p * np.eye(p), centred.T @ y / len(y))


def sentences(data: Path) -> Iterator[Family]:
    def load(name: str) -> Rows:
        texts, labels = zip(*disjoint_sentences(name, data), strict=True)
        return embed(texts), np.array(labels)

    sst2, rt = load("sst2"), load("rt")
    source = ridge(*sst2)
    yield Family("sst2>rt", source, *rt)
    yield Family("rt>sst2", ridge(*rt), *sst2)
    noise = np.random.default_rng(5).standard_normal(source.size)
    yield Family("noise>rt", noise * np.linalg.norm(source) / np.linalg.norm(noise), *rt)
    with (data / "transfers/reviews_amazon.txt").open(encoding="utf-8", errors="replace") as lines:
        rows = [line.rstrip("\n").split("\t") for line in lines if line.strip()]
    yield Family(
        "sst2>reviews", source, embed([row[0] for row in rows]), np.array([float(r[1]) for r in rows])
    )


def amazon(data: Path) -> Iterator[Family]:
    for pair in (("book", "dvd"), ("elec", "kitchen"), ("kitchen", "book")):
        one, two = (load_amazon(name, data) for name in pair)
        source = ridge(standardise(one.features), one.labels)
        yield Family("amazon " + ">".join(pair), source, standardise(two.features), two.labels)


def digits(data: Path) -> Iterator[Family]:
    for one, two in (((6, 8), (5, 9)), ((3, 8), (5, 8)), ((1, 7), (4, 9))):
        source, target = load_digit_pair(*one, data), load_digit_pair(*two, data)
        name = f"digits {source.name}>{target.name}"
        yield Family(name, ridge(source.features, source.labels), target.features, target.labels)


def wine(data: Path) -> Iterator[Family]:
    def load(name: str) -> Rows:
        table = np.unique(np.loadtxt(data / f"transfers/wine_{name}.csv", delimiter=","), axis=0)
        return standardise(table[:, :-1]), np.where(table[:, -1] >= 6, 1.0, -1.0)

    for one, two in (("red", "white"), ("white", "red")):
        yield Family(f"wine {one}>{two}", ridge(*load(one)), *load(two))


def office(data: Path) -> Iterator[Family]:
    def load(name: str) -> Rows:
        arrays = loadmat(data / f"transfers/office_{name}.mat")
        features = next(value for key, value in arrays.items() if key.startswith("f"))
        classes = next(value for key, value in arrays.items() if key.startswith("l"))
        return standardise(features.astype(float)), np.where(classes.ravel() <= 5, 1.0, -1.0)

    yield Family("office", ridge(*load("amazon")), *load("caltech"))


FAMILIES: tuple[Callable[[Path], Iterator[Family]], ...] = (sentences, amazon, digits, wine, office)


def families(data: Path) -> Iterator[Family]:
    for load in FAMILIES:
        try:
            yield from load(data)
        except (ImportError, OSError, DatasetUnavailable) as error:
            print(f"left out: {load.__name__} ({error})")


def balanced_accuracy(scores: np.ndarray, labels: np.ndarray) -> float:
    return float(((scores > 0)[labels > 0].mean() + (scores <= 0)[labels < 0].mean()) / 2)


def samples(rng: np.random.Generator, labels: np.ndarray, n: int) -> np.ndarray:
    while True:
        rows = rng.permutation(len(labels))[:n]
        if 2 <= (labels[rows] > 0).sum() <= n - 2:
            return rows


def accuracies(family: Family) -> dict[tuple[int, float, str], float]:
    """Mean over draws of fits with a free intercept, solved through the products of the samples."""
    rng, (_, source, X, y) = np.random.default_rng(1), family
    unit, own, reached = float(np.square(X - X.mean(axis=0)).mean()), X @ source, defaultdict(list)
    for n in SIZES:
        for _ in range(TRUE[n]):
            rows = samples(rng, y, n)
            test, centred = np.setdiff1d(np.arange(len(y)), rows), X[rows] - X[rows].mean(axis=0)
            values, vectors = np.linalg.eigh(centred @ centred.T / n)
            products = (X[test] - X[rows].mean(axis=0)) @ centred.T / n
            for ratio in RIDGES:
                for name, alpha in (("0", 0.0), ("1", 1.0)):
                    left = y[rows] - alpha * own[rows]
                    dual = vectors @ ((vectors.T @ (left - left.mean())) / (values + ratio * unit))
                    scores = products @ dual + left.mean() + alpha * own[test]
                    reached[n, ratio, name].append(balanced_accuracy(scores, y[test]))
    return {key: float(np.mean(found)) for key, found in reached.items()}


def study(family: Family, draws: int) -> Iterator[tuple[Cell, np.ndarray]]:
    """Of every cell, for each draw: prediction, its error, that of Gaussian classes alone, what is true."""
    rng, (_, source, X, y) = np.random.default_rng(0), family
    unit = float(np.square(X - X.mean(axis=0)).mean())
    said, true = defaultdict(list), accuracies(family)
    for n in SIZES:
        for _ in range(draws):
            rows = samples(rng, y, n)
            test = np.setdiff1d(np.arange(len(y)), rows)
            estimate = estimate_problem(X[rows], y[rows], source)
            for ratio in RIDGES:
                gamma = ratio * unit
                best = float(estimate.curve(gamma).optimal_alpha())
                for name, alpha in (("0", 0.0), ("1", 1.0), ("*", best)):
                    if not np.isfinite(alpha):
                        continue
                    point = np.array([1.0, alpha])
                    if name == "*":
                        weights, bias = estimate.path.at(gamma).correction(point)
                        scores = X[test] @ (weights[0] + alpha * source) + bias[0]
                        true[n, ratio, name] = balanced_accuracy(scores, y[test])
                    for asked in SIZES if name != "*" else (n,):
                        alone = float(ndtr(estimate.population.moments(gamma, asked).margin(point)))
                        row = (*estimate.accuracy(alpha, gamma, asked), alone, true[asked, ratio, name])
                        said[Cell(family.name, n, asked, ratio, name)].append(row)
    for cell, found in said.items():
        yield cell, np.array(found)


def summary(title: str, tables: list[np.ndarray]) -> str:
    if not tables:
        return ""
    inside = [np.mean([np.abs(t[:, 0] - t[:, 3]) < k * t[:, 1] for t in tables], axis=1) for k in (1, 2)]
    means = np.array([t.mean(axis=0) for t in tables])
    bias = means[:, [0, 2]] - means[:, 3:]
    cells = [np.mean(np.abs(bias[:, i]) < means[:, 1]) for i in (0, 1)]
    size = [np.mean([np.abs(t[:, i] - t[:, 3]).mean() for t in tables]) for i in (0, 2)]
    return (
        f"{title:<28} {len(tables):4d} {np.mean(inside[0]):6.0%} {np.mean(inside[1]):6.0%} {cells[0]:6.0%}"
        f" {cells[1]:6.0%} {100 * bias[:, 0].mean():+7.1f} {100 * bias[:, 1].mean():+6.1f}"
        f" {100 * size[0]:6.1f} {100 * size[1]:5.1f} {100 * means[:, 1].mean():6.1f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="data folder")
    parser.add_argument("--draws", type=int, default=20, help="draws of a cell (20)")
    parser.add_argument("--out", type=Path, help="write every cell here (.csv)")
    options = parser.parse_args()
    warnings.simplefilter("ignore", RuntimeWarning)
    start, results = time.perf_counter(), []
    print("family                   n    ridge alpha  measured  predicted           Gaussian classes")
    for family in families(options.data):
        for cell, table in study(family, options.draws):
            results.append((cell, table))
            if cell.asked == cell.n:
                value, error, alone, true = table.mean(axis=0)
                print(
                    f"{cell.family:<22} {cell.n:4d} {cell.ridge:6.0f}  {cell.alpha:<5}  {true:.3f}     "
                    f"{value:.3f} +- {error:.3f}      {alone:.3f}"
                )
    print(
        "\n                                  draws within   cell means in 1     bias        error\n"
        "                            cells  1 err  2 err   pred  alone    pred  alone   pred alone stated"
    )
    own = [(c, t) for c, t in results if c.n == c.asked]
    fixed = [(c, t) for c, t in own if c.alpha != "*"]
    print(summary("own n, alpha 0 and 1", [t for _, t in fixed]))
    print(summary("own n, best alpha", [t for c, t in own if c.alpha == "*"]))
    print(summary("more samples", [t for c, t in results if c.asked > c.n]))
    print(summary("fewer samples", [t for c, t in results if c.asked < c.n]))
    for n in SIZES:
        print(summary(f"n = {n}", [t for c, t in fixed if c.n == n]))
    for name in dict.fromkeys(c.family for c, _ in fixed):
        print(summary(name, [t for c, t in fixed if c.family == name]))
    print(f"{time.perf_counter() - start:.0f} s")
    if options.out is not None:
        with options.out.open("w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow([*Cell._fields, "predicted", "stated_error", "gaussian_classes", "measured"])
            writer.writerows([*cell, *table.mean(axis=0).round(4)] for cell, table in results)


if __name__ == "__main__":
    main()
