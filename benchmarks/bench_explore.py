"""Time that the application in the browser takes to answer: what a reader waits for, less the browser.

Run ``python benchmarks/bench_explore.py`` for milliseconds of processor time (the limits are 100 for the
isotropic problem, 300 for a mixture, to its first picture), or ``poe bench`` for asv.  Seconds, not ratios:
the limits are those of a reader's patience.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

CHANGES = 15


class Explore:
    """Timed by asv."""

    def setup(self) -> None:
        from rmt_alpha.explore.tabs import mixture_problem
        from rmt_alpha.explore.tabs.mixture_steps import curve_steps, map_steps
        from rmt_alpha.explore.window import Window

        self.steps, self.maps, self.problem_of = curve_steps, map_steps, mixture_problem.problem_of
        self.window, self.phase = Window(), Window("?tab=phase&c=worth")
        self.values = self.window.state.values

    def isotropic(self, beta: float = 0.5) -> None:
        """All of what a moved slider changes."""
        self.window.change({"beta": beta})

    def phase_diagram(self, beta: float = 0.5) -> None:
        self.phase.change({"p": 400 + 10 * beta})

    def first_picture(self, loss: str, beta: float = 0.5, **changed: Any) -> None:
        """A mixture's first picture, from the values of its fields."""
        values = self.values | {"m_loss": loss, "m_beta": beta, **changed}
        problem = self.problem_of(values)
        several = values["m_sources"] == "two"
        next(self.maps(problem, None) if several else self.steps(problem, None))

    def time_isotropic(self) -> None:
        self.isotropic()

    def time_phase_diagram(self) -> None:
        self.phase_diagram()

    def time_mixture_squared(self) -> None:
        self.first_picture("squared")

    def time_mixture_logistic(self) -> None:
        self.first_picture("logistic")


def measured(answer: Callable[[float], None]) -> tuple[float, float]:
    """Median and longest milliseconds of processor time over changes of beta."""
    found = []
    for beta in np.linspace(-0.9, 0.9, CHANGES):
        start = time.process_time()
        answer(float(beta))
        found.append(1000 * (time.process_time() - start))
    return statistics.median(found), max(found)


def until_first_picture() -> float:
    """Seconds of processor time of a new process, until the first window is made."""
    program = "from rmt_alpha.explore.window import Window; Window().servable()"
    program = f"import time; {program}; print(time.process_time())"
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    return float(shown)


def main() -> None:
    bench = Explore()
    bench.setup()
    cases: dict[str, Callable[[float], None]] = {
        "theory, isotropic": bench.isotropic,
        "phase diagram": bench.phase_diagram,
        "mixture, squared": lambda beta: bench.first_picture("squared", beta),
        "mixture, power law, K = 4": lambda beta: bench.first_picture(
            "squared", beta, m_spectrum="power", m_K=4.0
        ),
        "two sources, squared": lambda beta: bench.first_picture("squared", beta, m_sources="two"),
    }
    for loss in ("logistic", "hinge", "squared_hinge", "huber"):
        cases[f"mixture, {loss}"] = lambda beta, loss=loss: bench.first_picture(loss, beta)  # type: ignore[misc]
    cases["softmax, K = 3"] = lambda beta: bench.first_picture("logistic", beta, m_K=3.0)
    cases["two sources, logistic"] = lambda beta: bench.first_picture("logistic", beta, m_sources="two")
    for name, answer in cases.items():
        answer(0.11)  # imports, caches
        median, longest = measured(answer)
        print(f"{name:28} {median:6.0f} ms, longest {longest:6.0f} ms")
    starts = [until_first_picture() for _ in range(3)]
    print(f"from start to first picture  {min(starts):6.2f} s of one core, without the browser's own time")


if __name__ == "__main__":
    main()
