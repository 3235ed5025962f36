"""Number types: the same formula lines serve floats, arrays, mpmath and sympy.

Formulas in this package use ``+ - * /`` and comparisons directly.  The few operations whose spelling
depends on the number type (square root, a choice, a quotient with its limit, the normal law) come from an
`Arithmetic`, so high precision is a mode and not a second implementation.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import mpmath
import numpy as np
from scipy import special

GUARD_DIGITS = 15
"""Digits carried beyond ``dps``; every formula here loses far fewer."""


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """The operations that depend on the number type.

    ``ratio(x, y)`` is ``x / y`` with its limits: ``x / 0`` is the infinity with the sign of ``x`` and
    ``0 / 0`` is 0, which is the convention of every formula that calls it (nothing to divide: no effect).
    """

    name: str
    sqrt: Callable[[Any], Any]
    where: Callable[[Any, Any, Any], Any]
    positive: Callable[[Any], Any]
    """max(x, 0)."""
    nonzero: Callable[[Any], Any]
    """The value, or 1 where it is 0."""
    ratio: Callable[[Any, Any], Any]
    ndtr: Callable[[Any], Any]
    log_ndtr: Callable[[Any], Any]
    ndtri: Callable[[Any], Any]
    exp: Callable[[Any], Any]
    pi: Any
    number: Callable[[Any], Any]
    """Converts to this number type (used at the edges, never inside a formula)."""

    def __reduce__(self) -> str | tuple[Any, ...]:
        # Pickle by name: the members are module-level objects, identical in every process.
        return _by_name, (self.name,)


def _by_name(name: str) -> Arithmetic:
    return {a.name: a for a in (FLOAT, ARRAY, MP, MP_ARRAY)}[name]


# --- Python floats -----------------------------------------------------------------------------------


def _positive(x: Any) -> Any:
    return x if x > 0 else 0 * x


def _nonzero(x: Any) -> Any:
    return x if x != 0 else 1 + x


def _float_ratio(x: float, y: float) -> float:
    if y == 0.0:
        return math.copysign(math.inf, x) if x != 0.0 else 0.0
    return x / y


def _float_exp(x: float) -> float:
    return math.exp(x) if x > -math.inf else 0.0


FLOAT = Arithmetic(
    "float",
    math.sqrt,
    lambda condition, yes, no: yes if condition else no,
    _positive,
    _nonzero,
    _float_ratio,
    lambda x: float(special.ndtr(x)),
    lambda x: float(special.log_ndtr(x)),
    lambda q: float(special.ndtri(q)),
    _float_exp,
    math.pi,
    float,
)


# --- numpy arrays ------------------------------------------------------------------------------------


def _array_positive(x: Any) -> Any:
    return np.maximum(x, 0)


def _array_nonzero(x: Any) -> Any:
    return x if np.all(x) else np.where(x == 0, 1, x)


def _array_ratio(x: Any, y: Any) -> Any:
    if np.all(y):
        return x / y
    x, y = np.broadcast_arrays(np.asarray(x, float), np.asarray(y, float))
    result = np.where(x == 0, 0.0, np.copysign(np.inf, x))
    return np.divide(x, y, out=result, where=y != 0)


ARRAY = Arithmetic(
    "array",
    np.sqrt,
    np.where,
    _array_positive,
    _array_nonzero,
    _array_ratio,
    special.ndtr,
    special.log_ndtr,
    special.ndtri,
    np.exp,
    math.pi,
    lambda value: np.asarray(value, float),
)


# --- mpmath, scalars and object arrays ---------------------------------------------------------------


def to_mpf(value: Any) -> mpmath.mpf:
    """An mpf from anything that stands for one real number; exact for floats, mpf and integers."""
    if isinstance(value, mpmath.mpf):
        return value
    if isinstance(value, np.generic):
        value = value.item()
    if hasattr(value, "numerator") and hasattr(value, "denominator"):  # int, Fraction
        return mpmath.mpf(value.numerator) / mpmath.mpf(value.denominator)
    if not isinstance(value, float | str):
        value = str(value)  # decimal.Decimal and friends print all their digits
    return mpmath.mpf(value)


def _mp_ratio(x: Any, y: Any) -> Any:
    if y == 0:
        return mpmath.mpf(0) if x == 0 else mpmath.sign(x) * mpmath.inf
    return x / y


def _mp_log_ndtr(x: Any) -> Any:
    if x > 0:
        return mpmath.log1p(-mpmath.ncdf(-x))
    return -mpmath.inf if x == -mpmath.inf else mpmath.log(mpmath.ncdf(x))


def _mp_ndtri(q: Any) -> Any:
    if q <= 0 or q >= 1:
        return mpmath.inf if q >= 1 else -mpmath.inf
    return mpmath.sqrt(2) * mpmath.erfinv(2 * q - 1)


MP = Arithmetic(
    "mp",
    mpmath.sqrt,
    lambda condition, yes, no: yes if condition else no,
    _positive,
    _nonzero,
    _mp_ratio,
    mpmath.ncdf,
    _mp_log_ndtr,
    _mp_ndtri,
    mpmath.exp,
    mpmath.pi,
    to_mpf,
)


def _elementwise(function: Callable[..., Any], count: int = 1) -> Any:
    return np.frompyfunc(function, count, 1)


MP_ARRAY = replace(
    MP,
    name="mp_array",
    where=np.where,
    positive=_array_positive,
    nonzero=_array_nonzero,
    ratio=_elementwise(_mp_ratio, 2),
    number=lambda value: np.asarray(_elementwise(to_mpf)(value), object),
    **{name: _elementwise(getattr(MP, name)) for name in ("sqrt", "ndtr", "log_ndtr", "ndtri", "exp")},
)


def exact_numbers(name: str, value: Any) -> Any:
    """``value`` as mpf or object array of mpf: floats exactly; also str, Fraction and Decimal."""
    if isinstance(value, np.ndarray | list | tuple):
        entries = np.asarray(value, dtype=object)
        flat = [exact_numbers(name, entry) for entry in entries.flat]
        array = np.empty(entries.size, dtype=object)
        array[:] = flat
        return array.reshape(entries.shape) if entries.ndim else array.item()
    if isinstance(value, bool | bytes | complex) or value is None:
        raise TypeError(f"{name} must be a real number or an array of them, got {value!r}")
    try:
        return to_mpf(value)
    except (TypeError, ValueError, ZeroDivisionError):
        raise TypeError(f"{name} must be a real number or an array of them, got {value!r}") from None


# --- sympy, for the derivations in the documentation -------------------------------------------------


def symbolic() -> Arithmetic:
    """The arithmetic of sympy expressions; sympy is imported only here."""
    import sympy

    def normal_cdf(x: Any) -> Any:
        return (1 + sympy.erf(x / sympy.sqrt(2))) / 2

    return Arithmetic(
        "symbolic",
        sympy.sqrt,
        lambda condition, yes, no: sympy.Piecewise((yes, condition), (no, True)),
        lambda x: sympy.Max(x, 0),
        lambda x: x,
        lambda x, y: x / y,
        normal_cdf,
        lambda x: sympy.log(normal_cdf(x)),
        lambda q: sympy.sqrt(2) * sympy.erfinv(2 * q - 1),
        sympy.exp,
        sympy.pi,
        sympy.sympify,
    )


def arithmetic_of(values: Any, dps: int | None = None) -> Arithmetic:
    """The arithmetic that fits all ``values`` (None entries are ignored)."""
    array = False
    for value in values:
        array = array or isinstance(value, np.ndarray)
    if dps is None:
        return ARRAY if array else FLOAT
    return MP_ARRAY if array else MP


def array_version(ops: Arithmetic) -> Arithmetic:
    """The arithmetic of arrays of the same numbers."""
    return {"float": ARRAY, "mp": MP_ARRAY}.get(ops.name, ops)


def is_precise(value: Any) -> bool:
    """Whether ``value`` is an mpf or an array of them."""
    return isinstance(value, mpmath.mpf) or (isinstance(value, np.ndarray) and value.dtype.kind == "O")


def square_root(value: Any) -> Any:
    """Square root of a float, an array, an mpf or an array of mpf."""
    precise = is_precise(value)
    return arithmetic_of((value,), 1 if precise else None).sqrt(value)


_NO_CONTEXT = contextlib.nullcontext()


def working_precision(dps: int | None) -> contextlib.AbstractContextManager[Any]:
    """mpmath at ``dps`` digits plus the guard digits; no effect for None."""
    return _NO_CONTEXT if dps is None else mpmath.workdps(dps + GUARD_DIGITS)


def rounded(value: Any, dps: int | None) -> Any:
    """What a caller gets: a Python float or an array; with ``dps`` mpmath numbers of so many digits."""
    if dps is None:
        return value if isinstance(value, np.ndarray) and value.ndim else float(value)
    if isinstance(value, np.ndarray) and not value.ndim:
        value = value.item()
    with mpmath.workdps(dps):
        return +value
