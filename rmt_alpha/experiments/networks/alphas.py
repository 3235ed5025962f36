"""The alphas that a run learned, summed up for the record."""

from __future__ import annotations

import numpy as np
from torch import nn

QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
"""Which quantiles of the alphas of a module go into the record."""


def alpha_quantiles(model: nn.Module) -> dict[str, list[float]]:
    """Quantiles (`QUANTILES`) of the alphas of every module.

    Parameters
    ----------
    model : Module
        With an alpha-LoRA adapter.

    Returns
    -------
    dict of str to list of float

    Examples
    --------
    >>> alpha_quantiles(model)[
    ...     "bert.encoder.layer.0.attention.self.query"
    ... ]  # doctest: +SKIP
    [0.8697, 0.9118, 0.9642, 1.0068, 1.0454, 1.0824, 1.1195]
    """
    from rmt_alpha.lora import alphas

    return {
        name: [round(float(q), 4) for q in np.quantile(values.double().cpu().numpy(), QUANTILES)]
        for name, values in alphas(model).items()
    }
