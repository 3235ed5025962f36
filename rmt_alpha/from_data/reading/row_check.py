"""Every row has as many fields as the header: counted on the bytes, on their way to the parser."""

from __future__ import annotations

from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from rmt_alpha._core.types import BoolArray, IntArray

NEWLINE, QUOTE = ord("\n"), ord('"')
BLOCK = 1 << 18
"""Characters at a time: what pandas asks for."""


class RowError(ValueError):
    """A row that is refused; the message names file and line."""


class CheckedRows:
    """A text as UTF-8 bytes for pandas, which fills short rows and may shift long ones without a word.

    The rules are those of RFC 4180: a field with the delimiter, a line feed or a quote in it stands in
    quotes, and a quote in it is doubled.  Then a byte is inside quotes if the number of quotes before it is
    odd, and a few passes of numpy count the fields of every row, whatever stands in them.

    Parameters
    ----------
    stream : TextIO
        The text from the beginning of a line on, with line feeds for all ends of lines.
    delimiter : str
        One ASCII character.
    fields : int
        What every row must have; rows without any character are skipped.
    line : int
        The number of the first line.
    name : str
        Of the file, for messages.
    """

    def __init__(self, stream: TextIO, delimiter: str, fields: int, line: int, name: str) -> None:
        self._stream, self._delimiter, self._fields, self._name = stream, delimiter, fields, name
        self._line, self._start = line, line
        self._inside, self._seen, self._length, self._last = 0, 0, 0, NEWLINE
        self._ended = False

    def read(self, size: int = -1) -> bytes:
        """The next bytes; `RowError` names the line of a row with other than so many fields."""
        text = self._stream.read(BLOCK)
        if not text:
            if not self._ended:
                self._end()
            return b""
        raw = text.encode()
        self._check(np.frombuffer(raw, np.uint8))
        return raw

    def _check(self, raw: NDArray[np.uint8]) -> None:
        if (zeros := np.flatnonzero(raw == 0)).size:
            line = self._line + int(np.count_nonzero(raw[: zeros[0]] == NEWLINE))
            raise RowError(
                f"{self._name}, line {line}: a zero byte; this is no text, or --encoding is another"
            )
        newline, delimiter = raw == NEWLINE, raw == ord(self._delimiter)
        lines = np.flatnonzero(newline)
        quotes = raw == QUOTE
        if self._inside or self._last == QUOTE or quotes.any():
            inside = (self._inside + np.cumsum(quotes, dtype=np.int64)) % 2 == 1
            self._check_quotes(raw, quotes, inside, lines)
            self._inside = int(inside[-1])
            newline, delimiter = newline & ~inside, delimiter & ~inside
            ends = np.flatnonzero(newline)
        else:
            ends = lines
        self._check_counts(len(raw), ends, np.flatnonzero(delimiter), lines)
        self._line += len(lines)
        self._last = int(raw[-1])

    def _check_counts(self, size: int, ends: IntArray, delimiters: IntArray, lines: IntArray) -> None:
        """``ends`` of rows, and ``lines``, which also end within quotes."""
        before = np.searchsorted(delimiters, ends)
        if len(ends):
            counts = np.diff(before, prepend=0)
            counts[0] += self._seen
            lengths = np.diff(ends, prepend=-1) - 1
            lengths[0] += self._length
            wrong = np.flatnonzero((counts != self._fields - 1) & (lengths > 0))
            if len(wrong):
                at = wrong[0]
                start = self._start if at == 0 else self._line + int(np.searchsorted(lines, ends[at - 1])) + 1
                raise self._refused(start, int(counts[at]) + 1)
            self._start = self._line + int(np.searchsorted(lines, ends[-1])) + 1
            self._seen, self._length = len(delimiters) - int(before[-1]), size - 1 - int(ends[-1])
        else:
            self._seen, self._length = self._seen + len(delimiters), self._length + size

    def _check_quotes(
        self,
        raw: NDArray[np.uint8],
        quotes: BoolArray,
        inside: BoolArray,
        lines: IntArray,
    ) -> None:
        """A quote opens at the beginning of a field and closes at its end, or is doubled."""
        apart = np.array([NEWLINE, ord(self._delimiter), QUOTE], np.uint8)
        previous = np.concatenate([np.array([self._last], np.uint8), raw[:-1]])
        was_inside = np.concatenate([[self._inside == 1], inside[:-1]])
        opens = quotes & inside & ~np.isin(previous, apart)
        closed = (previous == QUOTE) & ~was_inside & ~np.isin(raw, apart)
        bad = np.flatnonzero(opens | closed)
        if len(bad):
            line = self._line + int(np.searchsorted(lines, bad[0]))
            raise RowError(
                f"{self._name}, line {line}: a quote in the middle of a field; put the field in quotes, and "
                'double the quote: "5"" pipe"'
            )

    def _end(self) -> None:
        self._ended = True
        if self._inside:
            raise RowError(f"{self._name}, line {self._start}: a quote is opened and never closed")
        if self._length and self._seen != self._fields - 1:
            raise self._refused(self._start, self._seen + 1)

    def _refused(self, line: int, fields: int) -> RowError:
        remedy = "is a field missing?"
        if fields > self._fields:
            remedy = "is there a delimiter within a field?"
            if self._delimiter == ",":
                remedy = (
                    "is a comma a decimal comma? Then separate the fields by another character, such as ;, "
                    "and give --decimal ,"
                )
        return RowError(
            f"{self._name}, line {line}: {fields} field{'s' * (fields != 1)}, but the header has "
            f"{self._fields} (separated by {shown(self._delimiter)}): {remedy}"
        )


def shown(delimiter: str) -> str:
    """A delimiter in a message."""
    return {"\t": "tabs", ",": "commas"}.get(delimiter, repr(delimiter))
