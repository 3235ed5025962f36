"""A file that is nowhere but in memory: what the readers ask of a path, answered from bytes."""

from __future__ import annotations

import io
from pathlib import Path, PurePath
from types import SimpleNamespace
from typing import IO, Any, cast


class MemoryFile:
    r"""Bytes under the name of a file.

    Examples
    --------
    >>> from rmt_alpha.from_data.reading.sample_file import read_sample
    >>> target = MemoryFile("target.csv", b"y,a\n0,1\n1,2\n").as_path()
    >>> source = MemoryFile("source.csv", b"a\n0.5\n").as_path()
    >>> read_sample(target, [source], "y").X.tolist()
    [[1.0], [2.0]]
    """

    def __init__(self, name: str, content: bytes) -> None:
        self.name, self.suffix = PurePath(name).name, PurePath(name).suffix
        self._content = content

    def as_path(self) -> Path:
        """Itself: the readers ask nothing else of a path."""
        return cast(Path, self)

    def exists(self) -> bool:
        """It does."""
        return True

    def is_file(self) -> bool:
        """It is."""
        return True

    def stat(self) -> Any:
        """Its size."""
        return SimpleNamespace(st_size=len(self._content))

    def open(self, mode: str = "r", **options: Any) -> IO[Any]:
        """Open for reading, as bytes or as text."""
        raw = io.BytesIO(self._content)
        return raw if "b" in mode else io.TextIOWrapper(raw, **options)

    def read_bytes(self) -> bytes:
        """All of it."""
        return self._content

    def __str__(self) -> str:
        return self.name
