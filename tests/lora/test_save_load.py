"""Saving and loading: by PEFT's own functions, bit for bit, and not by a PEFT that does not know alpha."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys

import pytest
import torch
from peft import AutoPeftModelForSequenceClassification, PeftConfig, PeftModel, get_peft_model
from peft.utils import get_peft_model_state_dict
from safetensors.torch import load_file
from tiny_transformers import KINDS, ROBERTA, output, randomise

from rmt_alpha.lora import AlphaLoraConfig, alphas
from rmt_alpha.lora._peft import peft_version


def trained(kind, base, **options):
    config = AlphaLoraConfig(r=3, target_modules=list(kind.targets), task_type=kind.task, **options)
    model = get_peft_model(copy.deepcopy(base), config).eval()
    randomise(model)
    return model


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_loading_gives_back_the_same_model(kind, tmp_path):
    base = kind.build()
    model = trained(kind, base, scale_bias=True, alpha_per="row")
    model.save_pretrained(tmp_path)
    loaded = PeftModel.from_pretrained(copy.deepcopy(base), tmp_path).eval()
    assert torch.equal(output(loaded), output(model))
    assert isinstance(loaded.peft_config["default"], AlphaLoraConfig)
    assert loaded.peft_config["default"].scale_bias


def test_the_file_holds_every_alpha_and_no_base_weight(tmp_path):
    model = trained(ROBERTA, ROBERTA.build())
    model.save_pretrained(tmp_path)
    saved = load_file(tmp_path / "adapter_model.safetensors")
    offsets = {key: value for key, value in saved.items() if key.endswith(".lora_rescale.offset")}
    assert len(offsets) == len(alphas(model)) == 4
    for name, alpha in alphas(model).items():
        assert torch.equal(1.0 + offsets[f"base_model.model.{name}.lora_rescale.offset"], alpha)
    assert not [key for key in saved if "lora_" not in key and "classifier" not in key]
    assert json.loads((tmp_path / "adapter_config.json").read_text())["peft_type"] == "ALPHA_LORA"


def test_auto_class_finds_base_and_adapter(tmp_path):
    base = ROBERTA.build()
    base.save_pretrained(tmp_path / "base")
    base = type(base).from_pretrained(tmp_path / "base").eval()
    model = trained(ROBERTA, base)
    model.save_pretrained(tmp_path / "adapter")
    loaded = AutoPeftModelForSequenceClassification.from_pretrained(tmp_path / "adapter").eval()
    assert torch.equal(output(loaded), output(model))


def test_configuration_survives_the_way_through_json(tmp_path):
    config = AlphaLoraConfig(
        r=7, target_modules=["query", "value"], alpha_per="layer", alpha_init=0.5, train_alpha=False,
        share_alpha=[["query", "value"]], scale_bias=True,
    )  # fmt: skip
    config.save_pretrained(tmp_path)
    assert PeftConfig.from_pretrained(tmp_path) == config


@pytest.mark.parametrize("low_memory", [False, True])
def test_loading_into_bfloat16_keeps_alpha_precise(tmp_path, low_memory):
    base = ROBERTA.build(dtype=torch.bfloat16)
    model = trained(ROBERTA, base)
    model.save_pretrained(tmp_path)
    loaded = PeftModel.from_pretrained(copy.deepcopy(base), tmp_path, low_cpu_mem_usage=low_memory).eval()
    for name, alpha in alphas(loaded).items():
        assert alpha.dtype == torch.float32
        assert torch.equal(alpha, alphas(model)[name])
    if not low_memory:  # there PEFT itself rounds A and B to bfloat16
        assert torch.equal(output(loaded), output(model))


def test_loaded_model_is_trained_only_on_request(tmp_path):
    base = ROBERTA.build()
    trained(ROBERTA, base).save_pretrained(tmp_path)
    for trainable in (False, True):
        loaded = PeftModel.from_pretrained(copy.deepcopy(base), tmp_path, is_trainable=trainable)
        assert {p.requires_grad for n, p in loaded.named_parameters() if "rescale" in n} == {trainable}


def test_full_state_dict_round_trip():
    base = ROBERTA.build()
    model, other = trained(ROBERTA, base), trained(ROBERTA, base)
    randomise(other, seed=9)
    other.load_state_dict(model.state_dict())
    assert torch.equal(output(other), output(model))


def test_transformers_own_adapter_loading(tmp_path):
    base = ROBERTA.build()
    model = trained(ROBERTA, base)
    model.save_pretrained(tmp_path)
    plain = copy.deepcopy(base)
    plain.load_adapter(str(tmp_path))
    plain.eval()
    head = {k: v for k, v in model.state_dict().items() if "modules_to_save.default" in k}
    assert head  # the classifier was trained too, and transformers loads it as well
    assert torch.equal(output(plain), output(model))


def test_peft_without_this_package_refuses(tmp_path):
    base = ROBERTA.build()
    base.save_pretrained(tmp_path / "base")
    trained(ROBERTA, base).save_pretrained(tmp_path / "adapter")
    program = (
        "import sys; from transformers import RobertaForSequenceClassification as Model; import peft\n"
        "base = Model.from_pretrained(sys.argv[1])\n"
        "try:\n    peft.PeftModel.from_pretrained(base, sys.argv[2])\n"
        "except Exception as error:\n    print(type(error).__name__, error)\n"
        "else:\n    print('loaded')"
    )
    arguments = [
        sys.executable,
        "-W",
        "ignore",
        "-c",
        program,
        str(tmp_path / "base"),
        str(tmp_path / "adapter"),
    ]
    shown = subprocess.run(arguments, capture_output=True, text=True, check=True, env=dict(os.environ))
    assert "ALPHA_LORA" in shown.stdout
    assert "loaded" not in shown.stdout


@pytest.mark.parametrize("bias", ["all", "lora_only"])
def test_trained_biases_are_saved_or_refused(bias, tmp_path):
    base = ROBERTA.build()
    if peft_version() < (0, 21):
        with pytest.raises(ValueError, match=r"needs peft 0\.21"):
            trained(ROBERTA, base, bias=bias)
        return
    model = trained(ROBERTA, base, bias=bias)
    for name, parameter in model.named_parameters():
        if name.endswith("bias") and parameter.requires_grad:
            parameter.data.add_(0.1)
    saved = get_peft_model_state_dict(model)
    assert any(key.endswith("query.base_layer.bias") for key in saved)
    model.save_pretrained(tmp_path)
    loaded = PeftModel.from_pretrained(copy.deepcopy(base), tmp_path).eval()
    assert torch.equal(output(loaded), output(model))


def test_a_checkpoint_says_what_loads_it(tmp_path):
    model = trained(ROBERTA, ROBERTA.build())
    model.save_pretrained(tmp_path)
    model.save_pretrained(tmp_path)  # once more: said once
    for name in ("README.md", "HOW_TO_LOAD.md"):
        text = (tmp_path / name).read_text(encoding="utf-8")
        assert text.count("import rmt_alpha.lora") == 1
        assert "pip install '.[peft]'" in text
        assert "KeyError: 'ALPHA_LORA'" in text
    assert torch.equal(output(PeftModel.from_pretrained(ROBERTA.build(), tmp_path)), output(model))
