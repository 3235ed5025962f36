"""Results as tables and labelled arrays."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np

from rmt_alpha.validation.sweeps.axes import NO_SAMPLE, label
from rmt_alpha.validation.sweeps.cell import FIELDS

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from rmt_alpha.validation.sweeps.result import SweepResult


def columns(result: SweepResult) -> dict[str, list[Any]]:
    """The long table: one entry per cell and alpha in every column, None where there is no number."""
    alphas = len(result.alpha)
    cells = int(np.prod(result.shape))
    table: dict[str, list[Any]] = {}
    # Object arrays, for N = None is a value of its own.
    meshes = np.meshgrid(*(_objects(values) for values in result.axes.values()), indexing="ij")
    swept = dict(zip(result.axes, meshes, strict=True))
    for name in FIELDS:
        per_cell = swept[name].ravel().tolist() if name in swept else [result.fixed[name]] * cells
        table[name] = [value for value in per_cell for _ in range(alphas)]
    table["replicates"] = [result.replicates] * (cells * alphas)
    table["alpha_label"] = [label(alpha) for alpha in result.alpha] * cells
    for name, array in result.data.items():
        values = array if array.ndim > len(result.shape) else np.repeat(array[..., None], alphas, axis=-1)
        table[name] = [None if np.isnan(x) else x for x in values.ravel().tolist()]
    errors = {tuple(failure.problem.items()): failure.error for failure in result.failures}
    rows = zip(*(table[name] for name in FIELDS), strict=True)
    table["error"] = [errors.get(tuple(zip(FIELDS, row, strict=True))) for row in rows]
    return table


def write_csv(result: SweepResult, path: str | Path | TextIO) -> None:
    """`SweepResult.to_csv`."""
    if isinstance(path, str | Path):
        with Path(path).open("w", encoding="utf-8", newline="") as file:
            write_csv(result, file)
        return
    table = columns(result)
    writer = csv.writer(path, lineterminator="\n")
    writer.writerow(table)
    writer.writerows(zip(*table.values(), strict=True))


def to_pandas(result: SweepResult) -> pd.DataFrame:
    """`SweepResult.to_pandas`."""
    try:
        import pandas as pd
    except ImportError:
        raise ImportError("to_pandas() needs pandas: pip install 'rmt-alpha[pandas]'") from None
    table = columns(result)
    text = {"alpha_label", "error"}
    return pd.DataFrame(
        {
            name: pd.Series(
                values, dtype=object if name in text else "int64" if name == "replicates" else "float64"
            )
            for name, values in table.items()
        }
    )


def to_xarray(result: SweepResult) -> xr.Dataset:
    """`SweepResult.to_xarray`."""
    try:
        import xarray as xr
    except ImportError:
        raise ImportError("to_xarray() needs xarray: pip install 'rmt-alpha[pandas]'") from None
    coordinates = {
        name: _coordinate(values) for name, values in (*result.axes.items(), ("alpha", result.alpha))
    }
    cell_dims = tuple(result.axes)
    variables = {
        "alpha_value" if name == "alpha" else name: (
            (*cell_dims, "alpha") if array.ndim > len(cell_dims) else cell_dims,
            array,
        )
        for name, array in result.data.items()
    }
    fixed = {name: NO_SAMPLE if value is None else value for name, value in result.fixed.items()}
    return xr.Dataset(variables, coordinates, attrs={**fixed, "replicates": result.replicates})


def _coordinate(values: Sequence[float | str | None]) -> list[Any]:
    numeric = all(isinstance(value, float) for value in values)
    return list(values) if numeric else [label(value) for value in values]


def _objects(values: tuple[float | None, ...]) -> np.ndarray[Any, Any]:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array
