"""The alphas that everybody looks for on a curve."""

from __future__ import annotations

import contextlib
from typing import Any


def landmarks(curve: Any) -> dict[str, float]:
    """Alpha 0, 1, the best one, and the neutral one where there is one.

    Parameters
    ----------
    curve : AlphaCurve or MixtureCurve
        With a scalar alpha.

    Returns
    -------
    dict
        Keys ``"zero"``, ``"one"``, ``"best"`` (may be infinite) and ``"neutral"``.

    Examples
    --------
    >>> import rmt_alpha as ra
    >>> landmarks(ra.TransferProblem(beta=0, p=4, n=8).curve())
    {'zero': 0.0, 'one': 1.0, 'best': 0.0, 'neutral': inf}
    """
    found = {"zero": 0.0, "one": 1.0, "best": float(curve.optimal_alpha())}
    with contextlib.suppress(ValueError):  # classes that are guessed at different alphas
        found["neutral"] = float(curve.neutral_alpha)
    return found
