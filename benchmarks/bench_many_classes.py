"""Processor time to the best alpha of several classes, one source and three, with the squared loss.

Accuracy is then an orthant probability of K - 1 dimensions, and so is its gradient of K - 2 and K - 3.  Run
``OMP_NUM_THREADS=1 python benchmarks/bench_many_classes.py`` for a table, or ``poe bench`` for asv.
"""

from __future__ import annotations

import statistics
import time

import numpy as np

import rmt_alpha as ra

P, N, REPEATS = 40, 80, 3
CLASSES, SOURCES = (3, 4, 5, 6, 8, 10), (1, 3)
WANTED = 2.0


def problem(classes: int, sources: int, seed: int = 0) -> ra.FineTuning:
    rng = np.random.default_rng([classes, sources, seed])
    means = 2 * rng.normal(size=(classes, P)) / np.sqrt(P)
    target = ra.GaussianMixture(means, np.exp(rng.normal(size=P)))
    known = [
        ra.FixedSource(means + rng.normal(size=means.shape) / np.sqrt(P), outputs=classes)
        for _ in range(sources)
    ]
    return ra.FineTuning(target, known, N, 0.1)


def seconds(classes: int, sources: int, seed: int = 0) -> float:
    asked = problem(classes, sources, seed)
    start = time.process_time()
    asked.curve().optimum()
    return time.process_time() - start


class ManyClasses:
    """Timed by asv."""

    params = (CLASSES, SOURCES)
    param_names = ("classes", "sources")

    def time_optimum(self, classes: int, sources: int) -> None:
        problem(classes, sources).curve().optimum()


def main() -> None:
    seconds(3, 1)
    print(f"optimum of K classes, p = {P}, seconds of one core (wanted: at most {WANTED:g})")
    print("   K" + "".join(f"{s:>4} source{'s' if s > 1 else ' '}" for s in SOURCES))
    for k in CLASSES:
        each = [statistics.median(seconds(k, s, seed) for seed in range(REPEATS)) for s in SOURCES]
        print(f"{k:4}" + "".join(f"{t:12.2f}" for t in each))


if __name__ == "__main__":
    main()
