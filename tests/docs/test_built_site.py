"""Every built page in a browser that reaches no network (`poe docs` first, then `poe site-check`)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from built_site import Page, chromium, dead_links, has_all_terms, names_of, problems_in_browser, search

ROOT = Path(__file__).resolve().parents[2] / "docs" / "_build" / "html"
IN_BROWSER = pytest.mark.skipif(chromium() is None, reason="there is no chromium")
pytestmark = pytest.mark.site

PAGE = "<!doctype html><html><head><title>page</title></head><body>{}</body></html>"


@pytest.fixture(scope="module")
def built():
    assert (ROOT / "index.html").is_file(), "build the documentation first: poe docs"
    assert has_all_terms(ROOT), "build from clean, search has lost its terms: rm -r docs/_build; poe docs"
    return ROOT


def test_no_dead_link_or_anchor(built):
    assert dead_links(built) == []


@IN_BROWSER
def test_every_page_draws_formulas_and_pictures_without_a_network(built):
    assert problems_in_browser(built) == []


SOUGHT = (
    ("alpha*", "theory/glossary.html"),
    ("kappa", "theory/glossary.html"),
    ("negative transfer", "generated/gallery/figures/figure_negative_transfer.html"),
    ("negative transfer", "theory/glossary.html"),
    ("equivalent samples", "theory/glossary.html"),
    ("equivalent_samples", "generated/rmt_alpha.TransferProblem.html"),
)


@pytest.fixture(scope="module")
def found(built):
    """What search lists, by query: one browser asks all."""
    return search(built, {query for query, _ in SOUGHT})


@IN_BROWSER
@pytest.mark.parametrize(("query", "page"), SOUGHT)
def test_search_finds_it_among_the_first(found, query, page):
    assert page in {link.partition("#")[0] for link in found[query][:10]}


def test_every_page_is_two_clicks_from_the_first(built):
    # A click on a door, and one on a page that the door's own page lists, beside it or in it.
    def linked(name):
        links = (link.partition("#")[0] for link in Page(built / name).links)
        inside = (link for link in links if link.endswith(".html") and ":" not in link)
        return {str((built / name).parent.joinpath(link).resolve().relative_to(built)) for link in inside}

    near = set().union(*(linked(name) for name in linked("index.html")))
    of_code = {name for name in names_of(built) if name.startswith("_modules/")} | {"genindex.html"}
    assert set(names_of(built)) - near - of_code == set()


# --- The judge itself: each fault is seen ------------------------------------------------------------------


def test_an_index_without_its_terms_is_seen(tmp_path):
    index = {"docnames": ["theory/glossary"], "indexentries": {"kappa": [[0, "term-kappa", False]]}}
    for each, expected in ((index, True), (index | {"indexentries": {}}, False)):
        (tmp_path / "searchindex.js").write_text(f"Search.setIndex({json.dumps(each)})")
        assert has_all_terms(tmp_path) is expected


def test_dead_links_are_seen(tmp_path):
    links = ("other.html#there", "other.html#gone", "none.html")
    body = "".join(f'<a href="{link}">a link</a>' for link in links) + '<img src="x.png">'
    (tmp_path / "a.html").write_text(PAGE.format(body))
    (tmp_path / "other.html").write_text(PAGE.format('<p id="there">'))
    assert dead_links(tmp_path) == [
        "a.html: none.html is not there",
        "a.html: other.html#gone has no such anchor",
        "a.html: x.png is not there",
    ]


FAULTS = (
    (r'<span class="math">\(\alpha\)</span>', "undrawn formula"),
    (r"<p>where \(\alpha\) is large</p>", "raw markup"),
    ("<p>where $x$ is large</p>", "raw markup"),
    ('<img src="x.png">', "broken image"),
    ("<script>console.error('oh')</script>", "oh"),
    ("<script>f()</script>", "f is not defined"),
    ('<script src="https://example.org/a.js"></script>', "asks the network"),
    ('<img src="http://192.0.2.1/a.png">', "asks the network"),
    ("<p>all is well, `$HOME` apart: <code>$x$</code></p>", ""),
)


@pytest.fixture(scope="module")
def told_of_faults(tmp_path_factory):
    """What is said of a page with each of them: one browser looks at all."""
    folder = tmp_path_factory.mktemp("faults")
    for number, (body, _) in enumerate(FAULTS):
        page = '<link rel="icon" href="data:,">' + PAGE.format(body)
        (folder / f"{number}.html").write_text(page)
    return problems_in_browser(folder)


@IN_BROWSER
@pytest.mark.parametrize(("number", "complaint"), [(i, told) for i, (_, told) in enumerate(FAULTS)])
def test_faults_of_a_page_are_seen(told_of_faults, number, complaint):
    problems = [one for one in told_of_faults if one.startswith(f"{number}.html: ")]
    assert any(complaint in one for one in problems) if complaint else problems == []
