"""The ridge classifier of an infinite sample."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy.linalg

from rmt_alpha._core.types import FloatArray

if TYPE_CHECKING:
    from rmt_alpha.simulation.setting import Stage


def population_ridge(stage: Stage) -> FloatArray:
    r"""Weights of the ridge classifier that is trained on the whole population.

    .. math:: W = \Bigl( \sum_c \pi_c (C_c + m_c m_c^\top) + \gamma I \Bigr)^{-1}
        \sum_c \pi_c\, m_c\, E[t | c]^\top

    with means and targets centred if there is an intercept.  gamma = 0 is the limit of small ridges.

    Parameters
    ----------
    stage : Stage
        Its n is not used.

    Returns
    -------
    ndarray, shape (p, outputs)
    """
    mixture = stage.mixture
    means, targets = mixture.means, mixture.label_chances(stage.noise) @ stage.targets
    if stage.intercept:
        means, targets = means - mixture.priors @ means, targets - mixture.priors @ targets
    weights = mixture.priors[:, None]
    within = _average([covariance.entries for covariance in mixture.covariances], mixture.priors, mixture.p)
    if within.ndim == 1 and (within + stage.gamma > 0).all():
        # A diagonal plus K directions: nothing of size p x p.
        scaled = means / (within + stage.gamma)
        small = np.eye(mixture.classes) + weights * (means @ scaled.T)
        return np.asarray(scaled.T @ np.linalg.solve(small, weights * targets))
    matrix = (np.diag(within) if within.ndim == 1 else within) + means.T @ (weights * means)
    matrix[np.diag_indices(len(matrix))] += stage.gamma
    side = means.T @ (weights * targets)
    # The shortest solution is the limit where the matrix is singular.
    return np.asarray(scipy.linalg.lstsq(matrix, side)[0])


def _average(entries: list[FloatArray], priors: FloatArray, p: int) -> FloatArray:
    # A diagonal (p,) if that is what all of them are, else (p, p).
    if all(each.ndim < 2 for each in entries):
        wide = [np.broadcast_to(each, (p,)) for each in entries]
    else:
        wide = [each if each.ndim == 2 else np.diag(np.broadcast_to(each, (p,))) for each in entries]
    return np.asarray(np.tensordot(priors, np.stack(wide), axes=1))
