"""Texts of the transfer study, as sparse TF-IDF or counts of words that the source's texts use."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from typing import Any

import numpy as np

from rmt_alpha._core.types import FilePath, FloatArray
from rmt_alpha.experiments.data.datasets import RemoteFile, fetch
from rmt_alpha.experiments.data.sentences import Texts

REVIEWS_FILE = RemoteFile(
    "transfers/reviews_amazon.txt",
    "https://raw.githubusercontent.com/doreenhii/SentimentAnalysisResearch/"
    "1868a4f1ab263d67833c3ecb983bbb51372a92c2/RawData/amazon_labelled.txt",
    "a81c5a438d8e4920111bf2843b1ef63f49b6b39e167043aee34c5e5997980e5b",
    58743,
)
_MRPC = "https://raw.githubusercontent.com/Nstats/my_bert/733d79335044b1b7eabb5b47a0eae0cd621dadc0/data/MRPC/"
MRPC_FILES = tuple(
    RemoteFile(f"glue/MRPC/{name}.tsv", f"{_MRPC}{name}.tsv", digest, size)
    for name, digest, size in (
        ("train", "122becc469405bc16f9defcb8715d2a4b7ce600e9d9381e6dc42bfdd1494c51d", 919457),
        ("dev", "81c8a1a9e1dfe461dd2c1a4f98f43fe18bece44d2bf9e3d0b245b88e5aa5eaf7", 103255),
    )
)
Pairs = list[tuple[str, str, float]]
"""Two texts, and +1 if they say the same, else -1."""


def load_product_reviews(data: FilePath | None = None) -> Texts:
    """1000 sentences of product reviews, 500 positive (+1) and 500 negative (-1).

    D. Kotzias et al., "From group to individual labels using deep features", KDD 2015.
    """
    lines = fetch(REVIEWS_FILE, data).read_text(encoding="utf-8").split("\n")
    rows = [line.rsplit("\t", 1) for line in lines if line.strip()]
    return [(text.strip(), float(label)) for text, label in rows]


def load_mrpc(data: FilePath | None = None) -> Pairs:
    """4076 pairs of sentences from the news (train, then dev), +1 (67 %) where one paraphrases the other.

    W. Dolan and C. Brockett, "Automatically constructing a corpus of sentential paraphrases", IWP 2005, in
    the form of GLUE.
    """
    pairs: Pairs = []
    for file in MRPC_FILES:
        with fetch(file, data).open(encoding="utf-8-sig", newline="") as stream:
            for row in csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE):
                label = 1.0 if row["Quality"] == "1" else -1.0
                pairs.append((row["#1 String"], row["#2 String"], label))
    return pairs


def by_length(pairs: Pairs) -> tuple[Pairs, Pairs]:
    """The pairs of fewer words than the median, and the others, each in the order given."""
    words = [len(first.split()) + len(second.split()) for first, second, _ in pairs]
    middle = np.median(words)
    short = [pair for pair, count in zip(pairs, words, strict=True) if count < middle]
    return short, [pair for pair, count in zip(pairs, words, strict=True) if count >= middle]


def vectorizer(kind: str) -> Any:
    """scikit-learn's `TfidfVectorizer` ("tfidf") or `CountVectorizer` ("counts") as they come."""
    from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

    return {"tfidf": TfidfVectorizer, "counts": CountVectorizer}[kind]()


def word_features(source: Sequence[str], target: Sequence[str], kind: str) -> tuple[Any, Any]:
    """Sparse features of both; words, and how rare they are, are learnt from the source's texts alone.

    Examples
    --------
    >>> known, new = word_features(
    ...     ["a good film", "bad film"], ["good good book"], "counts"
    ... )
    >>> known.toarray().tolist(), new.toarray().tolist()  # bad, film, good
    ([[0, 1, 1], [1, 1, 0]], [[0, 0, 2]])
    """
    model = vectorizer(kind)
    return model.fit_transform(source).tocsr(), model.transform(target).tocsr()


def pair_features(source: Pairs, target: Pairs, kind: str) -> tuple[Any, Any]:
    """Of two texts with features u and v: abs(u - v), what differs, beside u * v, what they share; sparse."""
    from scipy import sparse

    model = vectorizer(kind).fit([text for *texts, _ in source for text in texts])

    def features(pairs: Pairs) -> Any:
        first, second = (model.transform([pair[i] for pair in pairs]) for i in (0, 1))
        return sparse.hstack([abs(first - second), first.multiply(second)]).tocsr()

    return features(source), features(target)


def labels_of(texts: Texts | Pairs) -> FloatArray:
    """The last entry of each."""
    return np.array([row[-1] for row in texts])
