"""Files to be written: refused before anything is computed, if they could not be."""

from __future__ import annotations

import os
from pathlib import Path

PICTURES = ("png", "pdf", "svg", "eps", "ps", "jpg", "jpeg", "tif", "tiff", "webp")
"""What Matplotlib writes without a further program."""


def check_output(*paths: Path | str | None) -> None:
    """OSError for a file that cannot be written; None and ``-`` are no files."""
    for each in paths:
        if each is None or str(each) == "-":
            continue
        path = Path(each)
        if path.is_dir():
            raise IsADirectoryError(f"cannot write {path}: it is a folder")
        if not path.parent.is_dir():
            raise FileNotFoundError(f"cannot write {path}: there is no folder {path.parent}")
        if not os.access(path if path.exists() else path.parent, os.W_OK):
            raise PermissionError(f"cannot write {path}: no permission")


def check_picture(*paths: Path | str | None) -> None:
    """The same for pictures, whose names must end in a format that is known; ValueError for others."""
    check_output(*paths)
    for path in paths:
        ending = "" if path is None else Path(path).suffix.lower().lstrip(".")
        if path is not None and ending not in PICTURES:
            raise ValueError(
                f"cannot draw {path}: its name must end in .{', .'.join(PICTURES)}, got {ending!r}"
            )
