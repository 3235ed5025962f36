"""A table of samples or of source weights, with named columns, whatever kind of file it was in."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rmt_alpha._core.types import FloatArray

TEXT, BINARY = (".csv", ".tsv"), (".parquet", ".feather")
"""What the names of table files end in."""
ABSENT = ("", "NA", "N/A", "#N/A", "NaN", "nan", "null", "NULL")
"""What pandas, R, Excel and databases write where there is no value."""
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
WHOLE = re.compile(r"[+-]?\d{1,18}", re.ASCII)  # any of up to 18 digits fits an int64
LONGEST = 1000
"""Characters of a label: an array of text gives every label the room of the longest."""


class SampleTable(NamedTuple):
    """Numbers, their columns' names, and the labels if there is a column of them."""

    names: list[str]
    numbers: FloatArray
    labels: NDArray[Any] | None


def check_header(names: Sequence[str], file: Path, label: str, needed: bool) -> tuple[list[int], int | None]:
    """Positions of the features, and of the labels; ValueError for what has no name, or that of another.

    A first column without a name is the index that pandas and R write, and is left out.
    """
    named = list(names)
    skipped = 1 if len(named) > 1 and not named[0] else 0
    first_place: dict[str, int] = {}
    for place, name in enumerate(named[skipped:], skipped + 1):
        if not name:
            raise ValueError(f"{file.name}: column {place} has no name; name it, or take it out")
        if (first := first_place.setdefault(name, place)) != place:
            raise ValueError(
                f"{file.name}: columns {first} and {place} are both called {name!r}; rename one, or take it "
                "out"
            )
    if needed and label not in named:
        columns = ", ".join(map(repr, named[:5])) + (", ..." if len(named) > 5 else "")
        headless = all(NUMBER.fullmatch(name) for name in named[skipped:])
        raise ValueError(
            f"{file.name} has no column {label!r} for the labels; name it with --label. The header has "
            f"{columns}" + (", which are numbers: is there no header?" if headless else "")
        )
    labels = named.index(label) if label in named else None
    return [place for place in range(skipped, len(named)) if place != labels], labels


def binary_table(file: Path, label: str, needed: bool, absent: Sequence[str]) -> SampleTable:
    """A table from a .parquet or .feather file, in which a missing value is null, or ``""`` in ``absent``."""
    pandas = import_pandas()
    read = pandas.read_parquet if file.suffix.lower() == ".parquet" else pandas.read_feather
    try:
        with file.open("rb") as raw:
            frame = read(raw)
    except ImportError:
        raise ImportError(
            f"{file.name} needs pyarrow: pip install pyarrow, or save the table as .csv"
        ) from None
    except MemoryError:
        raise
    except Exception as error:  # pyarrow has classes of its own
        told = " ".join(str(error).split())
        raise ValueError(f"{file.name} is no readable {file.suffix} file, or a damaged one: {told}") from None
    features, labels = check_header([str(name) for name in frame.columns], file, label, needed)
    names = [str(frame.columns[place]) for place in features]
    if not len(frame):
        raise ValueError(f"{file.name} holds no rows")
    numbers = np.empty((len(frame), len(features)))
    for place, column in enumerate(features):
        values = frame.iloc[:, column]
        if not pandas.api.types.is_numeric_dtype(values.dtype) or values.dtype.kind == "c":
            raise ValueError(f"{file.name}: the column {names[place]} must hold numbers, got {values.dtype}")
        numbers[:, place] = values.to_numpy(np.float64, na_value=np.nan)
    chosen = None if labels is None else frame.iloc[:, labels]
    gone = np.isnan(numbers).any(axis=1)
    if chosen is not None:
        gone |= chosen.isna().to_numpy(bool)
    if gone.any() and "" not in absent:
        row = int(np.flatnonzero(gone)[0])
        names_of = [name for name, value in zip(names, numbers[row], strict=True) if np.isnan(value)] or [
            label
        ]
        raise missing_value(file, f"row {row + 1}", names_of[0], "")
    if not np.isfinite(numbers[~gone]).all():
        row, place = np.argwhere(np.isinf(numbers))[0]
        raise ValueError(
            f"{file.name}, row {row + 1}: {names[place]} must be finite, got {numbers[row, place]}"
        )
    text = None if chosen is None else _plain_labels(chosen[~gone], file)
    return SampleTable(names, numbers[~gone], text)


def _plain_labels(column: Any, file: Path) -> NDArray[Any]:
    """Labels as numbers, truth values or text."""
    array = np.asarray(column.tolist())
    if array.dtype.kind not in "biufU":
        raise ValueError(f"{file.name}: the labels must be numbers or text, got {column.dtype}")
    return array


def missing_value(file: Path, where: str, column: str, text: str) -> ValueError:
    """What to say about a field without a value."""
    option = f"--na={text}" if text else "--na ''"
    found = repr(text) if text else "nothing"
    return ValueError(
        f"{file.name}, {where}: {column} is missing, got {found}; {option} leaves out such rows"
    )


def import_pandas() -> Any:
    """pandas, or what to install."""
    try:
        import pandas as pd
    except ImportError:
        raise ImportError(
            "tables need pandas: pip install '.[sklearn]' in a clone; an .npz file does not"
        ) from None
    return pd


def numeric_labels(*parts: NDArray[Any]) -> list[NDArray[Any]]:
    """Labels of a sample and of its sources: as numbers if all of them read as numbers, else as they are.

    So +1 and 1 are one label, and 2 comes before 10.
    """
    texts = [set(part.tolist()) for part in parts if part.dtype.kind == "U"]
    known = set().union(*texts)
    values = {text: float(text) for text in known if NUMBER.fullmatch(text)}
    if len(texts) < len(parts) and any(part.dtype.kind not in "Uiuf" for part in parts):
        return list(parts)
    if not known or len(values) < len(known) or not np.isfinite(list(values.values())).all():
        return list(parts)
    if all(WHOLE.fullmatch(text) for text in known):
        whole = {text: int(text) for text in known}
        return [
            np.array([whole[x] for x in part.tolist()], np.int64) if part.dtype.kind == "U" else part
            for part in parts
        ]
    return [
        np.array([values[x] for x in part.tolist()]) if part.dtype.kind == "U" else part for part in parts
    ]
