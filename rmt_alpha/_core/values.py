"""Objects that are equal by value although they hold arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

HASHED = 64
"""Entries of an array that enter a hash: evenly spread, so that large arrays cost no more than small ones."""


@dataclass(frozen=True, eq=False)
class Value:
    """Base of frozen dataclasses: equal and hashed by their fields alone, and pickled without caches."""

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self is other or all(same(vars(self)[f.name], vars(other)[f.name]) for f in fields(self))

    def __hash__(self) -> int:
        return hash(tuple(_hashable(vars(self)[f.name]) for f in fields(self)))

    def __getstate__(self) -> dict[str, Any]:
        return {f.name: vars(self)[f.name] for f in fields(self)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for value in state.values():
            for array in value if isinstance(value, tuple) else (value,):
                if isinstance(array, np.ndarray):
                    array.flags.writeable = False  # pickle forgets it
        vars(self).update(state)


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal, arrays in all their entries."""
    if one is other:
        return True
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        return np.array_equal(one, other)
    if isinstance(one, np.random.SeedSequence) and isinstance(other, np.random.SeedSequence):
        return same(_seed(one), _seed(other))
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def _seed(value: np.random.SeedSequence) -> tuple[Any, ...]:
    entropy = value.entropy
    return tuple(entropy) if isinstance(entropy, Sequence) else (entropy,), value.spawn_key


def _hashable(value: Any) -> Any:
    if isinstance(value, np.random.SeedSequence):
        value = _seed(value)
    if isinstance(value, tuple):
        return tuple(map(_hashable, value))
    if isinstance(value, np.ndarray):
        # Numbers, not bytes: -0.0 equals 0.0.
        return value.shape, *value.flat[:: max(1, value.size // HASHED)]
    return value


def shown(value: Any) -> str:
    """A number, or the range and shape of an array, for a repr of one line."""
    if isinstance(value, np.ndarray):
        return f"<{float(value.min()):g} to {float(value.max()):g}, shape {value.shape}>"
    return repr(value).removesuffix(".0")
