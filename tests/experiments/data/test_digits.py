from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import numpy as np
import pytest

from rmt_alpha.errors import DatasetCorrupted
from rmt_alpha.experiments.data import digits
from rmt_alpha.experiments.data.datasets import RemoteFile, data_folder


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Ten images of 2 x 2 pixels that hold their own label and position, in the published format."""
    labels = np.array([6, 8, 6, 6, 8, 1, 6, 8, 2, 6], np.uint8)
    images = np.zeros((10, 2, 2), np.uint8)
    images[:, 0, 0], images[:, 1, 1] = labels, 25 * np.arange(10)
    for name, array in (("IMAGES", images), ("LABELS", labels)):
        path = tmp_path / f"{name}.gz"
        header = np.array([0x800 + array.ndim, *array.shape], ">i4").tobytes()
        path.write_bytes(gzip.compress(header + array.tobytes(), mtime=0))
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        monkeypatch.setattr(
            digits, name, RemoteFile(path.name, "http://127.0.0.1:9/", digest, path.stat().st_size)
        )
    return tmp_path


def test_a_pair_is_balanced_and_alternates(folder):
    pair = digits.load_digit_pair(6, 8, folder)
    assert pair.name == "6/8"
    assert pair.labels.tolist() == [1, -1] * 3
    assert (255 * pair.features[:, 0]).round().tolist() == [6, 8] * 3
    assert (pair.features[:, 3] * 255 / 25).round().tolist() == [0, 1, 2, 4, 3, 7]


@pytest.mark.parametrize(
    ("pair", "message"), [((6, 6), "different digits"), ((6, 10), "negative must be a digit")]
)
def test_no_digits(pair, message, folder):
    with pytest.raises(ValueError, match=message):
        digits.load_digit_pair(pair[0], pair[1], folder)


def test_other_bytes_are_refused(folder):
    (folder / "LABELS.gz").write_bytes(b"other")
    with pytest.raises(DatasetCorrupted):
        digits.load_digit_pair(6, 8, folder)


def test_the_published_files():
    folder = data_folder()
    if not (Path(folder) / digits.IMAGES.path).is_file():
        pytest.skip("needs the MNIST test images")
    pair = digits.load_digit_pair(6, 8)
    assert pair.features.shape == (1916, 784)
    assert pair.features.max() == 1
