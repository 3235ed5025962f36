"""The controls: native elements of the browser, which every keyboard and every screen reader knows.

Sliders of the libraries have no names that a screen reader could read, nor number fields beside them.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import param
from panel.custom import JSComponent

from rmt_alpha.explore.fields import Field, Values

BROWSER = Path(__file__).parent / "browser"


@cache
def style(name: str) -> str:
    """The text of a style sheet."""
    return (BROWSER / f"{name}.css").read_text(encoding="utf-8")


class Form(JSComponent):
    """The fields of a tab.

    The browser sends one change at a time and waits until it is ``answered``: of a slider that moves faster
    than the answers come, only the last place counts.
    """

    fields = param.List(doc="Field.spec of each.")
    values = param.Dict(default={}, doc="Values by name, those of other forms too.")
    options = param.Dict(default={}, doc="Of choices that depend on what was opened: values and names.")
    answered = param.Integer(default=0, doc="How many changes were.")

    _esm = BROWSER / "form.js"
    _stylesheets = [style("form")]  # noqa: RUF012  # as Panel wants it

    def __init__(self, fields: Sequence[Field], change: Callable[[Values], None], **more: Any) -> None:
        super().__init__(fields=[field.spec for field in fields], sizing_mode="stretch_width", **more)
        self._change = change

    def _handle_msg(self, data: Any) -> None:
        try:
            self._change(data["changes"])
        finally:
            self.answered += 1


class Page(JSComponent):
    """What belongs to the window: which tab, light or dark, and the query of its URL."""

    tabs = param.List(doc="Names and titles.")
    tab = param.String()
    theme = param.String(default="auto")
    search = param.String(doc="Of the URL.")

    _esm = BROWSER / "page.js"
    _stylesheets = [style("form")]  # noqa: RUF012

    def __init__(self, change: Callable[[Values], None], **more: Any) -> None:
        super().__init__(sizing_mode="stretch_width", **more)
        self._change = change

    def _handle_msg(self, data: Any) -> None:
        self._change(data)


class Snippet(JSComponent):
    """The same as code, to be copied: texts by their titles."""

    of = param.String(doc="What it is the code of.")
    texts = param.Dict(default={})

    _esm = BROWSER / "snippet.js"
    _stylesheets = [style("form")]  # noqa: RUF012


def told(error: Exception) -> str:
    """One line for the reader; what is a fault of the package goes to the terminal too."""
    if not isinstance(error, ValueError | TypeError | OSError | ImportError | ArithmeticError | RuntimeError):
        traceback.print_exception(error)
    return " ".join(str(error).split()) or type(error).__name__
