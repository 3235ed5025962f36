"""Small files in the published formats, and features by hand."""

from __future__ import annotations

import hashlib
import math

import numpy as np
import pytest

from rmt_alpha.experiments.data import texts
from rmt_alpha.experiments.data.datasets import RemoteFile


def written(path, content: bytes) -> RemoteFile:
    path.write_bytes(content)
    return RemoteFile(path.name, "http://127.0.0.1:9/", hashlib.sha256(content).hexdigest(), len(content))


def test_product_reviews(tmp_path, monkeypatch):
    content = "So bad.\t-1\nA \u201cgood\u201d\tcase \t1\n\n".encode()
    monkeypatch.setattr(texts, "REVIEWS_FILE", written(tmp_path / "reviews.txt", content))
    assert texts.load_product_reviews(tmp_path) == [("So bad.", -1.0), ("A \u201cgood\u201d\tcase", 1.0)]


def test_paraphrases(tmp_path, monkeypatch):
    head = "\ufeffQuality\t#1 ID\t#2 ID\t#1 String\t#2 String\n"
    files = (
        written(tmp_path / "train.tsv", f'{head}1\t7\t8\tHe said "no\tNo, he said\n'.encode()),
        written(tmp_path / "dev.tsv", f"{head}0\t7\t8\tIt rose a lot\tIt fell a lot today\n".encode()),
    )
    monkeypatch.setattr(texts, "MRPC_FILES", files)
    pairs = texts.load_mrpc(tmp_path)
    assert pairs == [('He said "no', "No, he said", 1.0), ("It rose a lot", "It fell a lot today", -1.0)]
    assert texts.by_length(pairs) == (pairs[:1], pairs[1:])


def test_words_are_those_of_the_source():
    source, target = ["film film good", "good book"], ["film unknown", "book good"]
    known, new = texts.word_features(source, target, "tfidf")
    assert known.shape == new.shape == (2, 3)  # book, film, good
    # scikit-learn's: idf = log((1 + n) / (1 + df)) + 1, rows of length 1
    rare, common = math.log(3 / 2) + 1, 1.0
    second = np.array([rare, 0, common]) / math.hypot(rare, common)
    np.testing.assert_allclose(new.toarray(), np.array([[0, 1, 0], second]))


def test_features_of_pairs():
    source = [("a cat sat", "cat sat sat", 1.0)]
    target = [("sat down", "cat", -1.0)]
    known, new = texts.pair_features(source, target, "counts")  # cat, sat
    assert known.toarray().tolist() == [[0, 1, 1, 2]]
    assert new.toarray().tolist() == [[1, 1, 0, 0]]


@pytest.mark.parametrize("kind", ["tfidf", "counts"])
def test_a_text_with_itself_differs_in_nothing(kind):
    pairs = [("one two three", "one two three", 1.0), ("two", "three four", -1.0)]
    known, _ = texts.pair_features(pairs, pairs, kind)
    half = known.shape[1] // 2
    assert known.toarray()[0, :half].max() == 0
    assert known.toarray()[1, half:].max() == 0  # nothing in common
