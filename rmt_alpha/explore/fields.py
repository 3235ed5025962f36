"""What can be set, and its way into the URL and back."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

Value = float | str | bool
Values = dict[str, Value]


@dataclass(frozen=True)
class Field:
    """One thing that can be set: a number, a choice, a switch, a text; a button or files have no value."""

    name: str
    """Also in the URL."""
    label: str
    default: Value
    kind: str = "number"
    """Or choice, switch, text, button, files."""
    low: float = 0.0
    high: float = 1.0
    """Ends of the slider; the field beside it takes what the problem takes."""
    step: float = 0.01
    log: bool = False
    whole: bool = False
    options: tuple[tuple[str, str], ...] = ()
    """Values of a choice and what they are called; none: the tab says them when it knows them."""
    group: str = ""
    """Heading above those of the same group."""
    help: str = ""
    when: tuple[str, tuple[Value, ...]] | None = None
    """It is shown only when the field of that name has one of these values."""
    kept: bool = True
    """Whether it belongs into the URL."""

    @property
    def spec(self) -> dict[str, Any]:
        """What the browser is told."""
        return asdict(self)

    def parse(self, text: str) -> Value:
        """The value that a URL says; ValueError if it cannot be one."""
        if self.kind == "number":
            number = float(text)
            if not math.isfinite(number):
                raise ValueError(f"{self.name} must be a finite number, got {text!r}")
            return number
        if self.kind == "switch":
            if text not in {"0", "1"}:
                raise ValueError(f"{self.name} must be 0 or 1, got {text!r}")
            return text == "1"
        if self.kind == "choice" and self.options and text not in dict(self.options):
            known = ", ".join(value for value, _ in self.options)
            raise ValueError(f"{self.name} must be one of {known}, got {text!r}")
        return text

    def text(self, value: Value) -> str:
        """The same as a text."""
        if self.kind == "switch":
            return "1" if value else "0"
        return repr(float(value)).removesuffix(".0") if self.kind == "number" else str(value)


def choice(name: str, label: str, options: Mapping[str, str], **more: Any) -> Field:
    """One of several; the first is the default."""
    return Field(
        name,
        label,
        more.pop("default", next(iter(options), "")),
        "choice",
        options=tuple(options.items()),
        **more,
    )


class State:
    """All values of a window, by the names of their fields.

    Examples
    --------
    >>> state = State(
    ...     [
    ...         Field("beta", "alignment", 0.8),
    ...         choice("c", "colour", {"a": "A", "b": "B"}),
    ...     ]
    ... )
    >>> state.read("?beta=0.5&c=z"), state.values
    (["c must be one of a, b, got 'z'"], {'beta': 0.5, 'c': 'a'})
    >>> state.search
    '?beta=0.5'
    """

    def __init__(self, fields: Iterable[Field]) -> None:
        self.fields = {field.name: field for field in fields}
        self.values: Values = {name: field.default for name, field in self.fields.items()}

    def read(self, search: str) -> list[str]:
        """Take the values that a URL says; what it says wrongly is left out, and told."""
        wrong = []
        for name, text in parse_qsl(search.removeprefix("?"), keep_blank_values=True):
            field = self.fields.get(name)
            if field is None or not field.kept:
                wrong.append(f"there is nothing called {name!r} to be set")
                continue
            try:
                self.values[name] = field.parse(text)
            except ValueError as error:
                wrong.append(str(error))
        return wrong

    @property
    def search(self) -> str:
        """The query of the URL: what differs from the defaults."""
        told = {
            name: field.text(self.values[name])
            for name, field in self.fields.items()
            if field.kept and self.values[name] != field.default
        }
        return f"?{urlencode(told)}" if told else ""
