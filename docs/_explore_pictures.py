"""Pictures of the application in the browser: ``python docs/_explore_pictures.py FOLDER``; conf.py calls it.

Called by hand it also makes anew the one that is kept for README.md, docs/_static/explore.png.

They need chromium and Playwright.  Where there is none, figures of the same subjects stand in, so that the
pages can be built anywhere.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

WIDTH, HEIGHT = 1180, 778
ATTEMPTS, PATIENCE = 3, 60_000
"""How often a picture is tried that a busy machine does not finish within so many milliseconds."""
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome")


def simulate(page: Any) -> None:
    """Points with error bars."""
    page.get_by_role("button", name="Simulate").click()
    page.get_by_text("200 of 200 draws").wait_for()


def nothing(page: Any) -> None:
    """The picture as it opens."""


PICTURES: dict[str, tuple[str, str, str, Callable[[Any], None]]] = {
    "theory": ("?p=1000&N=5000&beta=0.5&mu=0.8&mu_orth=0.8&gamma_source=5", "light", "accuracy", simulate),
    "phase": (
        "?tab=phase&c=negative&N=480&gamma_source=0.01&gamma=0.3&theme=dark",
        "dark",
        "negative_transfer",
        nothing,
    ),
    "mixtures": (
        "?tab=mixtures&m_prior=0.25&m_intercept=1&m_spectrum=power",
        "light",
        "imbalance_noise",
        nothing,
    ),
    "two_sources": ("?tab=mixtures&m_sources=two&m_shared=0.6", "light", "two_sources", nothing),
}
"""By name: the query of the URL, light or dark, the figure that stands in, and what is done first."""


def chromium() -> str | None:
    """The browser, if there is one and something that drives it."""
    if find_spec("playwright") is None or find_spec("panel") is None:
        return None
    return next((found for name in CHROMIUMS if (found := shutil.which(name))), None)


def take(folder: Path, program: str) -> None:
    """Photograph the application."""
    from playwright.sync_api import Error, sync_playwright

    from rmt_alpha.explore.server import Explorer

    explorer = Explorer(port=0).start()
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
            for name in PICTURES:
                for left in reversed(range(ATTEMPTS)):
                    page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
                    try:
                        photograph(page, explorer.url, name, folder)
                        break
                    except Error:
                        if not left:
                            raise
                    finally:
                        page.close()
            browser.close()
    finally:
        explorer.stop()


def photograph(page: Any, url: str, name: str, folder: Path) -> None:
    """One picture, once it stands still."""
    query, scheme, _, act = PICTURES[name]
    page.emulate_media(color_scheme=scheme)
    page.set_default_timeout(PATIENCE)
    page.goto(url + query)
    page.locator("canvas").locator("visible=true").first.wait_for()
    act(page)
    page.get_by_text("refining").locator("visible=true").wait_for(state="detached")
    page.evaluate("window.scrollTo(0, 0)")
    page.wait_for_timeout(1500)  # until the last picture is on the screen
    page.screenshot(path=folder / f"{name}.png")


def draw(folder: Path, figures: Path) -> None:
    """Photograph what is missing in a folder, or let figures stand in."""
    folder.mkdir(parents=True, exist_ok=True)
    if all((folder / f"{name}.png").exists() for name in PICTURES):
        return
    if program := chromium():
        take(folder, program)
        return
    for name, (_, _, figure, _) in PICTURES.items():
        shutil.copyfile(figures / f"{figure}.png", folder / f"{name}.png")


def keep(picture: Path) -> None:
    """For README.md, with a third of the bytes: few colours are enough for lines and letters."""
    from PIL import Image

    few = Image.open(picture).convert("RGB").quantize(128, dither=Image.Dither.NONE)
    few.save(Path(__file__).parent / "_static" / "explore.png", optimize=True)


if __name__ == "__main__":
    place = Path(sys.argv[1])
    draw(place, place.parent / "figures")
    keep(place / "theory.png")
