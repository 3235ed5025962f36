"""The application in a real browser: the system's chromium, driven by Playwright."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PATIENCE = 150_000.0
"""Milliseconds: a busy machine takes long, and nothing here is about time."""
PLOTTED = """([figure, name]) => {
  for (const doc of window.Bokeh.documents) {
    const found = doc.get_model_by_name(figure)
    if (found === null) continue
    const data = found.renderers.find((renderer) => renderer.name === name).data_source.data
    const told = {}
    for (const [column, values] of data instanceof Map ? data : Object.entries(data))
      told[column] = Array.from(values, (x) => (ArrayBuffer.isView(x) ? Array.from(x) : x))
    return told
  }
}"""


def without_browser() -> str | None:
    """Why there is no browser, None if there is one."""
    if importlib.util.find_spec("playwright") is None:
        return "Playwright is not installed: pip install playwright"
    if CHROMIUM is None:
        return "no chromium on this machine: apt-get install chromium"
    return None


class Screen:
    """One window: what is on it, and what went wrong in it."""

    def __init__(self, page: Any, url: str) -> None:
        self.page, self.url = page, url
        self.faults: list[str] = []
        self.requests: list[str] = []
        page.set_default_timeout(PATIENCE)
        page.on("console", lambda message: self._told(message.type, message.text))
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("response", lambda answer: self._answered(answer.status, answer.url))

    def _told(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"}:
            self.faults.append(f"{kind}: {text}")

    def _answered(self, status: int, url: str) -> None:
        if status >= 400:
            self.faults.append(f"{status} for {url}")

    def open(self, query: str = "") -> Screen:
        """Load the page, and wait for its first answer."""
        self.page.goto(self.url + query)
        self.page.locator("[role=status], [role=alert]").locator("visible=true").first.wait_for()
        return self

    def laid_out(self) -> None:
        """Wait until the browser has put everything into its place, and has painted it."""
        self.page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def tab(self, title: str) -> None:
        self.page.get_by_role("button", name=title, exact=True).click()
        self.page.locator("button[aria-current=page]", has_text=title).wait_for()

    def number(self, label: str, value: float) -> None:
        box = self.page.get_by_role("spinbutton", name=f"{label}, as a number").locator("visible=true")
        box.fill(str(value))
        box.press("Enter")

    def choose(self, label: str, value: str) -> None:
        self.page.get_by_role("combobox", name=label, exact=True).locator("visible=true").select_option(value)

    def until(self, condition: Any, told: str = "") -> None:
        """Wait until something of Python's is true."""
        for _ in range(int(PATIENCE / 100)):
            if condition():
                return
            self.page.wait_for_timeout(100)
        raise AssertionError(told or f"{condition} stays false; {self.lead()}; {self.alert()}")

    def lead(self) -> str:
        return "".join(self.page.locator(".lead").locator("visible=true").all_inner_texts())

    def alert(self) -> str:
        return "".join(self.page.locator("[role=alert]").locator("visible=true").all_inner_texts())

    def says(self, text: str) -> bool:
        return bool(self.page.get_by_text(text).locator("visible=true").count())

    def until_alert(self, text: str) -> None:
        """Wait until this is said to be wrong, maybe among other things."""
        self.until(lambda: text in self.alert(), f"{text!r} is not said, but {self.alert()!r}")

    def until_row(self, name: str, *numbers: str) -> None:
        """Wait until a row of a table has these numbers."""
        self.until(lambda: self.row(name) == [*numbers], f"{name} is not {numbers}; {self.alert()}")

    def row(self, name: str) -> list[str]:
        """The numbers in the row of a table."""
        line = self.page.locator("tr", has=self.page.locator("th[scope=row]", has_text=name)).locator(
            "visible=true"
        )
        return [str(cell) for cell in line.first.locator("td").all_inner_texts()]

    def plotted(self, figure: str, name: str = "theory") -> dict[str, list[Any]]:
        """The data of what is called so in a figure."""
        return dict(self.page.evaluate(PLOTTED, [figure, name]))


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of the application, as the command starts it; Ctrl-C ends it, without a word but one."""
    if reason := without_browser():
        pytest.skip(reason)
    command = [sys.executable, "-m", "rmt_alpha", "explore", "--no-browser", "--port", str(free_port())]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
    assert server.stderr is not None
    line = server.stderr.readline()
    found = re.search(r"http://127\.0\.0\.1:\d+/", line)
    assert found, line
    yield found.group()
    server.send_signal(signal.SIGINT)
    _, said = server.communicate(timeout=PATIENCE / 1000)
    assert server.returncode == 0
    # An origin that was refused is told; nothing else is.
    *others, last = said.splitlines()
    assert last == "rmt-alpha explore: ended"
    assert [line for line in others if "evil.example" not in line] == []


def free_port() -> int:
    from rmt_alpha.explore.address import listen, port_of

    with listen(0) as probe:
        return port_of(probe)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if reason := without_browser():
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture(scope="module")
def screens(browser: Any, url: str) -> Iterator[Any]:
    """Makes windows; none of them may have had a fault in the end."""
    made: list[Screen] = []

    def make(query: str = "", **options: Any) -> Screen:
        context = browser.new_context(**({"viewport": {"width": 1200, "height": 900}} | options))
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        screen = Screen(context.new_page(), url)
        made.append(screen)
        return screen.open(query)

    yield make
    for screen in made:
        assert screen.faults == []


@pytest.fixture(scope="module")
def screen(screens: Any) -> Screen:
    """One window of the test file."""
    return screens()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What needs a browser is a check of its own: `poe browser-check`."""
    for item in items:
        if "explore" in item.path.parts and {"screens", "url"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.browser)
