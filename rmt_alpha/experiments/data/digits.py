"""Handwritten digits: the 10,000 test images of MNIST, two of them at a time as a classification task."""

from __future__ import annotations

import gzip
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rmt_alpha._core.types import FilePath
from rmt_alpha.experiments.data.datasets import LabelledData, RemoteFile, fetch

_SOURCE = "https://raw.githubusercontent.com/anax32/data/c7634e4b6122b2227c50a71ba962d63fe2856c16/mnist/"
IMAGES = RemoteFile(
    "mnist_t10k/t10k-images-idx3-ubyte.gz",
    _SOURCE + "t10k-images-idx3-ubyte.gz",
    "893c89736f094c134ee8b22757c4417297db16fba5654d64dfd11a2d2b498023",
    1529611,
)
LABELS = RemoteFile(
    "mnist_t10k/t10k-labels-idx1-ubyte.gz",
    _SOURCE + "t10k-labels-idx1-ubyte.gz",
    "7e7ba33ca5a726f6f9ad100a3efbd8dddfdb698420cb6bdc9fa0f95020ce1514",
    4318,
)


def load_digit_pair(positive: int, negative: int, data: FilePath | None = None) -> LabelledData:
    """Images of two digits: +1 for the first, -1 for the second; as many of each, in the order of the file.

    Parameters
    ----------
    positive, negative : int
        Two different digits, 0 to 9.
    data : path, optional
        See `rmt_alpha.experiments.data.datasets.data_folder`.

    Returns
    -------
    LabelledData
        ``features`` of shape (n, 784), gray values from 0 to 1.  The digit that has more images is cut, so
        that the classes are balanced; they alternate, so that the first rows are, too.

    Raises
    ------
    ValueError
        If the digits are none, or the same.
    DatasetUnavailable, DatasetCorrupted
        As `rmt_alpha.experiments.data.datasets.fetch`.

    Examples
    --------
    >>> digits = load_digit_pair(6, 8)  # doctest: +SKIP
    >>> digits.features.shape, digits.labels[:4].tolist()  # doctest: +SKIP
    ((1916, 784), [1.0, -1.0, 1.0, -1.0])
    """
    for name, digit in (("positive", positive), ("negative", negative)):
        if digit not in range(10):
            raise ValueError(f"{name} must be a digit from 0 to 9, got {digit!r}")
    if positive == negative:
        raise ValueError(f"positive and negative must be different digits, got {positive} twice")
    images, labels = load_digits(data)
    chosen = [np.flatnonzero(labels == digit) for digit in (positive, negative)]
    size = min(map(len, chosen))
    rows = np.column_stack([rows[:size] for rows in chosen]).ravel()
    features = images[rows]
    return LabelledData(f"{positive}/{negative}", features, np.tile([1.0, -1.0], size))


def load_digits(data: FilePath | None = None) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """All images, shape (10000, 784), gray values from 0 to 1, and their digits; arguments as above."""
    images, labels = _read(IMAGES, 3, data), _read(LABELS, 1, data)
    return images.reshape(len(images), -1) / 255.0, labels.astype(np.int64)


def _read(file: RemoteFile, axes: int, data: Any) -> NDArray[np.uint8]:
    """An IDX file: a magic number with the number of axes, their lengths, big-endian, then the bytes."""
    content = gzip.decompress(fetch(file, data).read_bytes())
    lengths = np.frombuffer(content, ">i4", axes, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * axes).reshape(lengths)
