"""Embeddings on disk: a line that says what they are of, with a checksum of all, then the numbers.

A file is used if its first line is, to the letter, the one that would be written for these inputs and these
numbers; so nothing in it has to be understood before it is known to be right.
"""

from __future__ import annotations

import hashlib
import secrets
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np

from rmt_alpha._core.records.record_text import as_json
from rmt_alpha._core.types import FloatArray

DTYPE = np.dtype("<f4")


def kept(folder: Path, inputs: str, rows: int, compute: Callable[[], FloatArray]) -> FloatArray:
    """Embeddings (rows, features) from the folder, else computed and put there.

    ``inputs`` is a checksum of all that they depend on.  A file that was altered is told in a warning and
    computed again; where nothing can be written, nothing is lost but the time of the next computation.
    """
    path = folder / f"{inputs[:32]}.embeddings"
    found = _read(path, inputs, rows)
    if found is None:
        found = np.asarray(compute(), dtype=DTYPE)
        try:
            _write(path, inputs, found)
        except OSError as error:
            warnings.warn(f"the embeddings cannot be kept in {path}: {error.strerror or error}", stacklevel=3)
    return found.astype(np.float64)  # as from the file, whether or not they came from there


def _read(path: Path, inputs: str, rows: int) -> np.ndarray | None:
    if rows == 0 or not path.is_file():
        return None
    try:
        head, _, body = path.read_bytes().partition(b"\n")
    except OSError as error:
        warnings.warn(f"cannot read {path}: {error.strerror}; computed again", stacklevel=4)
        return None
    shape = rows, len(body) // (rows * DTYPE.itemsize)
    if head != _first_line(inputs, shape, body):
        warnings.warn(f"{path} is not what was written there; computed again", stacklevel=4)
        return None
    return np.frombuffer(body, DTYPE).reshape(shape)


def _write(path: Path, inputs: str, features: np.ndarray) -> None:
    body = features.tobytes()
    draft = path.with_name(f".{path.stem}.{secrets.token_hex(8)}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_bytes(_first_line(inputs, features.shape, body) + b"\n" + body)
        draft.replace(path)
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)


def _first_line(inputs: str, shape: tuple[int, ...], body: bytes) -> bytes:
    says = {"rmt_alpha": "embeddings", "inputs": inputs, "shape": shape, "dtype": DTYPE.str}
    digest = hashlib.sha256(as_json(says).encode() + b"\n" + body).hexdigest()
    return as_json(says | {"digest": digest}).encode()
