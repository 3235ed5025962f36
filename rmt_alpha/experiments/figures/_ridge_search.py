"""The best ridge: finite, or the larger the better."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize


def best_ridge(value: Callable[[float], float], gammas: NDArray[np.float64], on_grid: Any) -> float:
    """The maximiser of ``value`` near the best grid point; inf if that is the last one."""
    k = int(np.argmax(on_grid))
    if k == gammas.size - 1:
        return np.inf
    bounds = np.log(gammas[[max(k - 1, 0), k + 1]])
    found = optimize.minimize_scalar(
        lambda x: -value(float(np.exp(x))), bounds=bounds, method="bounded", options={"xatol": 1e-6}
    )
    return float(np.exp(found.x))
