"""Plain values of a problem file: which keys there may be, and arrays written out or kept beside it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from rmt_alpha._core.stored_arrays import read_arrays


def array(value: Any, folder: Path) -> Any:
    """Lists become arrays, ``"file.npz:name"`` is looked up; numbers and None stay."""
    if isinstance(value, str):
        file, separator, name = value.rpartition(":")
        if not separator:
            raise ValueError(f"an array must be numbers or 'file.npz:name', got {value!r}")
        return read_arrays(folder / file, [name])[name]
    if isinstance(value, list):
        if any(isinstance(item, str) for item in value):  # one entry per class, some of them in files
            return [array(item, folder) for item in value]
        try:
            return np.asarray(value, float)
        except (ValueError, TypeError):
            return [array(item, folder) for item in value]  # entries of different shapes
    return value


def check_keys(values: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    """ValueError for the first key that is not known."""
    unknown = [name for name in values if name not in known]
    if unknown:
        raise ValueError(f"unknown key {unknown[0]!r} in {where}; known keys are {', '.join(known)}")


def check_single(values: Mapping[str, Any]) -> None:
    """A file has one problem; arrays of them are for Python and for sweeps."""
    for name, value in values.items():
        if isinstance(value, list):
            raise TypeError(f"{name} must be one number, got {value!r}; `rmt-alpha sweep` takes a grid")


def require(values: Mapping[str, Any], names: tuple[str, ...], where: str) -> None:
    """ValueError for the first name that is missing."""
    missing = [name for name in names if name not in values]
    if missing:
        raise ValueError(f"{where} needs {missing[0]!r}")
