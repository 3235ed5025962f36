"""docs/lora.md: its programs run, on a tiny model, and its tables say what the code has."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_transformers import ENCODER, tokens
from transformers import RobertaConfig, RobertaForSequenceClassification

from rmt_alpha import lora

PAGE = (Path(__file__).parents[2] / "docs" / "lora.md").read_text(encoding="utf-8")
# That of `alignment`, which wants a model fine-tuned in full, is not a part of the same session.
PROGRAMS = [p for p in re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL) if "alignment(" not in p]


def collate(rows):
    return {
        "input_ids": torch.stack([row["input_ids"] for row in rows]),
        "labels": torch.tensor([int(row["labels"]) for row in rows]),
    }


@pytest.mark.filterwarnings("ignore:Already found a `peft_config` attribute")
def test_programs_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    RobertaForSequenceClassification(RobertaConfig(**ENCODER)).save_pretrained(tmp_path / "roberta-base")
    ids = tokens(160)
    names: dict[str, Any] = {
        "train_dataset": [{"input_ids": row, "labels": row.sum() % 2} for row in ids],
        "collate": collate,
    }
    assert len(PROGRAMS) == 6
    arguments = 'TrainingArguments("out", '
    for written in PROGRAMS:
        program = written.replace('"roberta-base"', repr(str(tmp_path / "roberta-base")))
        program = program.replace(arguments, arguments + "use_cpu=True, report_to=[], ")
        exec(compile(program, "docs/lora.md", "exec"), names)
    shown = capsys.readouterr().out
    assert re.search(r"alpha: 64 parameters in 4 layers, .*% of the base model's", shown)
    assert not any("lora" in name for name, _ in names["merged"].named_parameters())
    assert (tmp_path / "adapter" / "adapter_model.safetensors").exists()


def test_options_and_defaults_are_those_of_the_class():
    table = dict(re.findall(r"^\| `(\w+)` \| `([^`]+)` \|", PAGE, flags=re.MULTILINE))
    fields = lora.AlphaLoraConfig.__dataclass_fields__
    own = {
        name: fields[name].default
        for name in fields
        if name not in lora.AlphaLoraConfig.__base__.__dataclass_fields__
    }
    assert {name: eval(value) for name, value in table.items()} == own


@pytest.mark.parametrize(
    "name", ["AlphaTrainer", "AlphaSchedule", "alphas", "replaced_alpha", "count_parameters"]
)
def test_signatures_are_those_of_the_code(name):
    (listed,) = re.findall(rf"`{name}\(([^`]*)\)`", PAGE)
    names = [part.strip() for part in listed.split(",") if part.strip() != "*"]
    found = list(inspect.signature(getattr(lora, name)).parameters)
    assert names == [n for n in found if n not in ("positional", "options")]


def test_every_public_name_is_on_the_page():
    shown = set(re.findall(r"`(\w+)[(`]", PAGE))
    assert set(lora.__all__) - shown == {"AlphaLoraModel"}  # which nobody constructs


def test_numbers_of_the_paper_table():
    from rmt_alpha.lora.trainer import PAPER_BETAS

    assert f"betas {PAPER_BETAS[0]} and {PAPER_BETAS[1]}" in PAGE
