"""What cannot work says so, and says what to do; alpha is never dropped in silence."""

from __future__ import annotations

import pytest
import torch
from peft import LoraConfig, PeftMixedModel, get_peft_model
from peft.utils.hotswap import hotswap_adapter
from tiny_transformers import KINDS, ROBERTA, output
from torch import nn

from rmt_alpha.lora import AlphaLoraConfig
from rmt_alpha.lora._peft import peft_version


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"alpha_per": "column"}, ValueError, "alpha_per must be one of 'row', 'layer'"),
        ({"alpha_init": float("nan")}, ValueError, "alpha_init must be a finite number"),
        ({"alpha_init": "1"}, ValueError, "alpha_init must be a finite number"),
        ({"train_alpha": 1}, TypeError, "train_alpha must be True or False"),
        ({"scale_bias": None}, TypeError, "scale_bias must be True or False"),
        ({"use_dora": True}, ValueError, "use_dora=True cannot be combined with alpha-LoRA"),
        ({"use_qalora": True}, ValueError, "use_qalora=True cannot be combined"),
        (
            {"alora_invocation_tokens": [1, 2], "task_type": "CAUSAL_LM"},
            ValueError,
            "alora_invocation_tokens",
        ),
        ({"target_parameters": ["weight"]}, ValueError, "target_parameters"),
        ({"init_lora_weights": "mica"}, ValueError, "init_lora_weights='mica' cannot be combined"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else None,
)
def test_configuration(options, error, message):
    with pytest.raises(error, match=message):
        AlphaLoraConfig(target_modules=["query"], **options)


def test_every_variant_that_peft_knows_is_refused():
    # A variant of a future PEFT is refused too: the list is PEFT's own.
    marked = {
        name for name, f in LoraConfig.__dataclass_fields__.items() if f.metadata.get("is_lora_variant")
    }
    assert {"use_dora", "arrow_config", "alora_invocation_tokens", "use_bdlora"} <= marked


def test_targets_that_match_nothing_name_what_there_is():
    with pytest.raises(
        ValueError, match=r"quarry.*not found.*Linear layers of this model: query, key, value"
    ):
        get_peft_model(ROBERTA.build(), AlphaLoraConfig(target_modules=["quarry"]))
    with pytest.raises(
        ValueError, match=r"No modules were targeted.*Linear layers of this model: query, key"
    ):
        get_peft_model(ROBERTA.build(), AlphaLoraConfig(target_modules=["quarry"], task_type="SEQ_CLS"))


def test_a_model_without_linear_layers():
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
    with pytest.raises(ValueError, match="Sequential has no Linear or Conv1D layer"):
        get_peft_model(net, AlphaLoraConfig(target_modules=["0"]))


@pytest.mark.parametrize(
    ("layer", "name"),
    [
        (nn.Conv2d(4, 4, 3), "Conv2d"),
        (nn.Embedding(5, 4), "Embedding"),
        (nn.MultiheadAttention(4, 2), "MultiheadAttention"),
    ],
    ids=["convolution", "embedding", "attention"],
)
def test_layers_without_rows_to_rescale(layer, name):
    net = nn.ModuleDict({"adapted": layer, "other": nn.Linear(4, 4)})
    with pytest.raises(
        ValueError, match=rf"alpha-LoRA cannot adapt 'adapted' \(torch.nn.*{name}.*leave the module out"
    ):
        get_peft_model(net, AlphaLoraConfig(target_modules=["adapted"]))
    assert type(net["adapted"]) is type(layer)  # untouched


def test_a_weight_that_is_no_floating_point_number():
    net = nn.ModuleDict({"adapted": nn.Linear(4, 4)})
    net["adapted"].weight = nn.Parameter(torch.ones(4, 4, dtype=torch.int8), requires_grad=False)
    with pytest.raises(ValueError, match=r"weight of type torch.int8.*supported quantisation"):
        get_peft_model(net, AlphaLoraConfig(target_modules=["adapted"]))


def test_conversion_to_plain_lora(tmp_path):
    kind = KINDS[3]
    config = AlphaLoraConfig(target_modules=["q_proj"], task_type=kind.task, init_lora_weights="pissa")
    model = get_peft_model(kind.build(), config)
    assert not model.supports_lora_conversion()
    model.peft_config["default"].init_lora_weights = True
    model.save_pretrained(tmp_path / "init")
    with pytest.raises(ValueError, match="plain LoRA, which cannot hold alpha"):
        model.save_pretrained(
            tmp_path / "out", path_initial_model_for_weight_conversion=str(tmp_path / "init")
        )


def test_mixed_models():
    with pytest.raises(ValueError, match="ALPHA_LORA"):
        PeftMixedModel(KINDS[3].build(), AlphaLoraConfig(target_modules=["q_proj"]))


def test_hot_swapping(tmp_path):
    model = get_peft_model(KINDS[3].build(), AlphaLoraConfig(target_modules=["q_proj"]))
    model.save_pretrained(tmp_path)
    with pytest.raises((NotImplementedError, ValueError), match="ALPHA_LORA"):
        hotswap_adapter(model, str(tmp_path), "default")


def test_tensor_parallel_models():
    model = KINDS[3].build()
    model._tp_size = 2
    with pytest.raises(ValueError, match="tensor parallelism"):
        get_peft_model(model, AlphaLoraConfig(target_modules=["q_proj"]))


@pytest.mark.parametrize(
    "refused",
    [
        {"target_modules": ["query", "value"], "share_alpha": [["query", "key"]]},
        pytest.param(
            {"target_modules": ["quarry"]},
            marks=pytest.mark.skipif(peft_version() < (0, 21), reason="PEFT 0.20 takes it in silence"),
        ),
        {"target_modules": ["query", "word_embeddings"]},
    ],
    ids=["sharing", "no match", "embedding"],
)
def test_a_refused_adapter_leaves_nothing(refused):
    model = get_peft_model(ROBERTA.build(), AlphaLoraConfig(target_modules=["query"]))
    names, before = list(model.state_dict()), output(model)
    with pytest.raises(ValueError, match=r"not an adapted module|not found|cannot adapt"):
        model.add_adapter("two", AlphaLoraConfig(**refused))
    assert list(model.peft_config) == ["default"]
    assert list(model.state_dict()) == names
    assert torch.equal(output(model), before)
    model.add_adapter("two", AlphaLoraConfig(target_modules=["query"]))


def test_a_refused_first_adapter_leaves_the_model():
    base = ROBERTA.build()
    names = list(base.state_dict())
    config = AlphaLoraConfig(target_modules=["query", "value"], share_alpha=[["query", "key"]])
    with pytest.raises(ValueError, match="'key' is not an adapted module"):
        get_peft_model(base, config)
    assert list(base.state_dict()) == names
