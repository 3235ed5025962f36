"""What objects show in a notebook: a table of the numbers that matter, beside a small picture."""

from __future__ import annotations

from html import escape
from typing import NamedTuple

import numpy as np


class Card(NamedTuple):
    """What an object shows of itself."""

    rows: dict[str, object]
    """Names and values of the table; numbers and arrays are shortened."""
    picture: str = ""
    """An SVG picture, from `rmt_alpha._core.pictures.svg`."""
    note: str = ""
    """A remark below, such as why there is no picture."""


class Shown:
    """Objects with a card: it takes the colour of the page, light or dark, and escapes all it writes."""

    def _card(self) -> Card:
        raise NotImplementedError

    def _repr_html_(self) -> str:
        try:
            with np.errstate(all="ignore"):
                card = self._card()
        except Exception as error:  # to be looked at is no reason to fail
            card = Card({"": repr(self)}, note=str(error))
        cell = 'style="text-align:left;font-weight:normal;padding:1px 14px 1px 0'
        rows = "".join(
            f'<tr style="background:none"><th scope="row" {cell};opacity:.7;white-space:nowrap">'
            f'{escape(name)}</th><td {cell}">{escape(number(value))}</td></tr>'
            for name, value in card.rows.items()
        )
        note = f'<div style="opacity:.7;font-size:90%">{escape(card.note)}</div>' if card.note else ""
        return (
            f"<div><strong>{escape(type(self).__name__)}</strong>"
            '<div style="display:flex;flex-wrap:wrap;gap:4px 24px;align-items:flex-start">'
            f'<table style="margin:0">{rows}</table>{card.picture}</div>{note}</div>'
        )


def number(value: object) -> str:
    """A short number, or the range and shape of an array; text as it is."""
    if value is None or isinstance(value, str | bool):
        return "none" if value is None else str(value)
    array = np.asarray(value, dtype=float)
    if array.ndim == 1 and 0 < array.size <= 3:
        return ", ".join(map(number, array))
    if array.ndim:
        least, most = (number(end(array)) for end in (np.min, np.max)) if array.size else ("none", "none")
        return least if least == most else f"{least} to {most}, shape {array.shape}"
    x = float(array)
    return (f"{x:.0f}" if abs(x) < 1e7 and x == round(x) else f"{x:.4g}").replace("inf", "∞")
