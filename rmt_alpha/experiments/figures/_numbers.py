"""What a figure computes: numbers by name, and tables among them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rmt_alpha._core.types import FloatArray

KINDS = ("theory", "simulated", "standard_error")


class Numbers:
    """The numbers of a figure by name: ``Numbers(draws=5).draws``."""

    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"there is no {name!r} among {', '.join(vars(self))}")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(vars(self))})"

    def tables(self, name: str) -> dict[str, tuple[list[str], list[list[Any]]]]:
        """Header and rows of every `Table` among the numbers, by the stem of its file.

        ``main`` is called ``name``, any other ``name_KEY``; the tables of a tuple stand below each other.
        """
        found = {}
        for key, value in vars(self).items():
            parts = value if isinstance(value, tuple) else (value,)
            if parts and isinstance(parts[0], Table):
                rows = [row for part in parts for row in part.as_rows()]
                found[name if key == "main" else f"{name}_{key}"] = (list(vars(parts[0])), rows)
        return found


class Table(Numbers):
    """Columns that broadcast against each other; the last axis runs fastest from row to row.

    Examples
    --------
    >>> table = Table(
    ...     beta=np.array([0.5, 0.8])[:, None],
    ...     alpha=["0", "1"],
    ...     accuracy=[[0.6, 0.7], [0.6, 0.9]],
    ... )
    >>> table.as_rows()
    [[0.5, '0', 0.6], [0.5, '1', 0.7], [0.8, '0', 0.6], [0.8, '1', 0.9]]
    """

    def as_rows(self) -> list[list[Any]]:
        """One entry of every column in each row."""
        entries = (values.ravel().tolist() for values in np.broadcast_arrays(*vars(self).values()))
        return [list(row) for row in zip(*entries, strict=True)]


class FoundTable(Table):
    """A table without the rows in which a number is missing (nan)."""

    def as_rows(self) -> list[list[Any]]:
        """Only what was found."""
        return [row for row in super().as_rows() if "nan" not in map(str, row)]


def across(*values: Any) -> tuple[Any, ...]:
    """`numpy.ix_`: the values along the axes of a table, so that it has a row for each combination."""
    return np.ix_(*values)


def or_word(values: FloatArray, word: str) -> NDArray[np.object_]:
    """The values, with a word where they are not finite."""
    return np.where(np.isfinite(values), values.astype(object), word)


def named(names: tuple[str, ...], values: FloatArray, axis: int = 1) -> dict[str, FloatArray]:
    """Columns with these names from the entries along one axis."""
    return dict(zip(names, np.moveaxis(values, axis, 0), strict=True))


def beside_theory(
    names: tuple[str, ...], theory: ArrayLike, simulated: ArrayLike, stderr: ArrayLike, axis: int = 0
) -> dict[str, FloatArray]:
    """Columns ``NAME_theory``, ``NAME_simulated`` and ``NAME_standard_error``; ``axis`` has the names."""
    three = [np.moveaxis(np.asarray(values), axis, 0) for values in (theory, simulated, stderr)]
    return {
        f"{name}_{kind}": values[q]
        for q, name in enumerate(names)
        for kind, values in zip(KINDS, three, strict=True)
    }


def by_class(
    scores: FloatArray, labels: FloatArray, mean: FloatArray, std: FloatArray, accuracy: FloatArray
) -> dict[str, FloatArray]:
    """Scores (n_alphas, n) of the classes -1 and +1 in two columns, measured and predicted.

    ``mean``, ``std`` and ``accuracy``, (n_alphas,), are the predicted law of the label times the score.
    """
    own = [scores[:, labels == sign] for sign in (-1, 1)]  # maybe not of the same length
    return {
        "mean": np.stack([part.mean(axis=1) for part in own], axis=1),
        "predicted_mean": np.array([-1, 1]) * mean[:, None],
        "std": np.stack([part.std(axis=1, ddof=1) for part in own], axis=1),
        "predicted_std": std[:, None],
        "accuracy": np.stack([(own[0] < 0).mean(axis=1), (own[1] > 0).mean(axis=1)], axis=1),
        "predicted_accuracy": accuracy[:, None],
    }


def mean_and_source(
    p: int, length: float, cosine: float, source_length: float
) -> tuple[FloatArray, FloatArray]:
    """A mean and a source vector of these lengths and this cosine, spread over all features alike."""
    mean = np.full(p, length / np.sqrt(p))
    across = np.where(np.arange(p) % 2, -1.0, 1.0) / np.sqrt(p)
    return mean, source_length * (cosine * mean / length + np.sqrt(1 - cosine**2) * across)
