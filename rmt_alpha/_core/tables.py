"""Tables as CSV: one way of writing them, with lines that end in a line feed."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
from typing import Any, TextIO


def write_csv(
    stream: TextIO, header: Sequence[str], rows: Iterable[Sequence[Any]], digits: int | None = None
) -> None:
    """Write a table; see `csv_text`."""
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(header)
    for row in rows:
        if len(row) != len(header):
            raise ValueError(f"a row has {len(row)} entries, the header {len(header)}: {row!r}")
        writer.writerow(row if digits is None else [_rounded(value, digits) for value in row])


def csv_text(header: Sequence[str], rows: Iterable[Sequence[Any]], digits: int | None = None) -> str:
    """A table as CSV text; None leaves a cell empty.

    ``digits`` are the significant digits of the numbers, with ``nan`` where there is no value and ``inf`` for
    infinity; None writes all digits.

    Examples
    --------
    >>> print(
    ...     csv_text(["name", "value"], [["third", 1 / 3], ["count", 3]], digits=10),
    ...     end="",
    ... )
    name,value
    third,0.3333333333
    count,3
    """
    text = io.StringIO()
    write_csv(text, header, rows, digits)
    return text.getvalue()


def _rounded(value: Any, digits: int) -> Any:
    if isinstance(value, str | int):
        return value
    number = float(value)
    rounded = f"{number:.{digits}g}" if math.isfinite(number) else str(number)
    return "0" if rounded == "-0" else rounded
