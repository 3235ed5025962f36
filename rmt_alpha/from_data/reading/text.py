"""Tables in text files: what can be told about how they are written, and the reading by pandas."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import numpy as np

from rmt_alpha._core.checks import brief
from rmt_alpha._core.machine.memory import check_memory
from rmt_alpha._core.toml_file import marked_encoding
from rmt_alpha._core.types import BoolArray, FloatArray
from rmt_alpha.from_data.reading.row_check import CheckedRows, RowError, shown
from rmt_alpha.from_data.reading.table import (
    ABSENT,
    LONGEST,
    NUMBER,
    SampleTable,
    check_header,
    import_pandas,
    missing_value,
)

DELIMITERS = ",;\t|"
SAMPLE_LINES, SAMPLE_BYTES = 50, 1 << 16
"""How much is looked at to find out how a file is written."""
SMALL_CELLS, CHUNK_CELLS, CHUNK_ROWS = 1 << 22, 1 << 18, 1 << 10
"""Fields that pandas parses at a time: all of a small table, since every column costs the time of a thousand
fields in every chunk, and of a large one little beside it, but rows enough for its columns."""
COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?", re.ASCII)
THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}", re.ASCII)


class TextFormat(NamedTuple):
    """How a text file is written; None: to be found out."""

    delimiter: str | None = None
    decimal: str | None = None
    encoding: str | None = None
    absent: tuple[str, ...] = ()
    """Texts that mean a missing value: rows with one are left out."""


def text_table(file: Path, label: str, needed: bool, given: TextFormat) -> SampleTable:
    """A table from a text file with a header.

    Raises
    ------
    ValueError
        If a row or a field cannot be read, with its line, or if it cannot be told how the file is written,
        with the option that tells it.
    """
    if file.stat().st_size == 0:
        raise ValueError(f"{file.name} is empty (0 bytes)")
    form = _found(file, label, given)
    try:
        return _parsed(file, label, needed, form)
    except UnicodeError:
        raise _undecodable(file, str(form.encoding)) from None


def _found(file: Path, label: str, given: TextFormat) -> TextFormat:
    """The format, as far as the beginning of the file tells it."""
    encoding = _encoding(file, given.encoding)
    try:
        with _opened(file, encoding) as stream:
            lines = [line for line, _ in zip(stream, range(SAMPLE_LINES), strict=False)]
    except UnicodeError:
        raise _undecodable(file, encoding) from None
    delimiter = _delimiter(file, lines, given)
    decimal = _decimal(file, lines, label, delimiter, given.decimal)
    return TextFormat(delimiter, decimal, encoding, given.absent)


def _opened(file: Path, encoding: str) -> TextIO:
    return file.open(encoding=encoding, newline=None)  # every end of a line becomes a line feed


def _encoding(file: Path, given: str | None) -> str:
    with file.open("rb") as raw:
        start = raw.read(SAMPLE_BYTES)
    if start.startswith((b"PK\x03\x04", b"\x1f\x8b", b"PAR1", b"ARROW1")):
        raise ValueError(
            f"{file.name} is no text, but a workbook, an archive or a binary table: save it as CSV"
        )
    marked = marked_encoding(start)
    if given is not None:
        try:
            "".encode(given)
        except (LookupError, ValueError):
            raise ValueError(
                f"--encoding must name an encoding of text that Python knows, such as latin-1, got {given!r}"
            ) from None
        return (
            marked
            if marked == "utf-8-sig" and given.lower().replace("_", "-") in {"utf-8", "utf8"}
            else given
        )
    if marked:
        return marked
    zeros = np.frombuffer(start[: len(start) // 2 * 2], np.uint8).reshape(-1, 2) == 0
    for column, name in ((1, "utf-16-le"), (0, "utf-16-be")):  # Latin letters: every other byte is 0
        if len(zeros) and zeros[:, column].mean() > 0.5:
            return name
    return "utf-8"


def _undecodable(file: Path, encoding: str) -> ValueError:
    """Which byte it is, and where."""
    raw = file.read_bytes()
    try:
        raw.decode(encoding)
    except UnicodeDecodeError as error:
        line, byte = raw.count(b"\n", 0, error.start) + 1, f"byte 0x{raw[error.start]:02x}"
        return ValueError(
            f"{file.name}, line {line}: {byte} is not {encoding}; say with --encoding how the file is "
            "written, such as latin-1 or cp1252 (Western Europe)"
        )
    return ValueError(f"{file.name} is not {encoding}: say with --encoding how it is written")


def _split(lines: Sequence[str], delimiter: str) -> list[list[str]]:
    try:
        return [row for row in csv.reader(lines, delimiter=delimiter) if row]
    except csv.Error:
        return []


def _delimiter(file: Path, lines: Sequence[str], form: TextFormat) -> str:
    if form.delimiter is not None:
        given = {"tab": "\t", "\\t": "\t"}.get(form.delimiter, form.delimiter)
        if len(given) != 1 or not given.isascii() or given.isalnum() or given in '"\r\n\0+-.':
            raise ValueError(
                f"--delimiter must be one character, such as ';', or the word tab, got {given!r}"
            )
        return given
    possible = DELIMITERS.replace(form.decimal or "none", "")
    rows = {each: _split(lines, each) for each in possible}
    used = [each for each in possible if rows[each] and len(rows[each][0]) > 1]
    if len(used) < 2:
        return used[0] if used else possible[0]
    # The last row of the lines may be the beginning of a field that goes on.
    even = [
        each for each in used if len({len(row) for row in rows[each][: max(len(rows[each]) - 1, 2)]}) == 1
    ]
    if len(even) != 1:
        raise ValueError(
            f"{file.name} could be separated by {' or '.join(shown(each) for each in used)}: say which with "
            "--delimiter"
        )
    return even[0]


def _decimal(file: Path, lines: Sequence[str], label: str, delimiter: str, given: str | None) -> str:
    if given is not None:
        if given not in {".", ","}:
            raise ValueError(f"--decimal must be . or , got {given!r}")
        if given == delimiter:
            raise ValueError(
                f"{file.name} is separated by commas, which then are no decimals: give another --delimiter"
            )
        return given
    rows = _split(lines, delimiter)
    if delimiter == "," or not rows:
        return "."
    labels = [name.strip() for name in rows[0]].index(label) if label in map(str.strip, rows[0]) else -1
    fields = [field.strip() for row in rows[1:] for i, field in enumerate(row) if i != labels]
    commas = [field for field in fields if COMMA.fullmatch(field)]
    points = [field for field in fields if "." in field and NUMBER.fullmatch(field)]
    if not commas:
        return "."
    if points or all(THOUSANDS.fullmatch(field) for field in commas):
        other = f" beside {points[0]}" if points else ", which may be thousands"
        raise ValueError(
            f"{file.name} has {commas[0]}{other}: say with --decimal , or --decimal . what separates decimals"
        )
    return ","


def _header(stream: TextIO, file: Path, delimiter: str) -> tuple[list[str], int]:
    """The names, and the line they end in."""
    reader = csv.reader(stream, delimiter=delimiter, strict=True)
    try:
        names = next((row for row in reader if row), [])
    except csv.Error as error:
        raise ValueError(f"{file.name}, line {reader.line_num}: the header cannot be read: {error}") from None
    return [name.strip() for name in names], reader.line_num


def _parsed(file: Path, label: str, needed: bool, form: TextFormat) -> SampleTable:
    pandas = import_pandas()
    delimiter, decimal, encoding = str(form.delimiter), str(form.decimal), str(form.encoding)
    with _opened(file, encoding) as stream:
        names, line = _header(stream, file, delimiter)
        features, labels = check_header(names, file, label, needed)
        numeric, text = [str(place) for place in features], "" if labels is None else str(labels)
        kinds: dict[str, Any] = dict.fromkeys(numeric, np.float64) | ({text: str} if text else {})
        options: dict[str, Any] = {}
        if tuple(map(int, pandas.__version__.split(".")[:2])) < (3, 1):
            options["float_precision"] = "round_trip"  # from 3.1 on numbers are read exactly without a word
        most = 1 + min(_line_count(file), file.stat().st_size // len(names))  # rows; a field has a byte
        small = most * len(names) <= SMALL_CELLS
        what = f"{file.name} with {most} rows of {len(features)} numbers"
        check_memory(16.0 * most * len(features), what, "take fewer rows")
        numbers = np.empty((most, len(features)))
        texts: list[str] = []
        shared: dict[str, str] = {}  # one string for all rows of a class
        size, skipped = 0, 0
        try:
            with pandas.read_csv(
                CheckedRows(stream, delimiter, len(names), line + 1, file.name),
                sep=delimiter, decimal=decimal, header=None, names=list(map(str, range(len(names)))),
                index_col=False, usecols=list(kinds), dtype=kinds if text else np.float64,
                keep_default_na=False, na_values=list(form.absent), na_filter=bool(form.absent),
                chunksize=most if small else max(CHUNK_CELLS // len(names), CHUNK_ROWS), engine="c",
                low_memory=False, **options,
            ) as chunks:  # fmt: skip
                for chunk in chunks:
                    words = _labels(chunk.pop(text), form.absent, shared) if text else []
                    block = chunk.to_numpy()
                    kept = _kept(block, words, form.absent)
                    if kept is None:
                        raise ValueError("a number or a label is missing")
                    if not kept.all():
                        block, words = block[kept], [w for w, keep in zip(words, kept, strict=True) if keep]
                    numbers[size : size + len(block)] = block
                    size, skipped = size + len(block), skipped + len(kept) - len(block)
                    texts += words
        except pandas.errors.EmptyDataError:
            pass
        except (RowError, UnicodeError):
            raise
        except (ValueError, OverflowError) as error:  # pandas says neither the line nor the column
            raise _wrong(file, form, names, features, labels, str(error)) from None
    if not size:
        beside = f" beside {skipped} with missing values" if skipped else ""
        raise ValueError(f"{file.name} holds no rows below its header{beside}")
    return SampleTable(
        [names[place] for place in features], numbers[:size], None if labels is None else np.array(texts)
    )


def _line_count(file: Path) -> int:
    """At least as many as there are; every end of a line has such a byte in it, in any encoding."""
    feeds = returns = 0
    with file.open("rb") as raw:
        while block := raw.read(1 << 20):
            feeds += block.count(b"\n")
            returns += block.count(b"\r")
    return feeds if feeds == returns else feeds + returns


def _labels(column: Any, absent: Sequence[str], shared: dict[str, str]) -> list[str]:
    """Labels without spaces around them; a missing one is one of ``absent``."""
    found = []
    for value in column.to_numpy(object):
        text = value.strip() if isinstance(value, str) else absent[0]
        found.append(shared.setdefault(text, text))
    return found


def _kept(block: FloatArray, words: Sequence[str], absent: Sequence[str]) -> BoolArray | None:
    """Which rows are whole; None if there is a fault in a row."""
    whole: BoolArray = np.ones(len(block), bool)
    if absent:
        whole &= ~np.isnan(block).any(axis=1)
        if words:
            whole &= np.array([word not in absent for word in words])
    faults = not np.isfinite(block[whole]).all() or any(
        keep and (word in ABSENT or len(word) > LONGEST) for word, keep in zip(words, whole, strict=False)
    )
    return None if faults else whole


def _wrong(
    file: Path, form: TextFormat, names: Sequence[str], features: Sequence[int], labels: int | None, told: str
) -> ValueError:
    """What is wrong with the first field that is, found in a second look."""
    numeric = set(features)
    for line, row in _rows(file, form):
        for place in range(len(row)):
            text = row[place].strip()
            where = f"{file.name}, line {line}: {names[place]}"
            if text in form.absent:
                break
            if text in ABSENT and (place in numeric or place == labels):
                return missing_value(file, f"line {line}", names[place], text)
            if place == labels and len(text) > LONGEST:
                return ValueError(
                    f"{where} is a label of {len(text)} characters; is --label the right column?"
                )
            if place in numeric and (wrong := _no_number(text, str(form.decimal))):
                return ValueError(f"{where} must be {wrong}, got {brief(text)}")
    return ValueError(f"{file.name} cannot be read: {' '.join(told.split())}")


def _no_number(text: str, decimal: str) -> str:
    """What a field would have to be; empty if it is that."""
    if decimal == "," and "." in text:
        return "a number with a decimal comma (or give --decimal .)"
    plain = text.replace(decimal, ".")
    if plain.lower() in {"true", "false"}:
        return ""
    if NUMBER.fullmatch(plain):
        return "" if np.isfinite(float(plain)) else "a number that fits a float64"
    if plain.lower().lstrip("+-") in {"inf", "infinity", "nan"}:
        return "a finite number"
    return "a number" + (" (for decimal commas give --decimal ,)" if COMMA.fullmatch(text) else "")


def _rows(file: Path, form: TextFormat) -> Iterator[tuple[int, list[str]]]:
    """Rows below the header, with the lines they end in."""
    with _opened(file, str(form.encoding)) as stream:
        reader = csv.reader(stream, delimiter=str(form.delimiter))
        try:
            header = next((row for row in reader if row), [])
            for row in reader:
                if row:
                    yield reader.line_num, row[: len(header)]
        except csv.Error as error:
            raise ValueError(f"{file.name}, line {reader.line_num}: {error}") from None
