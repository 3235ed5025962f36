"""What alpha has become beside what fine-tuning wants: learnt alphas against measured betas, row by row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import nn

from rmt_alpha._core.types import FloatArray
from rmt_alpha.lora.alphas import alpha_layers, row_scales
from rmt_alpha.lora.layers import AlphaLayer
from rmt_alpha.lora.weight_change import betas_along


@dataclass(frozen=True, eq=False)
class AlphaWanted:
    r"""One adapted layer: its alphas, and :math:`\beta_i = \langle W_i, W_{0,i}\rangle/|W_{0,i}|^2` wanted.

    Parameters
    ----------
    name : str
        Of the module.
    alpha : ndarray, shape (d,)
        Learnt, one for each row.
    beta, stderr : ndarray, shape (d,)
        Of the rows of the fine-tuned weight, and what noise as large as the rest of the change would give.
    """

    name: str
    alpha: FloatArray
    beta: FloatArray
    stderr: FloatArray

    @property
    def moved(self) -> float:
        """Root mean square of alpha - 1 over the rows."""
        return float(np.sqrt(np.mean((self.alpha - 1) ** 2)))

    @property
    def wanted(self) -> float:
        """That of beta - 1 beyond its noise; 0 where noise explains it."""
        return float(np.sqrt(max(float(np.mean((self.beta - 1) ** 2 - self.stderr**2)), 0.0)))

    @property
    def noise(self) -> float:
        """Root mean square of the standard errors."""
        return float(np.sqrt(np.mean(self.stderr**2)))

    @property
    def agreement(self) -> float:
        """Correlation of alpha - 1 and beta - 1 over the rows, about 0; 0 where one of them is always 1."""
        moved, wanted = self.alpha - 1, self.beta - 1
        scale = float(np.linalg.norm(moved) * np.linalg.norm(wanted))
        return float(moved @ wanted) / scale if scale > 0 else 0.0


class AlphaAlignment:
    """Every adapted layer, from `alpha_alignment`; ``print`` it.

    Parameters
    ----------
    layers : list of AlphaWanted
        In the order of the model.
    reference : str
        Which weights beta was measured on.
    """

    def __init__(self, layers: list[AlphaWanted], reference: str) -> None:
        self.layers, self.reference = layers, reference

    def summary(self) -> str:
        """One line over all rows of all layers."""
        every = self._all()
        return (
            f"alpha moved by {every.moved:.1e}; {self.reference} would want {every.wanted:.1e} "
            f"(noise {every.noise:.1e}, correlation of the two {every.agreement:+.2f}); "
            f"root mean squares over {every.alpha.size:,} rows"
        )

    def _all(self) -> AlphaWanted:
        parts = [(layer.alpha, layer.beta, layer.stderr) for layer in self.layers]
        return AlphaWanted("all", *(np.concatenate(part) for part in zip(*parts, strict=True)))

    def __str__(self) -> str:
        width = max(len(layer.name) for layer in self.layers)
        heads = ("moved", "wanted", "noise", "agreement")
        lines = [f"{'layer':{width}}" + "".join(f"{head:>11}" for head in heads)]
        for one in self.layers:
            numbers = "".join(f"{value:11.1e}" for value in (one.moved, one.wanted, one.noise))
            lines.append(f"{one.name:{width}}{numbers}{one.agreement:11.2f}")
        return "\n".join([*lines, self.summary()])

    def __repr__(self) -> str:
        return f"AlphaAlignment({len(self.layers)} layers: {self.summary()})"


def alpha_alignment(model: nn.Module, tuned: Any = None, adapter: str | None = None) -> AlphaAlignment:
    r"""How far alpha moved, and how far fine-tuning would want it to, row by row.

    .. math:: \beta_i = \frac{\langle W_i, W_{0,i}\rangle}{|W_{0,i}|^2}

    With ``tuned`` W is the weight of a model that was fine-tuned in full; without, that of the adapter as a
    whole, :math:`W_i = \alpha_i W_{0,i} + (s/r) (BA)_i`: what alpha and the low-rank update together made of
    the row.

    Parameters
    ----------
    model : torch.nn.Module
        With an alpha-LoRA adapter that is not merged.
    tuned : model or mapping, optional
        The same architecture fine-tuned in full, or its state dict, its names those of the base model.
    adapter : str or None
        As for `rmt_alpha.lora.alphas`.

    Returns
    -------
    AlphaAlignment
        One `AlphaWanted` a layer: ``moved``, ``wanted``, ``noise``, ``agreement``.

    Raises
    ------
    ValueError
        The model has no alpha, its adapter is merged, or ``tuned`` lacks the weight of an adapted layer.

    Examples
    --------
    >>> import torch
    >>> from peft import get_peft_model
    >>> from rmt_alpha.lora import AlphaLoraConfig, alpha_alignment, set_alphas
    >>> net = torch.nn.Sequential(torch.nn.Linear(60, 40), torch.nn.Linear(40, 2))
    >>> doubled = {"0.weight": 2 * net[0].weight.detach()}
    >>> model = get_peft_model(net, AlphaLoraConfig(target_modules=["0"]))
    >>> set_alphas(model, 1.5)
    >>> found = alpha_alignment(model, doubled).layers[0]
    >>> round(found.moved, 3), round(found.wanted, 3), round(found.agreement, 3)
    (0.5, 1.0, 1.0)
    """
    scales = row_scales(model, adapter)
    layers = dict(alpha_layers(model))
    if any(layers[name].merged for name in scales):
        raise ValueError("the adapter is merged into the weights: call model.unmerge_adapter() first")
    weights = None if tuned is None else (tuned.state_dict() if hasattr(tuned, "state_dict") else tuned)
    own = adapter or next(iter(layers.values())).active_adapters[0]
    return AlphaAlignment(
        [_wanted(name, layers[name], own, scale.alpha(), weights) for name, scale in scales.items()],
        "the adapter as a whole" if tuned is None else "full fine-tuning",
    )


def _wanted(name: str, layer: AlphaLayer, adapter: str, alpha: Any, weights: Any) -> AlphaWanted:
    before = layer.unmerged_weight()
    if weights is None:
        after = before + layer.get_delta_weight(adapter).to(before)
    elif f"{name}.weight" in weights:
        after = weights[f"{name}.weight"].to(before)
    else:
        raise ValueError(
            f"tuned has no parameter {name}.weight: it must be the same architecture, named as the base model"
        )
    if after.shape != before.shape:
        raise ValueError(
            f"{name}.weight of tuned has shape {tuple(after.shape)}, that of the model {tuple(before.shape)}"
        )
    old, new = (_rows(weight, layer) for weight in (before, after))
    # The noise of a row is as large as what rescaling the whole matrix leaves of the change.
    rest = (new - old) - float(np.sum((new - old) * old)) / float(np.sum(old**2) or 1.0) * old
    beta, stderr = betas_along(old, new, rest, 1)
    stderr = np.where(np.isfinite(stderr), stderr, 0.0)  # a row of zeros wants nothing
    values = np.broadcast_to(alpha.detach().cpu().double().numpy(), (len(old),))
    return AlphaWanted(name, values, beta, stderr)


def _rows(weight: Any, layer: AlphaLayer) -> FloatArray:
    matrix: FloatArray = weight.detach().cpu().double().numpy()
    return matrix.T if getattr(layer, "fan_in_fan_out", False) else matrix
