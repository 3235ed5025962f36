"""A tiny encoder with random weights and a few made-up rows, for the tests of the comparison on GLUE."""

from __future__ import annotations

import itertools
from pathlib import Path

GOOD, BAD = ("good", "fine", "great"), ("bad", "dull", "poor")
NOUNS = ("film", "plot", "cast", "score", "end")
WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", *GOOD, *BAD, *NOUNS, "a", "the", "is", "very", "not")


def sentences(n: int) -> list[tuple[str, int]]:
    """Sentences whose first adjective decides the label."""
    kinds = itertools.cycle((GOOD, BAD))
    rows = []
    for i, adjectives in zip(range(n), kinds, strict=False):
        middle = "very " * (i % 4)
        rows.append((f"the {NOUNS[i % 5]} is {middle}{adjectives[i % 3]}", int(adjectives is GOOD)))
    return rows


def write_data(folder: Path, train: int = 60, dev: int = 20) -> Path:
    """GLUE's tsv files of SST-2 and MRPC."""
    sst2, mrpc = folder / "glue" / "SST-2", folder / "glue" / "MRPC"
    for place in (sst2, mrpc):
        place.mkdir(parents=True)
    rows = sentences(train + dev)
    for name, part in (("train", rows[:train]), ("dev", rows[train:])):
        lines = ["sentence\tlabel", *(f"{text} \t{label}" for text, label in part)]
        (sst2 / f"{name}.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
        lines = ["Quality\t#1 ID\t#2 ID\t#1 String\t#2 String"]
        lines += [f'{label}\t1\t2\t"{text}\t{text} "quoted' for text, label in part]
        (mrpc / f"{name}.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8-sig")
    return folder


def write_encoder(folder: Path) -> Path:
    """A BERT of two layers, and a tokenizer of whole words, as `save_pretrained` writes them."""
    import torch
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from tokenizers.processors import TemplateProcessing
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    number = {word: i for i, word in enumerate(WORDS)}
    tokenizer = Tokenizer(WordLevel(number, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", number["[CLS]"]), ("[SEP]", number["[SEP]"])],
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", model_max_length=32
    ).save_pretrained(folder)
    torch.manual_seed(0)
    shape = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}
    BertModel(
        BertConfig(vocab_size=len(WORDS), max_position_embeddings=32, initializer_range=0.3, **shape)
    ).save_pretrained(folder)
    return folder
