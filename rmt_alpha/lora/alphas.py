"""Reading, setting, freezing and counting the alphas of a model."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import nn

from rmt_alpha._core.checks import Range, as_real, check_range
from rmt_alpha.lora.layers import AlphaLayer
from rmt_alpha.lora.row_scale import RowScale

ANY_NUMBER = Range("a finite number", float("-inf"), float("inf"), open_low=True)


def alpha_layers(model: nn.Module) -> Iterator[tuple[str, AlphaLayer]]:
    """Name and layer of every adapted module, named as in the base model."""
    for name, module in model.named_modules():
        if isinstance(module, AlphaLayer):
            yield name.removeprefix("base_model.model."), module


def row_scales(model: nn.Module, adapter: str | None = None) -> dict[str, RowScale]:
    """The module that holds alpha, for every adapted layer; layers that share one show the same object.

    Raises
    ------
    ValueError
        The model has no alpha, or none for that adapter.
    """
    layers = dict(alpha_layers(model))
    if not layers:
        raise ValueError(
            f"{type(model).__name__} has no alpha: adapt it with peft.get_peft_model(model, "
            "AlphaLoraConfig(...)), and ask before merge_and_unload, which leaves no adapter behind"
        )
    names = sorted({name for layer in layers.values() for name in layer.lora_rescale})
    adapter = adapter or next(iter(layers.values())).active_adapters[0]
    found = {
        name: layer.lora_rescale[adapter] for name, layer in layers.items() if adapter in layer.lora_rescale
    }
    if not found:
        raise ValueError(f"adapter must be one of {', '.join(map(repr, names))}, got {adapter!r}")
    return found


def trainable_alphas(model: nn.Module) -> list[nn.Parameter]:
    """The alphas of the active adapters that are to be trained, each once.

    Raises
    ------
    ValueError
        There are none, or the adapter is merged.
    """
    layers = dict(alpha_layers(model)) or row_scales(model)  # which raises
    if any(layer.merged for layer in layers.values()):
        raise ValueError(
            "the adapter is merged into the weights, where nothing trains it: unmerge_adapter() first"
        )
    found = [
        layer.lora_rescale[name].offset
        for layer in layers.values()
        for name in layer.active_adapters
        if layer.train_alpha.get(name)
    ]
    if not found:
        raise ValueError("no active adapter has a trainable alpha: use AlphaLoraConfig(train_alpha=True)")
    return list(dict.fromkeys(found))


def alphas(model: nn.Module, adapter: str | None = None) -> dict[str, torch.Tensor]:
    """The values of alpha, for every adapted layer: detached copies, float32, of shape (d_out,) or (1,).

    Parameters
    ----------
    model : torch.nn.Module
        Made by `peft.get_peft_model` or loaded by PEFT; modules are named as in the model it adapts.
    adapter : str or None
        Name of the adapter; None: the active one (of several active ones, the first).

    Raises
    ------
    ValueError
        The model has no alpha, or none for that adapter.

    Examples
    --------
    >>> import torch
    >>> from peft import get_peft_model
    >>> from rmt_alpha.lora import AlphaLoraConfig, alphas
    >>> net = torch.nn.Sequential(
    ...     torch.nn.Linear(6, 3), torch.nn.ReLU(), torch.nn.Linear(3, 2)
    ... )
    >>> model = get_peft_model(
    ...     net, AlphaLoraConfig(target_modules=["0"], alpha_init=0.5)
    ... )
    >>> alphas(model)
    {'0': tensor([0.5000, 0.5000, 0.5000])}
    """
    return {name: scale.alpha().detach().clone() for name, scale in row_scales(model, adapter).items()}


def set_alphas(
    model: nn.Module, values: float | Mapping[str, float | torch.Tensor], adapter: str | None = None
) -> None:
    """Give alpha new values, for good; layers that share one take it together.

    Parameters
    ----------
    model, adapter
        As for `alphas`; not merged.
    values : float or mapping
        One number for all, or module name to a number or a vector of the layer's shape, as `alphas` returns
        them.  Layers that are not named keep theirs.

    Raises
    ------
    ValueError
        An unknown name, a wrong shape, a value that is not finite, two values for one shared alpha, or a
        merged adapter.  Nothing is changed then.

    Examples
    --------
    >>> import torch
    >>> from peft import get_peft_model
    >>> from rmt_alpha.lora import AlphaLoraConfig, alphas, set_alphas
    >>> net = torch.nn.Sequential(torch.nn.Linear(6, 2), torch.nn.Linear(2, 2))
    >>> model = get_peft_model(net, AlphaLoraConfig(target_modules=["0", "1"]))
    >>> set_alphas(model, {"1": torch.tensor([0.5, 2.0])})
    >>> alphas(model)
    {'0': tensor([1., 1.]), '1': tensor([0.5000, 2.0000])}
    """
    _check_unmerged(model)
    scales = row_scales(model, adapter)
    named = values if isinstance(values, Mapping) else dict.fromkeys(scales, values)
    if unknown := [name for name in named if name not in scales]:
        raise ValueError(
            f"no adapted layer is called {unknown[0]!r}; they are {', '.join(map(repr, scales))}"
        )
    offsets: dict[RowScale, torch.Tensor] = {}
    for name, value in named.items():
        offset = _offset_of(name, value, scales[name])
        if not torch.equal(offsets.setdefault(scales[name], offset), offset):
            raise ValueError(f"{name!r} shares its alpha with another layer, which is given other values")
    with torch.no_grad():
        for scale, offset in offsets.items():
            scale.offset.copy_(offset)


def _offset_of(name: str, value: float | torch.Tensor, scale: RowScale) -> torch.Tensor:
    # The offset in float64, so that a number near 1 keeps its digits.
    given = torch.as_tensor(value, dtype=torch.float64, device=scale.offset.device).detach()
    if given.ndim and given.shape != scale.offset.shape:
        raise ValueError(
            f"alpha of {name!r} must be a number or of shape {tuple(scale.offset.shape)}, got shape "
            f"{tuple(given.shape)}"
        )
    if not torch.isfinite(given).all():
        raise ValueError(f"alpha of {name!r} must be finite, got {value!r}")
    return (given - 1.0).to(scale.offset.dtype).expand_as(scale.offset)


def freeze_alpha(model: nn.Module, adapter: str | None = None, frozen: bool = True) -> None:
    """Train A and B alone from here on, alpha staying what it is; ``frozen=False`` undoes it.

    The adapter's configuration follows (``train_alpha``), so that a checkpoint remembers.  An optimizer or an
    `AlphaSchedule` made before still holds alpha: freeze first.

    Parameters
    ----------
    model, adapter
        As for `alphas`.
    frozen : bool
        Whether alpha is to be frozen.

    Raises
    ------
    ValueError
        The model has no alpha, or none for that adapter.

    Examples
    --------
    >>> import torch
    >>> from peft import get_peft_model
    >>> from rmt_alpha.lora import AlphaLoraConfig, freeze_alpha
    >>> net = torch.nn.Sequential(torch.nn.Linear(6, 2))
    >>> model = get_peft_model(net, AlphaLoraConfig(target_modules=["0"]))
    >>> freeze_alpha(model)
    >>> [
    ...     name
    ...     for name, p in model.named_parameters()
    ...     if p.requires_grad and "rescale" in name
    ... ]
    []
    """
    scales = row_scales(model, adapter)
    layers = [layer for _, layer in alpha_layers(model)]
    own = adapter or layers[0].active_adapters[0]
    for layer in layers:
        if own in layer.lora_rescale:
            layer.train_alpha[own] = not frozen
    for name, layer in alpha_layers(model):
        if name in scales:
            scales[name].offset.requires_grad_(not frozen and own in layer.active_adapters)
    config = getattr(model, "peft_config", {}).get(own)
    if config is not None:
        config.train_alpha = not frozen


def _check_unmerged(model: nn.Module) -> None:
    if any(layer.merged for _, layer in alpha_layers(model)):
        raise ValueError("the adapter is merged into the weights: call model.unmerge_adapter() first")


@contextlib.contextmanager
def replaced_alpha(
    model: nn.Module, a: float = 1.0, b: float = 0.0, adapter: str | None = None
) -> Iterator[None]:
    r"""Within the block, every alpha is :math:`a\,\alpha + b`; afterwards it is what it was, bit for bit.

    Parameters
    ----------
    model, adapter
        As for `alphas`; not merged.
    a, b : float
        Factor and shift, finite: (1, 0) changes nothing, (0, 1) is the model without rescaling.

    Raises
    ------
    ValueError
        a or b is not finite, or the adapter is merged into the weights, where a new alpha would have no
        effect.
    """
    a, b = as_real("a", a), as_real("b", b)
    check_range("a", a, ANY_NUMBER)
    check_range("b", b, ANY_NUMBER)
    _check_unmerged(model)
    scales = list(dict.fromkeys(row_scales(model, adapter).values()))
    kept = [scale.offset.detach().clone() for scale in scales]
    try:
        with torch.no_grad():
            for scale in scales:
                scale.offset.copy_(a * scale.alpha() + b - 1.0)
        yield
    finally:
        with torch.no_grad():
            for scale, offset in zip(scales, kept, strict=True):
                scale.offset.copy_(offset)


@dataclass(frozen=True)
class AlphaCount:
    """How many parameters a model has, and how many of them alpha-LoRA added; prints as one line.

    Attributes
    ----------
    alpha, update, base : int
        Parameters of alpha (a shared one counts once), of A and B, and of the model without adapter.
    layers : int
        Adapted layers.
    """

    alpha: int
    layers: int
    update: int
    base: int

    def __str__(self) -> str:
        return (
            f"alpha: {self.alpha:,} parameters in {self.layers} layers, {_percent(self.alpha, self.base)} of "
            f"the base model's {self.base:,}; low-rank update: {self.update:,} "
            f"({_percent(self.update, self.base)})"
        )


def count_parameters(model: nn.Module, adapter: str | None = None) -> AlphaCount:
    """Count the parameters of an adapter: alpha, the low-rank update, and the base model's own.

    ``model`` and ``adapter``, and what is refused, are those of `alphas`.

    Examples
    --------
    >>> import torch
    >>> from peft import get_peft_model
    >>> from rmt_alpha.lora import AlphaLoraConfig, count_parameters
    >>> net = torch.nn.Sequential(
    ...     torch.nn.Linear(60, 40), torch.nn.ReLU(), torch.nn.Linear(40, 2)
    ... )
    >>> print(
    ...     count_parameters(
    ...         get_peft_model(net, AlphaLoraConfig(r=2, target_modules=["0"]))
    ...     )
    ... )
    alpha: 40 parameters in 1 layers, 1.59% of the base model's 2,522; low-rank update: 200 (7.93%)
    """
    scales = row_scales(model, adapter)
    own = adapter or next(layer for _, layer in alpha_layers(model)).active_adapters[0]
    alpha = sum(_size(scale.offset) for scale in dict.fromkeys(scales.values()))
    update = sum(
        _size(p)
        for _, layer in alpha_layers(model)
        for matrix in (layer.lora_A, layer.lora_B)
        if own in matrix
        for p in matrix[own].parameters()
    )
    added = ("lora_", "modules_to_save")
    base = sum(_size(p) for n, p in model.named_parameters() if not any(mark in n for mark in added))
    return AlphaCount(alpha, len(scales), update, base)


def _size(parameter: nn.Parameter) -> int:
    # Two 4-bit weights lie in one byte.
    state = getattr(parameter, "quant_state", None)
    return int(state.shape.numel()) if state is not None else parameter.numel()


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.2g}%" if part < 0.01 * whole else f"{100 * part / whole:.2f}%"
