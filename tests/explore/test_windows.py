"""The window itself: private, quiet, readable, one state each; and the server's manners."""

from __future__ import annotations

import http.client
import re
import subprocess
import sys
import urllib.request

import pytest

import rmt_alpha as ra
from rmt_alpha.explore.look import shown

TITLES = ("Theory", "Phase diagrams", "Mixtures and losses", "My data", "Sweeps")


def test_every_tab_opens_and_no_request_leaves_the_machine(screens, url):
    screen = screens()
    for title in TITLES:
        screen.tab(title)
        screen.until(lambda: screen.lead() != "")
        # Before a store is open its tab offers no choices: a list without entries is not shown.
        lists = screen.page.locator("select").locator("visible=true").all()
        assert all(each.locator("option").count() for each in lists)
    assert screen.faults == []
    foreign = [each for each in screen.requests if not each.startswith((url, "data:", "blob:"))]
    assert foreign == []
    # A sheet may name what is only loaded when it is needed.
    html = urllib.request.urlopen(url, timeout=60).read().decode()
    assert "https://" not in html.replace("https://bokeh.org", "")


def test_two_windows_do_not_disturb_each_other(screens):
    one, other = screens("?beta=0.3"), screens()
    one.number("alignment β", -0.5)
    other.tab("Phase diagrams")
    other.number("target samples n", 300)
    given = {"p": 400, "N": 2000, "gamma": 0.1}
    first = ra.TransferProblem(beta=-0.5, n=40, **given).curve().optimal_alpha()
    second = ra.TransferProblem(beta=0.8, n=300, **given).curve().optimal_alpha()
    one.until(lambda: f"α* = {shown(first)}" in one.lead())
    other.until(lambda: f"α*: {shown(second)}" in other.lead())
    assert "n=" not in one.page.url
    assert "beta=" not in other.page.url
    one.page.context.close()
    other.page.context.close()


def test_a_window_of_400_pixels_needs_no_scrolling_sideways(screens):
    screen = screens(viewport={"width": 400, "height": 800})
    for title in TITLES:
        screen.tab(title)
        screen.until(lambda: screen.lead() != "")
        screen.laid_out()
        screen.until(lambda: screen.page.evaluate("document.documentElement.scrollWidth") <= 400, title)
    slider = screen.page.get_by_role("slider").locator("visible=true")
    assert slider.count() == 0  # of the last tab; on the first they are on the screen without scrolling
    screen.tab("Theory")
    beta = screen.page.get_by_role("slider", name="alignment β", exact=True)
    screen.until(lambda: 0 <= beta.bounding_box()["y"] <= 800)
    # A picture is seen whole above the controls.
    screen.tab("Phase diagrams")
    drawn = screen.page.locator("canvas").locator("visible=true").first
    controls = screen.page.locator(".controls")

    def ends() -> float:
        box = drawn.bounding_box()
        return float(box["y"] + box["height"])

    screen.until(lambda: 300 < ends() <= controls.bounding_box()["y"])
    screen.page.context.close()


def contrast(one, other):
    """Of two colours "rgb(1, 2, 3)", as WCAG 2 defines it."""

    def light(color):
        parts = [float(x) / 255 for x in color[color.index("(") + 1 : -1].split(",")[:3]]
        linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts]
        return sum(w * x for w, x in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    low, high = sorted((light(one), light(other)))
    return (high + 0.05) / (low + 0.05)


DEEP = """const deep = (root) => [...root.querySelectorAll('*')].flatMap((node) =>
    [node, ...(node.shadowRoot ? deep(node.shadowRoot) : [])])
const seen = deep(document).filter((node) => node.checkVisibility())"""
COLORS = f"""() => {{
  {DEEP}
  const isText = (node) => node.nodeType === Node.TEXT_NODE && node.textContent.trim()
  const hasText = (node) => [...node.childNodes].some(isText)
  const others = '[aria-current], style, script, option, [class^=bk-]'  // the last: Bokeh's tools
  const texts = seen.filter((node) => hasText(node) && !node.matches(others))
  const paper = getComputedStyle(document.documentElement).backgroundColor
  return {{ paper, texts: [...new Set(texts.map((node) => getComputedStyle(node).color))] }}
}}"""
NAMES = f"""() => {{
  {DEEP}
  return seen.filter((node) => node.matches('input, select'))
    .map((node) => node.getAttribute('aria-label') || (node.labels.length ? node.labels[0].textContent : ''))
}}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_can_be_read_on_light_and_on_dark(screens, scheme):
    screen = screens(color_scheme=scheme)
    line = """() => Bokeh.documents[0].get_model_by_name('risk against alpha').renderers
        .find((r) => r.name === 'theory').glyph.line_color.value"""
    wanted = {"light": "#0072B2", "dark": "#56B4E9"}[scheme]
    screen.until(lambda: screen.page.evaluate(line) == wanted)
    screen.until(lambda: len(screen.page.evaluate(COLORS)["texts"]) >= 2)
    found = screen.page.evaluate(COLORS)
    for text in found["texts"]:
        assert contrast(text, found["paper"]) >= 4.5, text  # WCAG 2, level AA
    screen.page.get_by_label("colours").select_option({"light": "dark", "dark": "light"}[scheme])
    screen.until(lambda: screen.page.evaluate(line) != wanted)
    assert f"theme={'dark' if scheme == 'light' else 'light'}" in screen.page.url
    screen.page.context.close()


def test_every_control_has_a_name_and_can_be_reached_by_keys(screens):
    screen = screens()
    for title in TITLES:
        screen.tab(title)
        screen.until(lambda: len(screen.page.evaluate(NAMES)) > 1)  # the first is that of the colours
        assert "" not in screen.page.evaluate(NAMES)
    screen.page.evaluate("document.activeElement.blur()")
    screen.page.keyboard.press("Tab")
    assert screen.page.evaluate("document.activeElement !== document.body")
    screen.page.context.close()


def test_a_window_that_is_loaded_anew_while_it_is_answered_leaves_no_word(screens):
    """An answer on its way then finds its window closed: what the server says is judged when it ends."""
    screen = screens()
    slider = screen.page.get_by_role("slider").locator("visible=true").first
    for _ in range(8):
        slider.focus()
        for _ in range(5):
            slider.press("ArrowLeft")
        screen.open("?tab=phase")
    screen.page.context.close()


@pytest.mark.parametrize(("origin", "status"), [("http://evil.example", 403), (None, 101)])
def test_another_origin_is_refused(url, origin, status):
    place = url.removeprefix("http://").rstrip("/")
    connection = http.client.HTTPConnection(place, timeout=60)
    token = re.search(r'"token":"([^"]+)"', urllib.request.urlopen(url, timeout=60).read().decode())
    assert token
    headers = {
        "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==", "Origin": origin or url.rstrip("/"),
        "Sec-WebSocket-Protocol": f"bokeh, {token.group(1)}",
    }  # fmt: skip
    connection.request("GET", "/ws", headers=headers)
    assert connection.getresponse().status == status
    connection.close()


def test_a_port_that_is_taken_is_one_line(url):
    port = url.rstrip("/").rpartition(":")[2]
    command = [sys.executable, "-m", "rmt_alpha", "explore", "--no-browser", "--port", port]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith(f"rmt-alpha explore: port {port} of 127.0.0.1 cannot be used")
    assert done.stderr.count("\n") == 1
