"""Learned alphas: reading them from a model, summing them up, and replacing them by a * alpha + b."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
"""Which quantiles of the alphas of a module go into the record."""

_MARK = ".lora_rescale."


def alpha_offsets(model: nn.Module) -> dict[str, nn.Parameter]:
    """The parameters alpha - 1, by the name of the module that they rescale.

    Parameters
    ----------
    model : Module

    Returns
    -------
    dict of str to Parameter
        Empty if the model has no alpha.

    Examples
    --------
    >>> alpha_offsets(nn.Linear(2, 2))
    {}
    """
    return {
        name.split(_MARK)[0].removeprefix("base_model.model."): parameter
        for name, parameter in model.named_parameters()
        if _MARK in name
    }


def alpha_quantiles(model: nn.Module) -> dict[str, list[float]]:
    """Quantiles (`QUANTILES`) of the alphas of every module.

    Parameters
    ----------
    model : Module

    Returns
    -------
    dict of str to list of float

    Examples
    --------
    >>> alpha_quantiles(nn.Linear(2, 2))
    {}
    """
    found: dict[str, list[float]] = {}
    for name, offset in alpha_offsets(model).items():
        alphas: NDArray[np.float64] = 1.0 + offset.detach().double().cpu().numpy()
        found[name] = [round(float(q), 4) for q in np.quantile(alphas, QUANTILES)]
    return found


@contextlib.contextmanager
def transformed_alpha(model: nn.Module, scale: float, shift: float) -> Iterator[None]:
    """Replace every alpha by ``scale * alpha + shift`` inside the context, and put the old ones back after it.

    Parameters
    ----------
    model : Module
    scale, shift : float

    Raises
    ------
    ValueError
        If the model has no alpha.

    Examples
    --------
    >>> with transformed_alpha(model, 0.0, 1.0):  # alpha = 1 everywhere  # doctest: +SKIP
    ...     evaluate(model, dev, rows, settings, device)
    """
    offsets = list(alpha_offsets(model).values())
    if not offsets:
        raise ValueError("the model has no alpha: train it with alpha-lora or alpha-lora-paper")
    kept = [offset.detach().clone() for offset in offsets]
    try:
        with torch.no_grad():
            for offset, old in zip(offsets, kept, strict=True):
                offset.copy_(scale * (1 + old) + shift - 1)
        yield
    finally:
        with torch.no_grad():
            for offset, old in zip(offsets, kept, strict=True):
                offset.copy_(old)
