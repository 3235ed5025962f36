"""What every tab is: fields, pictures, a line for what is wrong, and numbers in words."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from html import escape
from typing import Any, ClassVar

import panel as pn

from rmt_alpha.explore.fields import Field, Values
from rmt_alpha.explore.form import told
from rmt_alpha.explore.look import Figure, column, html, paint
from rmt_alpha.explore.work import Work
from rmt_alpha.problems.fine_tuning import FineTuning
from rmt_alpha.problems.transfer import TransferProblem

Given = TransferProblem | FineTuning | None


class Tab(ABC):
    """One tab of one window.

    Parameters
    ----------
    change : callable
        Takes values to be set, as if the reader had set them.
    given : TransferProblem, FineTuning or None
        A problem to be explored.

    Attributes
    ----------
    options : dict
        What can be chosen, of choices that depend on what was opened.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    fields: ClassVar[tuple[Field, ...]]
    """What can be set here; a field may occur in several tabs."""

    def __init__(self, change: Callable[[Values], None], given: Given = None) -> None:
        self.change, self.given = change, given
        self.options: dict[str, list[tuple[str, str]]] = {}
        self.alert = html(visible=False)
        self.lead = html()
        self.figures: list[Figure] = []
        self.work = Work(self.fail)
        self.view = column(self.alert, self.lead, self.build())

    @property
    def shown_fields(self) -> tuple[Field, ...]:
        """The fields that are shown."""
        return self.fields

    @abstractmethod
    def build(self) -> pn.viewable.Viewable:
        """The pictures, empty; figures that are to be painted are put into `figures`."""

    @abstractmethod
    def show(self, values: Values) -> None:
        """Compute and draw; what it raises is shown to the reader."""

    def asked(self, changes: dict[str, Any], values: Values) -> Values:
        """What else follows from what the reader did: a button, a preset, a piece of a file."""
        del changes, values
        return {}

    def update(self, values: Values) -> None:
        """`show`, with what goes wrong in a line of its own."""
        self.work.stop()
        try:
            self.show(values)
        except Exception as error:
            self.fail(error)
        else:
            self.alert.visible = False

    def fail(self, error: Exception) -> None:
        """Say what is wrong; the pictures stay as they were."""
        self.alert.param.update(
            object=f'<div class="alert" role="alert">{escape(told(error))}</div>', visible=True
        )

    def say(self, sentence: str) -> None:
        """The answer in a sentence, which screen readers read when it changes."""
        self.lead.object = f'<div class="lead" role="status">{sentence}</div>'

    def paint(self, dark: bool) -> None:
        """All figures in the colours of the page."""
        for fig in self.figures:
            paint(fig, dark)
