"""Target samples and a source in files: one .npz, or two .csv."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rmt_alpha._core.types import FloatArray, Real


class SampleFile(NamedTuple):
    """What a file holds."""

    X: FloatArray
    y: NDArray[Any]
    coef_source: FloatArray
    intercept_source: Real
    classes_source: NDArray[Any] | None = None


def read_sample(file: Path, source: Path | None, label: str) -> SampleFile:
    """Read samples, labels and source; errors name the file and what it lacks."""
    if file.suffix == ".npz":
        if source is not None:
            raise ValueError("--source is for .csv files; an .npz file holds the array coef_source itself")
        return _read_npz(file)
    if file.suffix == ".csv":
        if source is None:
            raise ValueError(f"{file.name} is a .csv file: give the source weights with --source FILE")
        return _read_csv(file, source, label)
    raise ValueError(f"{file.name} must end in .npz or .csv")


def _read_npz(file: Path) -> SampleFile:
    with np.load(file, allow_pickle=False) as arrays:
        missing = [name for name in ("X", "y", "coef_source") if name not in arrays]
        if missing:
            raise ValueError(
                f"{file.name} must hold the arrays X, y and coef_source; it lacks {', '.join(missing)}"
            )
        intercept = arrays.get("intercept_source", 0.0)
        names = arrays.get("classes_source")
        return SampleFile(arrays["X"], arrays["y"], arrays["coef_source"], intercept, names)


def _read_csv(file: Path, source: Path, label: str) -> SampleFile:
    rows, names = _table(file)
    if label not in names:
        raise ValueError(f"{file.name} has no column {label!r} for the labels; name it with --label")
    features = [name for name in names if name != label]
    weights, known = _table(source)
    classes = np.array([row[label] for row in weights]) if label in known else None
    lacking = [name for name in features if name not in known]
    if lacking or (len(weights) == 1) != (classes is None):
        what = f"it lacks {lacking[0]!r}" if lacking else f"it has {len(weights)}"
        expected = "one row" if classes is None else "one row per class, two or more,"
        raise ValueError(
            f"{source.name} must hold {expected} with a weight for every feature of {file.name}; {what}"
        )
    columns = [*features, *(["intercept"] if "intercept" in known else [])]
    numbers = [
        [_number(row[name], source, line, name) for name in columns] for line, row in enumerate(weights, 2)
    ]
    coef = np.array(numbers)[:, : len(features)]
    intercept = np.array(numbers)[:, -1] if "intercept" in known else np.zeros(len(coef))
    if classes is None:
        coef, intercept = coef[0], intercept[0]
    matrix = [[_number(row[name], file, line, name) for name in features] for line, row in enumerate(rows, 2)]
    return SampleFile(np.array(matrix), np.array([row[label] for row in rows]), coef, intercept, classes)


def _table(file: Path) -> tuple[list[dict[str, str]], list[str]]:
    with file.open(newline="", encoding="utf-8") as lines:
        reader = csv.DictReader(lines, strict=True)
        rows = list(reader)
        names = list(reader.fieldnames or [])
    if not rows:
        raise ValueError(f"{file.name} holds no rows below its header")
    return rows, names


def _number(text: Any, file: Path, line: int, name: str) -> float:
    try:
        return float(text)
    except (TypeError, ValueError):
        raise ValueError(f"{file.name}, line {line}: {name} must be a number, got {text!r}") from None
