"""Target samples and sources in files: one .npz, or tables, one of the samples and one for each source."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rmt_alpha._core.stored_arrays import read_arrays
from rmt_alpha._core.types import FloatArray, Real
from rmt_alpha.from_data.reading.table import BINARY, TEXT, SampleTable, binary_table, numeric_labels
from rmt_alpha.from_data.reading.text import TextFormat, text_table

INTERCEPT = "intercept"
"""The column of a source's intercept, unless the samples have a feature of this name."""


class SampleFile(NamedTuple):
    """What a file holds."""

    X: FloatArray
    y: NDArray[Any]
    coef_source: FloatArray
    intercept_source: Real
    classes_source: NDArray[Any] | None = None


def read_sample(
    file: Path, sources: Sequence[Path], label: str, form: TextFormat | None = None
) -> SampleFile:
    """Read samples, labels and sources; errors name the file, and what it lacks or where it is wrong.

    Several sources, which are tables, become weights of shape (k, K, p) and intercepts (k, K).
    """
    form = form or TextFormat()
    kind = file.suffix.lower()
    for each in (file, *sources):
        if each.exists() and not each.is_file():
            raise ValueError(f"{each} is no file, but a folder or a device")
    texts = any(each.suffix.lower() in TEXT for each in (file, *sources))
    if (any(form[:3]) and not texts) or (form.absent and kind == ".npz"):
        raise ValueError("--delimiter, --decimal and --encoding are for tables of text, --na is for tables")
    if kind == ".npz":
        if sources:
            raise ValueError(
                "--source is for .csv files and other tables; an .npz file holds the array coef_source itself"
            )
        return _read_npz(file)
    if kind not in (*TEXT, *BINARY):
        raise ValueError(f"{file.name} must end in {', '.join(('.npz', *TEXT, *BINARY))}")
    if not sources:
        raise ValueError(f"{file.name} is a {kind} file: give the source weights with --source FILE")
    return _read_tables(file, sources, label, form)


def _read_npz(file: Path) -> SampleFile:
    arrays = read_arrays(file, ("X", "y", "coef_source"), ("intercept_source", "classes_source"))
    for name, array in arrays.items():
        labels = name in {"y", "classes_source"}
        if array.dtype.kind not in ("biufUS" if labels else "biuf"):
            wanted = "numbers or text" if labels else "numbers"
            raise ValueError(f"{file.name}: the array {name} must hold {wanted}, got {array.dtype}")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            place = tuple(np.argwhere(~np.isfinite(array))[0].tolist())
            raise ValueError(
                f"{file.name}: the array {name} must be finite, got {array[place]} at {list(place)}; "
                "leave out what is missing"
            )
        if array.dtype.kind == "S":
            try:
                arrays[name] = np.char.decode(array, "utf-8")
            except UnicodeDecodeError:
                raise ValueError(f"{file.name}: the array {name} holds bytes that are no UTF-8") from None
    X, y, known = arrays["X"], arrays["y"], arrays.get("classes_source")
    if X.ndim != 2 or y.shape != X.shape[:1] or not X.size:
        raise ValueError(
            f"{file.name}: X must have shape (samples, features) and y one label for each sample, got shapes "
            f"{X.shape} and {y.shape}"
        )
    y, *rest = numeric_labels(*([y] if known is None else [y, known]))
    return SampleFile(
        X, y, arrays["coef_source"], arrays.get("intercept_source", 0.0), rest[0] if rest else None
    )


def _read_table(file: Path, label: str, needed: bool, form: TextFormat) -> SampleTable:
    if file.suffix.lower() in BINARY:
        return binary_table(file, label, needed, form.absent)
    return text_table(file, label, needed, form)


def _read_tables(file: Path, sources: Sequence[Path], label: str, form: TextFormat) -> SampleFile:
    sample = _read_table(file, label, True, form)
    assert sample.labels is not None
    read = [_source(source, file, sample.names, label, form) for source in sources]
    parts = [sample.labels, *(labels for _, _, labels in read if labels is not None)]
    y, *classes = numeric_labels(*parts)
    if len(read) == 1:
        coef, intercept, _ = read[0]
        if not classes:
            return SampleFile(sample.numbers, y, coef[0], intercept[0])
        return SampleFile(sample.numbers, y, coef, intercept, classes[0])
    if classes and len(classes) < len(read):
        lacking = next(source for source, (*_, labels) in zip(sources, read, strict=True) if labels is None)
        raise ValueError(
            f"{lacking.name} must name its classes in a column {label!r}, as the other sources do"
        )
    order = [np.argsort(names, kind="stable") for names in classes] or [np.arange(1)] * len(read)
    for source, names, places in zip(sources, classes, order, strict=False):
        if names[places].tolist() != classes[0][order[0]].tolist():
            raise ValueError(f"{source.name} must have the same classes as {sources[0].name}")
    return SampleFile(
        sample.numbers,
        y,
        np.stack([coef[places] for (coef, _, _), places in zip(read, order, strict=True)]),
        np.stack([intercept[places] for (_, intercept, _), places in zip(read, order, strict=True)]),
        classes[0][order[0]] if classes else None,
    )


def _source(
    source: Path, file: Path, features: list[str], label: str, form: TextFormat
) -> tuple[FloatArray, FloatArray, NDArray[Any] | None]:
    """Weights (K, p) in the order of the features, intercepts (K,), and the classes of the rows."""
    table = _read_table(source, label, False, form)
    known, wanted = {name: i for i, name in enumerate(table.names)}, set(features)
    own_intercept = INTERCEPT in known and INTERCEPT not in wanted
    lacking = [name for name in features if name not in known]
    foreign = [
        name for name in table.names if name not in wanted and not (own_intercept and name == INTERCEPT)
    ]
    rows, classes = len(table.numbers), table.labels
    if lacking or foreign or (rows == 1) != (classes is None):
        what = f"it lacks {lacking[0]!r}" if lacking else f"it has {rows}"
        if foreign and not lacking:
            what = f"it has one for {foreign[0]!r} too, which {file.name} lacks"
        expected = "one row" if classes is None else "one row per class, two or more,"
        raise ValueError(
            f"{source.name} must hold {expected} with a weight for every feature of {file.name}; {what}"
        )
    if classes is not None and len(set(classes.tolist())) < len(classes):
        raise ValueError(f"{source.name} must have one row per class, but the column {label!r} has one twice")
    intercept = table.numbers[:, known[INTERCEPT]] if own_intercept else np.zeros(rows)
    return table.numbers[:, [known[name] for name in features]], intercept, classes
