"""One browser window: its state, its tabs, and the URL that holds both."""

from __future__ import annotations

import importlib
from typing import Any

import panel as pn

from rmt_alpha.explore.fields import Field, Values, WindowState, choice
from rmt_alpha.explore.form import BROWSER, Form, Page, style
from rmt_alpha.explore.look import column
from rmt_alpha.explore.tab import Given, Tab

TABS = {
    "theory": ("Theory", "theory", "TheoryTab"),
    "phase": ("Phase diagrams", "phase", "PhaseTab"),
    "mixtures": ("Mixtures and losses", "mixtures", "MixturesTab"),
    "data": ("My data", "my_data", "MyDataTab"),
    "sweeps": ("Sweeps", "sweeps", "SweepsTab"),
}
"""Name in the URL: title, module and class; each is imported when it is first opened."""


def tab_class(name: str) -> type[Tab]:
    """The class of a tab."""
    _, module, kind = TABS[name]
    found: type[Tab] = getattr(importlib.import_module(f"rmt_alpha.explore.tabs.{module}"), kind)
    return found


def known_fields() -> list[Field]:
    """All that the URL may say."""
    tab = choice("tab", "tab", {name: title for name, (title, *_) in TABS.items()})
    theme = choice("theme", "colours", {"auto": "auto", "light": "light", "dark": "dark"})
    known = {field.name: field for name in TABS for field in tab_class(name).fields}
    return [tab, theme, *known.values()]


class Window:
    """What one window shows; nothing of it is shared with other windows.

    Parameters
    ----------
    search : str
        The query of the URL: which tab, and all values that differ from their defaults.
    given : TransferProblem, FineTuning or None
        A problem to be explored, where no tab has fields for all of it.
    """

    def __init__(self, search: str = "", given: Given = None) -> None:
        self.given = given
        self.state = WindowState(known_fields())
        self.tabs: dict[str, Tab] = {}
        self.forms: dict[str, Form] = {}
        self.dark = False
        self._document = pn.state.curdoc
        wrong = self.state.read(search)
        self.controls, self.pictures = column(), column()
        self.page = Page(self._page_asked, tabs=[[name, title] for name, (title, *_) in TABS.items()])
        self._refresh()
        if wrong:
            self.tab.fail(ValueError(f"of the URL: {'; '.join(wrong)}"))

    @property
    def tab(self) -> Tab:
        """The tab that is open."""
        name = str(self.state.values["tab"])
        if name not in self.tabs:
            self.tabs[name] = tab = tab_class(name)(self.set, self.given)
            self.forms[name] = Form(tab.shown_fields, self.change, values=dict(self.state.values))
            self.controls.append(self.forms[name])
            self.pictures.append(tab.view)
            tab.paint(self.dark)
        return self.tabs[name]

    def change(self, changes: dict[str, Any]) -> None:
        """What the reader did: values of fields, buttons, pieces of files."""
        fields = self.state.fields
        kept = {
            name: value for name, value in changes.items() if fields[name].kind not in {"button", "files"}
        }
        try:
            checked = {name: fields[name].parse(fields[name].text(value)) for name, value in kept.items()}
            more = self.tab.asked(changes, self.state.values | checked)
        except Exception as error:
            self.tab.fail(error)
            return
        if kept or more:
            self.set(checked | more)

    def set(self, values: Values) -> None:
        """Set values, and show what follows."""
        self.state.values.update(values)
        self._refresh()

    def _refresh(self) -> None:
        with pn.io.hold(self._document):  # one message: the sentence never runs ahead of the picture
            self._show()

    def _show(self) -> None:
        tab, values = self.tab, self.state.values
        for name, form in self.forms.items():
            form.visible = self.tabs[name].view.visible = self.tabs[name] is tab
        tab.update(values)
        self.forms[str(values["tab"])].param.update(options=dict(tab.options), values=dict(values))
        self.page.param.update(tab=values["tab"], theme=values["theme"], search=self.state.search)

    def _page_asked(self, asked: dict[str, Any]) -> None:
        if "dark" in asked:
            self.dark = bool(asked["dark"])
            for tab in self.tabs.values():
                tab.paint(self.dark)
        else:
            self.set({name: asked[name] for name in ("tab", "theme") if name in asked})

    def servable(self) -> pn.Template:
        """The page."""
        page = pn.Template((BROWSER / "page.html").read_text(encoding="utf-8"))
        page.add_variable("page_style", style("page"))
        for name in ("page", "controls", "pictures"):
            page.add_panel(name, getattr(self, name))
        return page

    def close(self) -> None:
        """End what is still being computed."""
        for tab in self.tabs.values():
            tab.work.stop()
