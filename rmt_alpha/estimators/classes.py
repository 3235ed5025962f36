"""Classes of a source and of a sample, matched by name."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rmt_alpha._core.checks import unmasked
from rmt_alpha._core.types import FloatArray

Labels = NDArray[Any]


@dataclass(frozen=True, eq=False)
class ClassMatch:
    """Which classes a sample has, and which its sources.

    Attributes
    ----------
    sampled : ndarray
        Classes of the sample, sorted.
    missing : ndarray
        Classes that only the sources have, and that the fitted model keeps.
    unknown : ndarray
        Classes of the sample that no source has.
    """

    sampled: Labels
    missing: Labels
    unknown: Labels

    @property
    def classes(self) -> Labels:
        """All classes, sorted."""
        if not len(self.missing):
            return self.sampled
        return np.unique(np.concatenate([self.sampled, self.missing]))

    def columns(self, labels: FloatArray) -> FloatArray:
        """Labels of the classes of the sample: one column each where there are others."""
        return np.hstack([-labels, labels]) if len(self.missing) and labels.shape[1] == 1 else labels

    def padded(self, labels: FloatArray) -> FloatArray:
        """Labels of all classes, from those of the classes of the sample."""
        if not len(self.missing):
            return labels
        return self.joined(labels.T, np.full((len(self.missing), len(labels)), -1.0)).T

    def joined(self, sampled: FloatArray, missing: FloatArray) -> FloatArray:
        """What belongs to the classes of the sample and to the others along axis 0, in the order of all."""
        order = np.argsort(np.concatenate([self.sampled, self.missing]), kind="stable")
        return np.asarray(np.concatenate([sampled, missing])[order])


def match_classes(sampled: Labels, names: Sequence[list[Any]], *, keep: bool = True) -> ClassMatch:
    """Match the classes of a sample with those of each source, and say what has no match.

    A sample whose classes the sources all know may lack others by chance, which are kept.  If it has one that
    they do not know, its classes are not the sources', and it is right about which there are.
    """
    own = sampled.tolist()
    for one in names:
        if not set(one) & set(own):
            raise ValueError(
                f"coef_source knows none of the classes {_listed(own)}, but {_listed(one)}: say with "
                "classes_source what its classes are called in y"
            )
    known = {name for one in names for name in one}
    unknown = [name for name in own if name not in known]
    absent = sorted(known - set(own))
    said = []
    if unknown:
        said.append(f"coef_source says nothing about {_listed(unknown)}")
    if absent and keep:
        then = "which is no class, then" if unknown else "for which the source alone speaks"
        said.append(f"there are no samples of {_listed(absent)}, {then}")
    if said:
        warnings.warn("; ".join(said), UserWarning, stacklevel=5)
    kept = absent if keep and not unknown else []
    return ClassMatch(sampled, np.array(kept), np.array(unknown, dtype=sampled.dtype))


def source_names(value: Any, sampled: Labels, own: Labels | None, rows: int) -> list[Any]:
    """The classes of the rows of a source, or the two of its one row.

    Given (``classes_source``), else the source's own, else those of the sample in ascending order, text that
    reads as numbers by their size.  The pairs -1 and 1, 0 and 1, False and True are one.
    """
    if value is not None:
        names = check_names(value)
    elif own is None:
        names = _ascending(sampled.tolist())
    else:
        names = own.tolist()
    pair = sampled.tolist()
    if own is not None and value is None and _is_sign(names) and _is_sign(pair):
        names = [pair[sorted(names).index(name)] for name in names]
    if rows != len(names) and not (rows == 1 and len(names) == 2):
        raise ValueError(f"coef_source has {rows} output(s) for the {len(names)} classes {_listed(names)}")
    return names


def check_names(value: Any) -> list[Any]:
    """Names of classes, distinct, two or more."""
    array = None if isinstance(value, str | dict) else np.asarray(unmasked("classes_source", value))
    if array is None or array.ndim != 1 or not 2 <= len(set(array.tolist())) == len(array):
        raise ValueError(
            "classes_source must be None or name the classes of the source, two or more, in the order of its "
            f"rows, got {value!r}"
        )
    return list(array.tolist())


def class_rows(weights: FloatArray, names: list[Any], wanted: Sequence[Any], share: float) -> FloatArray:
    """Rows of the wanted classes, (len(wanted), ...): 0 if the source does not know them.

    One row w of two classes stands for the rows ``-share * w`` and ``share * w``.
    """
    rows = share * np.stack([-weights[0], weights[0]]) if len(weights) < len(names) else weights
    place = {name: i for i, name in enumerate(names)}
    none = np.zeros_like(weights[0])
    return np.stack([rows[place[name]] if name in place else none for name in wanted])


def _ascending(names: list[Any]) -> list[Any]:
    try:
        return sorted(names, key=float)
    except (TypeError, ValueError):
        return names


def _is_sign(names: list[Any]) -> bool:
    return len(names) == 2 and 1 in names and all(name in (-1, 0, 1) for name in names)


def _listed(names: Sequence[Any]) -> str:
    return ", ".join(map(repr, names[:10])) + (", ..." if len(names) > 10 else "")
