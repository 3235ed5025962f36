"""Types that signatures share.

Arguments are `numpy.typing.ArrayLike`, results ``Real``: a Python float for scalars, else a float64 array.
With ``dps`` they are mpmath numbers, or object arrays of them, which type checkers take for floats.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, TypeAlias, TypedDict

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Array: TypeAlias = np.ndarray[Any, Any]
"""Of any numbers: floats, complex ones or mpmath's."""
FloatArray: TypeAlias = NDArray[np.float64]
Features: TypeAlias = FloatArray | sparse.csr_array
"""Samples in rows; a sparse matrix does as well."""
IntArray: TypeAlias = NDArray[np.int64]
BoolArray: TypeAlias = NDArray[np.bool_]
Real: TypeAlias = float | FloatArray
"""One number, or one for each entry of the arguments."""
Seed: TypeAlias = (
    int | Sequence[int] | np.random.SeedSequence | np.random.Generator | np.random.RandomState | None
)
"""What ``rng`` may be."""
FilePath: TypeAlias = str | os.PathLike[str]


class SimulationOptions(TypedDict, total=False):
    """The options of `rmt_alpha.simulate`, which explains them and holds the defaults."""

    replicates: int
    method: str
    rng: Seed
    n_jobs: int
    progress: bool
    truncate: float | None
    memory_limit: float
    class_counts: str
    rank: int | None
