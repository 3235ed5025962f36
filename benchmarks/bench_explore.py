"""Time that the application in the browser takes to answer: what a reader waits for, less the browser.

Run ``python benchmarks/bench_explore.py`` for milliseconds of processor time (the limits are 100 for the
isotropic problem, 300 for a mixture, to its first picture) and, where there is a chromium, for what the clock
says from the command, which starts the browser, to the curve on the screen (limit 3 s), and from a key to the
moved curve; or ``poe bench`` for asv.  Seconds, not ratios: the limits are those of a reader's patience.
"""

from __future__ import annotations

import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
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


def until_seen(program: str) -> tuple[float, float]:
    """Seconds from the command until the curve is on the screen, and from a key until it has moved.

    The command starts the browser, as it does for a reader; Playwright looks into it from outside.
    """
    from playwright.sync_api import sync_playwright

    from rmt_alpha.explore.address import listen, port_of

    drawn = """(old) => {
      for (const doc of window.Bokeh?.documents ?? []) {
        const figure = doc.get_model_by_name("accuracy against alpha")
        const data = figure?.renderers.find((each) => each.name === "theory").data_source.data
        const y = data && (data instanceof Map ? data.get("accuracy") : data.accuracy)
        if (y?.length && y[99] !== old) return y[99]
      }
      return false
    }"""
    with listen(0) as one, listen(0) as other:
        ports = port_of(one), port_of(other)
    command = [sys.executable, "-m", "rmt_alpha", "explore", "--port", str(ports[0])]
    options = f"--headless --no-sandbox --remote-debugging-port={ports[1]}"
    with sync_playwright() as playwright, tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        opened = {"BROWSER": f"{program} {options} --user-data-dir={profile} %s &"}
        start = time.perf_counter()
        with subprocess.Popen(command, stderr=subprocess.DEVNULL, env=os.environ | opened) as server:
            browser = connected(playwright, ports[1])
            (page,) = browser.contexts[0].pages
            page.locator("canvas").locator("visible=true").first.wait_for()
            before = page.wait_for_function(drawn, arg=None).json_value()
            first = time.perf_counter() - start
            waits = []
            page.get_by_role("slider", name="alignment β", exact=True).focus()
            for _ in range(CHANGES):
                start = time.perf_counter()
                page.keyboard.press("ArrowLeft")
                before = page.wait_for_function(drawn, arg=before, polling=5).json_value()
                waits.append(time.perf_counter() - start)
            browser.new_browser_cdp_session().send("Browser.close")
            server.send_signal(signal.SIGINT)
    return first, statistics.median(waits)


def connected(playwright: Any, port: int) -> Any:
    """The browser that answers at this port, as soon as it does."""
    from playwright.sync_api import Error

    for _ in range(600):
        try:
            return playwright.chromium.connect_over_cdp(f"http://127.0.0.1:{port}")
        except Error:
            time.sleep(0.05)
    raise RuntimeError("no browser was started")


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
    for K in (3, 4):
        cases[f"softmax, K = {K}"] = lambda beta, K=K: bench.first_picture("logistic", beta, m_K=float(K))  # type: ignore[misc]
    cases["two sources, logistic"] = lambda beta: bench.first_picture("logistic", beta, m_sources="two")
    for name, answer in cases.items():
        answer(0.11)  # imports, caches
        median, longest = measured(answer)
        print(f"{name:28} {median:6.0f} ms, longest {longest:6.0f} ms")
    starts = [until_first_picture() for _ in range(3)]
    print(f"from start to first picture  {min(starts):6.2f} s of one core, without the browser's own time")
    if (program := shutil.which("chromium")) is not None and find_spec("playwright") is not None:
        seen = [until_seen(program) for _ in range(3)]
        first, moved = (min(each) for each in zip(*seen, strict=True))
        print(f"from the command to the curve on the screen {first:6.2f} s by the clock, a browser started")
        print(f"from a key to the moved curve {1000 * moved:6.0f} ms by the clock")


if __name__ == "__main__":
    main()
