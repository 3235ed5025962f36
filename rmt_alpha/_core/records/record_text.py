"""The texts of a record: canonical JSON, its hashes, and a whole record as lines of JSON."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from rmt_alpha._core.records.record_file import FORMAT, TEXT_BEGINS, RecordKind
from rmt_alpha._core.records.record_locks import first_bytes
from rmt_alpha.errors import RecordError

DIGITS = 32
"""Hexadecimal digits of keys and checksums."""


class RecordRow(NamedTuple):
    """One piece of finished work."""

    key: str
    """`key_of` the parameters."""
    parameters: str
    """Canonical JSON of all that the content depends on."""
    content: Any
    """What JSON can hold."""
    version: str
    """Of the package that wrote it."""


def as_json(value: object, *, sort: bool = False) -> str:
    """JSON without spaces and with all digits; infinity is 1e999, which every reader takes for it.

    Raises
    ------
    ValueError
        If there is a NaN.

    Examples
    --------
    >>> as_json({"b": [0.1, float("-inf")], "a": None}, sort=True)
    '{"a":null,"b":[0.1,-1e999]}'
    """
    text = (_SORTED if sort else _PLAIN).encode(value)
    return _STRING_OR_WORD.sub(_plain_number, text) if "Infinity" in text or "NaN" in text else text


_PLAIN = json.JSONEncoder(separators=(",", ":"))
_SORTED = json.JSONEncoder(separators=(",", ":"), sort_keys=True)
_STRING_OR_WORD = re.compile(r'"(?:[^"\\]|\\.)*"|Infinity|NaN')


def _plain_number(found: re.Match[str]) -> str:
    if found[0] == "NaN":
        raise ValueError("a record cannot hold NaN")
    return "1e999" if found[0] == "Infinity" else found[0]


def canonical(parameters: Mapping[str, object]) -> str:
    """The JSON text of parameters: equal parameters have equal texts."""
    return as_json(parameters, sort=True)


def key_of(parameters: str) -> str:
    """What a row is found by: the hash of canonical parameters."""
    return hashlib.sha256(parameters.encode()).hexdigest()[:DIGITS]


def digest_of(key: str, parameters: str, content: str, version: str) -> str:
    """Checksum of a row; JSON has no line feeds, so that the texts cannot run into each other."""
    return hashlib.sha256(f"{key}\n{parameters}\n{content}\n{version}".encode()).hexdigest()[:DIGITS]


def is_text(path: Path) -> bool:
    """Whether the file begins as the text of `Record.export` does."""
    return path.is_file() and first_bytes(path, len(TEXT_BEGINS)) == TEXT_BEGINS


def as_text(kind: RecordKind, rows: Iterable[RecordRow]) -> str:
    """A first line that says what it is, with a checksum of all lines, then one line for each row."""
    lines, digests = [], []
    for row in rows:
        content = as_json(row.content)
        digests.append(digest_of(row.key, row.parameters, content, row.version))
        lines.append(
            f'{{"parameters":{row.parameters},"content":{content},'
            f'"version":{json.dumps(row.version)},"digest":"{digests[-1]}"}}\n'
        )
    first = {"rmt_alpha": kind.noun, "format": FORMAT, "rows": len(lines), "digest": _joint(digests)}
    return "".join([as_json(first) + "\n", *lines])


def _joint(digests: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()[:DIGITS]


def read_text(path: Path, kind: RecordKind) -> Iterator[tuple[str, str, str]]:
    """Parameters, content and version of each line; each is used only after its checksum."""
    try:
        first, *lines = path.read_bytes().decode().removesuffix("\n").split("\n")
        header = json.loads(first)
        found = header["rmt_alpha"], header["format"], header["rows"], header["digest"]
    except OSError as error:
        raise RecordError(f"cannot read {path}: {error}") from None
    except (ValueError, TypeError, KeyError, RecursionError):
        raise RecordError(f"{path} is no text of a {kind.noun}; {kind.remedy}") from None
    if found[0] != kind.noun or found[1] != FORMAT:
        raise RecordError(
            f"{path} is the text of a {found[0]} in format {found[1]}, not of a {kind.noun} in format "
            f"{FORMAT}; {kind.remedy}"
        )
    digests = []
    for number, line in enumerate(lines, start=2):
        try:
            row = json.loads(line)
            parameters, content = canonical(row["parameters"]), as_json(row["content"])
            version, digest = row["version"], row["digest"]
            sound = digest == digest_of(key_of(parameters), parameters, content, version)
        except (ValueError, TypeError, KeyError, RecursionError):
            sound = False
        if not sound:
            raise RecordError(f"{path}, line {number}: not what was written; get the file again")
        digests.append(digest)
        yield parameters, content, version
    if (len(digests), _joint(digests)) != found[2:]:
        raise RecordError(
            f"{path}: it has {len(digests)} rows, not the {found[2]} that were written; get the file again"
        )
