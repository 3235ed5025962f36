"""TOML files, read so that whatever is in them is either a dict or one line that names the file."""

from __future__ import annotations

import codecs
import tomllib
from pathlib import Path
from typing import Any

from rmt_alpha._core.types import FilePath

MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16: its mark begins with that of UTF-16
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (codecs.BOM_UTF8, "utf-8-sig"),
)
"""Byte-order marks, which editors and Excel put at the beginning of a text, and the encoding each tells."""


def marked_encoding(start: bytes) -> str | None:
    """The encoding that the first bytes of a text tell, None if there is no mark."""
    return next((name for mark, name in MARKS if start.startswith(mark)), None)


def read_toml(path: FilePath) -> dict[str, Any]:
    """The content of a TOML file, with or without a byte-order mark.

    Raises
    ------
    ValueError
        If it is no TOML; the message names the file.
    OSError
        If it cannot be read.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "marked.toml"
    >>> _ = file.write_text("p = 400", encoding="utf-16")
    >>> read_toml(file)
    {'p': 400}
    """
    raw = Path(path).read_bytes()
    try:
        text = raw.decode(marked_encoding(raw) or "utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no valid TOML file: save it as UTF-8 ({error})") from None
    try:
        return tomllib.loads(text.replace("\r\n", "\n").replace("\r", "\n"))
    except RecursionError:
        raise ValueError(f"{path} is no valid TOML file: its lists or tables are nested too deeply") from None
    except ValueError as error:  # TOMLDecodeError, and integers of more digits than Python reads
        raise ValueError(f"{path} is no valid TOML file: {error}") from None
