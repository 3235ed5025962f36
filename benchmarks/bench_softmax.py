"""Cost of softmax: one alpha for K classes, in seconds and in units of the closed form of the squared loss.

Run ``OMP_NUM_THREADS=1 python benchmarks/bench_softmax.py``, or ``poe bench`` for asv.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from typing import cast

import numpy as np

import rmt_alpha as ra
from rmt_alpha.theory.softmax.curve import equations_at
from rmt_alpha.theory.softmax.nodes import _sobol
from rmt_alpha.theory.softmax.solver import units

P, SAMPLES, GAMMA = 2000, 3000, 0.1
CLASSES, SEED = range(3, 11), 99
NOISE = 0.1
"""With it every class has all labels, K (K - 1) averages more, over fewer nodes."""
WANTED = {3: 0.5, 10: 10.0}
"""Seconds of one alpha."""


def problem(classes: int, loss: str = "logistic", label_noise: float = 0.0) -> ra.FineTuning:
    rng = np.random.default_rng(0)
    means = 2 * rng.standard_normal((classes, P)) / np.sqrt(P)
    spectra = [np.linspace(0.3, 2.0, P), np.geomspace(0.2, 2.0, P), np.linspace(1.5, 0.5, P)]
    covariances = [spectra[c % 3] for c in range(classes)]
    weights = 0.7 * means + 0.7 * rng.standard_normal((classes, P)) / np.sqrt(P)
    return ra.FineTuning(
        ra.GaussianMixture(means, covariances),
        ra.FixedSource(weights, outputs=classes),
        SAMPLES,
        GAMMA,
        intercept=True,
        label_noise=label_noise,
        loss=loss,
    )


class Softmax:
    """Timed by asv."""

    params = tuple(WANTED)
    param_names = ("classes",)
    timeout = 120

    def setup(self, classes: int) -> None:
        self.problem = problem(classes)
        self.problem.curve()

    def time_one_alpha(self, classes: int) -> None:
        self.problem.curve().accuracy(1.0)


class Spread:
    """Timed by asv: what error bars cost beside the solved alphas, of three classes."""

    def setup(self) -> None:
        self.curve = problem(3).curve()
        self.curve.optimal_alpha_std()

    def time_std_of_the_best_alpha(self) -> None:
        self.curve.optimal_alpha_std()

    def time_expected_accuracy(self) -> None:
        self.curve.expected_accuracy(1.0)


def seconds(call: Callable[[], object]) -> float:
    """Of the processor, so that other work on the machine does not count."""
    start = time.process_time()
    call()
    return time.process_time() - start


def report(classes: int) -> str:
    """One row of the table."""
    squared, curve = problem(classes, "squared"), cast("ra.SoftmaxCurve", problem(classes).curve())
    one = seconds(lambda: curve.accuracy(1.0))
    noisy = seconds(lambda: problem(classes, label_noise=NOISE).curve().accuracy(1.0))
    closed = statistics.median(seconds(lambda: squared.curve().accuracy(1.0)) for _ in range(3))
    solution = curve.solution(1.0)
    wanted = f"{WANTED[classes]:g}" if classes in WANTED else "-"
    return (
        f"{classes:3} {one:8.2f} {wanted:>8} {one / closed:13.0f} {noisy:12.2f} {solution.n_iter:6} "
        f"{solution.quadrature_error:12.1e} {curve.accuracy_uncertainty(1.0):10.1e}  {solution.status}"
    )


def convergence(classes: int) -> None:
    """What a step of the map at the solution changes with other Sobol points, by their number."""
    curve = cast("ra.SoftmaxCurve", problem(classes).curve())
    state = curve.solution(1.0).state
    known, unit = state.packed(), units(state)
    equations = replace(equations_at(curve, state), alpha=np.ones(1))
    for level in (10, 12, 14, 16):
        rule = _sobol(classes - 1, level, SEED)
        rules = (rule,) * len(equations.nodes)
        moved = replace(equations, nodes=rules, starts={}).step(state).packed()
        print(f"  2^{level} mirrored: {np.max(abs((moved - known) / unit)):.1e}")


def main() -> None:
    seconds(lambda: problem(3).curve().accuracy(1.0))
    print(
        f"p = {P}, n = {SAMPLES}, three diagonal covariances, an intercept; seconds of one core for an alpha"
    )
    print("  K  seconds   wanted  closed forms  label noise  steps  quadrature   accuracy")
    for classes in CLASSES:
        print(report(classes))
    print(f"Sobol points for K = {CLASSES[-1]}: what other points change, relative")
    convergence(CLASSES[-1])


if __name__ == "__main__":
    main()
