"""The built pages: what they link to, and what a browser without a network makes of them."""

from __future__ import annotations

import asyncio
import functools
import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

AT_ONCE = 3  # pages in the browser
PATIENCE = 180_000.0  # milliseconds for one page, on a machine that does much else

LOOK = r"""async () => {
  if (window.MathJax && MathJax.startup) await MathJax.startup.promise;
  const found = [];
  for (const image of document.images) {
    image.loading = "eager";
    try { await image.decode() } catch { found.push("broken image " + image.src) }
  }
  for (const math of document.querySelectorAll(".math"))
    if (!math.querySelector("mjx-container")) found.push("undrawn formula " + math.textContent.slice(0, 80));
  for (const wrong of document.querySelectorAll("mjx-merror, mjx-container [data-mjx-error]"))
    found.push("wrong formula " + wrong.textContent.slice(0, 80));
  for (const words of document.querySelectorAll("mjx-assistive-mml mtext"))
    if (words.textContent.includes("\\")) found.push("raw TeX in a formula " + words.textContent);
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const text = texts.currentNode;
    if (text.parentElement.closest("pre, code, script, style, textarea, mjx-container, .math")) continue;
    if (/\\[a-zA-Z]{2,}|\\[()[\]]|\$[^$ ][^$]*\$|\{(math|py|doc|ref)[:\w]*\}/.test(text.data))
      found.push("raw markup " + text.data.trim().slice(0, 80));
  }
  return found;
}"""


def names_of(root: Path) -> list[str]:
    """All pages, as paths from the folder ``root``; what the theme keeps beside them is none."""
    return sorted(str(path.relative_to(root)) for path in root.rglob("*.html") if "_static" not in path.parts)


class Page(HTMLParser):
    """Anchors and links of one page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.anchors: set[str | None] = {""}
        self.links: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        for key, value in attrs:
            if key == "id" or (tag == "a" and key == "name"):
                self.anchors.add(value)
            elif value and key in ("href", "src"):
                self.links.add(value)


def dead_links(root: Path) -> list[str]:
    """Links within the site to a file that is not there, or to an anchor that its page does not have."""
    pages = {root / name: Page(root / name) for name in names_of(root)}
    dead = []
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            goal = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not goal.is_file():
                dead.append(f"{path.relative_to(root)}: {link} is not there")
            elif goal in pages and unquote(parts.fragment) not in pages[goal].anchors:
                dead.append(f"{path.relative_to(root)}: {link} has no such anchor")
    return sorted(dead)


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@contextmanager
def served(root: Path) -> Iterator[str]:
    """The address under which this machine serves the folder."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(root)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


def chromium() -> str | None:
    """The browser of the system."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


async def _open(context, address: str, problems: list[str], name: str):
    """A page that reports into ``problems`` whatever goes wrong in it, requests to other hosts included."""
    page = await context.new_page()

    def report(what: str) -> None:
        problems.append(f"{name}: {what}")

    async def stay_here(route):
        if route.request.url.startswith((address, "data:", "blob:")):
            await route.continue_()
        else:
            report(f"asks the network for {route.request.url}")
            await route.abort()

    await page.route("**/*", stay_here)
    page.on("console", lambda message: report(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: report(str(error)))
    page.on("response", lambda got: report(f"{got.status} for {got.url}") if got.status >= 400 else None)
    return page


async def _visit(names: list[str], address: str) -> list[str]:
    from playwright.async_api import Error, async_playwright

    problems: list[str] = []
    left = list(reversed(names))
    async with async_playwright() as play:
        browser = await play.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        context = await browser.new_context()
        context.set_default_timeout(PATIENCE)

        async def work():
            while left:
                name = left.pop()
                page = await _open(context, address, problems, name)
                try:
                    await page.goto(address + name)
                    problems.extend(f"{name}: {what}" for what in await page.evaluate(LOOK))
                except Error as error:  # one page that does not come must not hide what the others say
                    problems.append(f"{name}: {error.message.splitlines()[0]}")
                await page.close()

        await asyncio.gather(*(work() for _ in range(AT_ONCE)))
        await browser.close()
    return sorted(problems)


def problems_in_browser(root: Path, names: list[str] | None = None) -> list[str]:
    """What is wrong with the pages ``names``, by default all, in a browser that reaches no other machine."""
    with served(root) as address:
        return asyncio.run(_visit(names or names_of(root), address))


def has_all_terms(root: Path) -> bool:
    """Whether the index of search knows the glossary's terms.

    A build that reads only what changed loses those of all other pages: Sphinx keeps them in memory, and does
    not read them from the index of the build before.
    """
    text = (root / "searchindex.js").read_text(encoding="utf-8")
    index = json.loads(text.removeprefix("Search.setIndex(").removesuffix(")"))
    glossary = index["docnames"].index("theory/glossary")
    return any(entry[0] == glossary for entries in index["indexentries"].values() for entry in entries)


async def _search(query: str, address: str) -> list[str]:
    from playwright.async_api import async_playwright

    async with async_playwright() as play:
        browser = await play.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        page = await browser.new_page()
        page.set_default_timeout(PATIENCE)
        await page.goto(f"{address}search.html")
        await page.fill("#search-input, .search__dialog input, input[name=q] >> visible=true", query)
        await page.keyboard.press("Enter")
        await page.wait_for_selector("#search-results .search-summary:has-text('found')")
        links = await page.eval_on_selector_all(
            "#search-results li a", "all => all.map(a => a.getAttribute('href').split('?')[0])"
        )
        await browser.close()
    return links


def search(root: Path, query: str) -> list[str]:
    """The links that the search page lists, best first."""
    with served(root) as address:
        return asyncio.run(_search(query, address))
