"""The built pages: what they link to, and what a browser without a network makes of them."""

from __future__ import annotations

import asyncio
import functools
import json
import shutil
import threading
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
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
    protocol_version = "HTTP/1.1"  # one connection for many files

    def log_message(self, *args):
        pass

    def do_GET(self):
        if self.path == "/favicon.ico":  # the browser asks for it unasked, and the site has none
            self.send_response(204)
            self.end_headers()
        else:
            super().do_GET()

    def end_headers(self):
        self.send_header("Cache-Control", "max-age=3600")  # what all pages share is asked for once
        super().end_headers()


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


@asynccontextmanager
async def _browser() -> AsyncIterator[Any]:
    """A context of the system's browser, which finds no machine but this one."""
    from playwright.async_api import async_playwright

    here = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
    async with async_playwright() as play:
        browser = await play.chromium.launch(executable_path=chromium(), args=["--no-sandbox", here])
        context = await browser.new_context()
        context.set_default_timeout(PATIENCE)
        yield context
        await browser.close()


class _Tab:
    """A tab that visits page after page, and reports into ``problems`` whatever goes wrong in them.

    It stays open, so that the browser keeps the scripts that it has compiled, and nothing intercepts its
    requests, which would make it ask for them again.
    """

    def __init__(self, address: str, problems: list[str]) -> None:
        self.address, self.problems, self.name = address, problems, ""

    async def open(self, context) -> None:
        self.page = page = await context.new_page()
        page.on("request", lambda asked: self.asked(asked.url))
        page.on("console", lambda message: self.report(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.report(str(error)))
        page.on("response", lambda got: self.answered(got.status, got.url))

    def report(self, what: str) -> None:
        self.problems.append(f"{self.name}: {what}")

    def asked(self, url: str) -> None:
        if not url.startswith((self.address, "data:", "blob:")):
            self.report(f"asks the network for {url}")

    def answered(self, status: int, url: str) -> None:
        if status >= 400:
            self.report(f"{status} for {url}")

    async def visit(self, name: str) -> None:
        from playwright.async_api import Error

        self.name = name
        try:
            await self.page.goto(self.address + name)
            for what in await self.page.evaluate(LOOK):
                self.report(what)
        except Error as error:  # one page that does not come must not hide what the others say
            self.report(error.message.splitlines()[0])


async def _visit(names: list[str], address: str) -> list[str]:
    problems: list[str] = []
    left = list(reversed(names))

    async def work(context):
        tab = _Tab(address, problems)
        await tab.open(context)
        while left:
            await tab.visit(left.pop())

    async with _browser() as context:
        await asyncio.gather(*(work(context) for _ in range(AT_ONCE)))
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


async def _search(queries: Iterable[str], address: str) -> dict[str, list[str]]:
    found = {}
    async with _browser() as context:
        page = await context.new_page()
        for query in queries:
            await page.goto(f"{address}search.html")
            await page.fill("#search-input, .search__dialog input, input[name=q] >> visible=true", query)
            await page.keyboard.press("Enter")
            await page.wait_for_selector("#search-results .search-summary:has-text('found')")
            found[query] = await page.eval_on_selector_all(
                "#search-results li a", "all => all.map(a => a.getAttribute('href').split('?')[0])"
            )
    return found


def search(root: Path, queries: Iterable[str]) -> dict[str, list[str]]:
    """The links that the search page lists for each query, best first."""
    with served(root) as address:
        return asyncio.run(_search(queries, address))
