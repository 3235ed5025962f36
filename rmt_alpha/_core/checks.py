"""Validation of arguments: every refusal names the argument, its value, the allowed range and a remedy."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np

from rmt_alpha._core.types import FloatArray


@dataclass(frozen=True, slots=True)
class Range:
    """The allowed values of one real argument.

    ``largest`` bounds the magnitude of finite float64 values so that no product of a few of them
    overflows or underflows; high precision (``dps``) knows no such bound.
    """

    text: str
    low: float
    high: float
    open_low: bool = False
    infinite: bool = False
    smallest: float = 0.0
    largest: float = math.inf

    def plain(self, value: Any) -> bool:
        """Quick yes for the ordinary case: a float well inside the range."""
        return (
            type(value) is float
            and self.smallest <= value <= min(self.largest, self.high)
            and self.low < value < math.inf
        )


def as_real(name: str, value: Any) -> Any:
    """``value`` as a float, a read-only float64 array, an mpf or an object array of mpf; else TypeError."""
    kind = type(value)
    if kind is float or kind is mpmath.mpf:
        return value
    if kind is int:
        return _to_float(name, value)
    if kind is bool or value is None or isinstance(value, str | bytes | complex):
        raise TypeError(f"{name} must be a real number or an array of them, got {value!r}")
    if isinstance(value, mpmath.mpf):
        return value
    unmasked(name, value)
    try:
        array = np.asarray(value)
    except ValueError:
        raise ValueError(
            f"{name} must be a real number or an array of them, with rows of one length, got {brief(value)}"
        ) from None
    if array.dtype == np.float64 and not array.flags.writeable and array.ndim:
        return array  # nobody can change it: no copy needed
    if array.dtype.kind in "iuf":
        result = np.array(array, dtype=np.float64)
    elif array.dtype.kind == "O":
        result = _object_array(name, value, array)
    else:
        raise TypeError(f"{name} must be a real number or an array of them, got {brief(value)}")
    if result.ndim == 0:
        return result.item()
    result.flags.writeable = False
    return result


def unmasked(name: str, value: Any) -> Any:
    """``value`` if it is no masked array and no list with one in it, else TypeError: numpy drops masks."""
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(
            f"{name} must not be a masked array, whose mask would be lost: leave out what is masked, or fill "
            "it in with .filled(value)"
        )
    if isinstance(value, list | tuple) and value and not isinstance(value[0], int | float | str):
        for each in value:
            unmasked(name, each)
    return value


def _to_float(name: str, value: Any) -> float:
    try:
        return float(value)
    except (OverflowError, TypeError, ValueError):
        raise TypeError(
            f"{name} must be a real number that fits a float64, got {brief(value)}; "
            "use dps= for larger numbers"
        ) from None


def _object_array(name: str, value: Any, array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    # Fractions, Decimals and huge integers come as objects; mpf entries keep their precision.
    if array.size == 0 or any(isinstance(x, bool | str | bytes | complex | type(None)) for x in array.flat):
        raise TypeError(f"{name} must be a real number or an array of them, got {brief(value)}")
    if any(isinstance(x, mpmath.mpf) for x in array.flat):
        from rmt_alpha._core.arithmetic import MP_ARRAY

        return np.asarray(MP_ARRAY.number(array), object)
    return np.asarray(np.vectorize(lambda x: _to_float(name, x), otypes=[float])(array))


def check_range(name: str, value: Any, allowed: Range) -> None:
    """Raise ValueError unless every entry of ``value`` (from `as_real`) lies in ``allowed``."""
    # `not (a <= b)` also catches NaN; min and max propagate NaN and are the cheapest passes over an array.
    if allowed.plain(value):
        return
    array = isinstance(value, np.ndarray)
    if array and value.size == 0:
        return
    low, high = (value.min(), value.max()) if array else (value, value)
    above = low > allowed.low if allowed.open_low else low >= allowed.low
    below = high <= allowed.high and (allowed.infinite or high < math.inf)
    if above and below:
        _check_magnitude(name, value, low, high, allowed)
        return
    if not array:
        raise ValueError(f"{name} must be {allowed.text}, got {brief(value)}")
    ok = value > allowed.low if allowed.open_low else value >= allowed.low
    ok = ok & (value <= allowed.high)
    if not allowed.infinite:
        ok = ok & (value < math.inf)
    raise ValueError(f"{name} must be {allowed.text}, got {_first(value, ok)}")


def _check_magnitude(name: str, value: Any, low: Any, high: Any, allowed: Range) -> None:
    if isinstance(high, mpmath.mpf) or (isinstance(value, np.ndarray) and value.dtype == object):
        return
    if allowed.largest < high < math.inf:
        raise ValueError(
            f"{name} must be {allowed.text} and at most {allowed.largest:g} in float64, got {high!r}; "
            "pass dps=30 or more for larger values"
        )
    if low < allowed.smallest:
        small = (value > 0) & (value < allowed.smallest)
        if np.any(small):
            raise ValueError(
                f"{name} must be {allowed.text}, and 0 or at least {allowed.smallest:g} in float64, got "
                f"{_first(value, ~np.asarray(small))}; pass dps=30 or more for smaller values"
            )


def _first(value: Any, ok: Any) -> str:
    if not np.ndim(value):
        return brief(value.item() if isinstance(value, np.ndarray) else value)
    where = tuple(int(i) for i in np.argwhere(~np.asarray(ok, bool))[0])
    index = where[0] if len(where) == 1 else where
    return f"{value[where]!s} at index {index}"


def brief(value: Any) -> str:
    """A value in a message, cut short."""
    text = mpmath.nstr(value, 25) if isinstance(value, mpmath.mpf) else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def common_shape(values: Mapping[str, Any]) -> tuple[int, ...]:
    """The shape that the arguments broadcast to, else ValueError."""
    shapes = {name: np.shape(value) for name, value in values.items() if np.shape(value)}
    try:
        return np.broadcast_shapes(*shapes.values())
    except ValueError:
        shown = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise ValueError(f"the arguments must broadcast to one shape, got shapes {shown}") from None


def check_choice(name: str, value: Any, choices: tuple[str, ...]) -> str:
    """``value`` if it is one of ``choices``, else ValueError."""
    if isinstance(value, str) and value in choices:
        return value
    raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, got {brief(value)}")


def check_dps(dps: Any) -> int | None:
    """The number of decimal digits, or None for float64."""
    if dps is None:
        return None
    if isinstance(dps, bool) or not isinstance(dps, int | np.integer):
        raise TypeError(f"dps must be an integer number of decimal digits or None, got {brief(dps)}")
    if not 1 <= dps <= 100_000:
        raise ValueError(f"dps must be between 1 and 100000 decimal digits, got {dps}")
    return int(dps)


def check_flag(name: str, value: Any) -> bool:
    """``value`` as a bool, else TypeError."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be True or False, got {brief(value)}")
    return bool(value)


def check_scalar(name: str, value: Any, allowed: Range) -> float:
    """One real number in a range, as a float."""
    value = as_real(name, value)
    if isinstance(value, np.ndarray):
        raise TypeError(
            f"{name} must be one number here, got an array of shape {value.shape}; loop over its values"
        )
    check_range(name, value, allowed)
    return float(value)


def frozen(name: str, array: FloatArray) -> FloatArray:
    """``array`` itself, from now on read-only, if all of it is finite; else ValueError."""
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must have finite entries, got {_first(array, np.isfinite(array))}")
    array.flags.writeable = False
    return array


def check_vector(name: str, value: Any) -> FloatArray:
    """A non-empty, finite, one-dimensional, read-only float64 array."""
    unmasked(name, value)
    try:
        vector = np.array(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise TypeError(
            f"{name} must be a one-dimensional array of real numbers, got {brief(value)}"
        ) from None
    if vector.ndim != 1 or vector.size == 0:
        raise ValueError(
            f"{name} must be a one-dimensional array with at least one entry, got shape {vector.shape}"
        )
    return frozen(name, vector)
