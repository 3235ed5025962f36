"""The rows that alpha learns from: taken off the training set, or checked to be none of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeGuard

import numpy as np

from rmt_alpha._core.types import IntArray

if TYPE_CHECKING:
    from torch.utils.data import IterableDataset


class RowDataset(Protocol):
    """What has rows by number: `datasets.Dataset`, a `torch.utils.data.Dataset` with length, a list."""

    def __len__(self) -> int: ...

    def __getitem__(self, row: int, /) -> Any: ...


def split_rows(n: int, held_out: Any, seed: int) -> tuple[IntArray, IntArray]:
    """Row numbers for the adapter and for alpha, at random, both ascending.

    Parameters
    ----------
    n : int
        Rows in the training set, at least 2.
    held_out : float or int
        Fraction (float in (0, 1), at least one row) or number of rows (int in [1, n - 1]) for alpha.
    seed : int
        The same seed gives the same split.

    Returns
    -------
    training, held_out : array of int64
        Disjoint, together 0 to n - 1.

    Raises
    ------
    ValueError
        Fewer than two rows, or a size that leaves no row to one of the two.

    Examples
    --------
    >>> from rmt_alpha.lora.held_out import split_rows
    >>> training, held_out = split_rows(10, 0.3, seed=0)
    >>> training.tolist(), held_out.tolist()
    ([0, 1, 3, 5, 7, 8, 9], [2, 4, 6])
    """
    if n < 2:
        raise ValueError(
            f"a training set of {n} rows cannot be divided between the adapter and alpha: pass at least 2"
        )
    if isinstance(held_out, bool) or not isinstance(held_out, int | float):
        raise TypeError(f"the held-out size must be a fraction or a number of rows, got {held_out!r}")
    if isinstance(held_out, float):
        if not 0.0 < held_out < 1.0:
            raise ValueError(f"the held-out fraction must lie strictly between 0 and 1, got {held_out!r}")
        held_out = min(max(1, round(held_out * n)), n - 1)
    elif not 1 <= held_out <= n - 1:
        raise ValueError(
            f"the number of held-out rows must be between 1 and {n - 1} (of {n}), got {held_out}"
        )
    shuffled = np.random.default_rng(seed).permutation(n)
    return np.sort(shuffled[held_out:]), np.sort(shuffled[:held_out])


def take(dataset: Any, rows: IntArray) -> Any:
    """The rows of a dataset, as the kind of dataset it is where it can select (``datasets.Dataset``)."""
    if hasattr(dataset, "select"):
        return dataset.select(rows)
    from torch.utils.data import Subset

    return Subset(dataset, rows.tolist())


def shared_rows(training: RowDataset, held_out: RowDataset) -> int:
    """How many rows of ``held_out`` are also rows of ``training``, as far as their origin tells.

    Row numbers are followed through `torch.utils.data.Subset` and through `datasets.Dataset` (``select``,
    ``shuffle``, ``train_test_split``) down to the data they point at.  Copies of the same rows, or the same
    rows after two separate ``map`` calls, have different origins and are not recognised.
    """
    if training is held_out:
        return len(held_out)
    ours = origins(training)
    return sum(origin in ours for origin in origins(held_out))


def origins(dataset: Any) -> set[tuple[int, int]]:
    """For each row: which memory it lies in, and at which place."""
    rows: IntArray = np.arange(len(dataset))
    while type(dataset).__name__ == "Subset" and hasattr(dataset, "indices"):
        rows = np.asarray(dataset.indices, dtype=np.int64)[rows]
        dataset = dataset.dataset
    table = getattr(getattr(dataset, "_data", None), "table", None)
    if table is None or not table.num_columns:
        return {(id(dataset), int(row)) for row in rows}
    # A datasets.Dataset: perhaps a list of row numbers, then a table of chunks, each a window into a buffer.
    if (chosen := getattr(dataset, "_indices", None)) is not None:
        rows = np.asarray(chosen.column(0).to_numpy(), dtype=np.int64)[rows]
    memory, place = [], []
    for chunk in table.column(0).chunks:
        buffers = [b for b in chunk.buffers() if b is not None]
        memory.append(np.full(len(chunk), buffers[-1].address if buffers else id(table), dtype=np.uint64))
        place.append(chunk.offset + np.arange(len(chunk)))
    where, at = np.concatenate(memory)[rows], np.concatenate(place)[rows]
    return set(zip(where.tolist(), at.tolist(), strict=True))


def divide(
    training: RowDataset | IterableDataset | None,
    held_out: RowDataset | None,
    size: float | None,
    seed: int,
    paper_mode: bool = False,
) -> tuple[RowDataset | IterableDataset | None, RowDataset | None]:
    """What the adapter trains on, and what alpha trains on.

    ``held_out`` are rows for alpha; without them, ``size`` of ``training`` are taken off it (a share or a
    number, by default a tenth), or in paper mode all of them serve both.

    Raises
    ------
    ValueError
        No rows for alpha, rows in both, or arguments that contradict each other.
    """
    if held_out is not None and size is not None:
        raise ValueError(f"pass alpha_dataset or alpha_split, not both: got alpha_split={size!r}")
    if paper_mode and size is not None:
        raise ValueError(
            "paper_mode=True draws alpha's batches from the full training set and holds nothing out: got "
            f"alpha_split={size!r}"
        )
    if held_out is None:
        if training is None:
            return None, None
        if not _has_rows(training):
            raise ValueError(
                f"rows cannot be taken out of a stream ({type(training).__name__}): pass the held-out rows "
                "as alpha_dataset, with len() and row numbers"
            )
        if paper_mode:
            return training, training
        rows, reserved = split_rows(len(training), 0.1 if size is None else size, seed)
        return take(training, rows), take(training, reserved)
    if not _has_rows(held_out):
        raise ValueError(f"alpha_dataset must have len() and row numbers, got {type(held_out).__name__}")
    if not len(held_out):
        raise ValueError(
            "alpha_dataset is empty: alpha needs at least one row; leave it out to take rows off training"
        )
    if not paper_mode and _has_rows(training) and (shared := shared_rows(training, held_out)):
        raise ValueError(
            f"{shared} of the {len(held_out)} rows of alpha_dataset are rows of train_dataset too: alpha "
            "must learn from rows that the adapter does not train on; take them out of train_dataset, leave "
            "alpha_dataset out to have that done, or use paper_mode=True to do as the reference code does"
        )
    return training, held_out


def _has_rows(dataset: object) -> TypeGuard[RowDataset]:
    return hasattr(dataset, "__len__") and hasattr(dataset, "__getitem__")
