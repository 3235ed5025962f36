"""The Amazon files for tests: the real ones where they are at hand, and stand-ins of the same format."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from rmt_alpha.experiments.data import datasets
from rmt_alpha.experiments.data.datasets import AMAZON_FILES, DATA_VARIABLE, RemoteFile, data_folder


def real_amazon_folder() -> Path:
    """The data folder if it holds all four files; otherwise skip (a test never downloads)."""
    folder = data_folder()
    if not all((folder / file.path).is_file() for file in AMAZON_FILES.values()):
        pytest.skip(f"needs the Amazon reviews: set {DATA_VARIABLE} to a folder with amazon_review_400/*.mat")
    return folder


def write_domain(path: Path, rows: int, mean: np.ndarray, seed: int) -> None:
    """A file in the published format: features N(y mean, I), and one more column that is constant."""
    rng = np.random.default_rng(seed)
    positive = np.arange(rows) < rows // 2  # sorted by class, positive first, as in the published files
    signs = np.where(positive, 1.0, -1.0)
    order = rng.permutation(rows)  # but mixed here, so that any first N rows hold both classes equally
    features = signs[:, None] * mean + rng.standard_normal((rows, len(mean)))
    features = np.column_stack([features, np.full(rows, 0.1)])
    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, {"fts": features[order], "labels": positive[order, None].astype(np.uint8)})


def fake_amazon(
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    rows: int = 300,
    p: int = 40,
    url: str = "http://127.0.0.1:9/",
) -> Path:
    """Four Gaussian domains in ``folder``, known to the package in place of the published ones."""
    # Means of norm 1.3 that share half of their square, so that beta is about 1/2.
    common, *own = np.random.default_rng(5).standard_normal((5, p)) * 0.9 / np.sqrt(p)
    files = {}
    for i, (domain, file) in enumerate(AMAZON_FILES.items()):
        path = folder / file.path
        write_domain(path, rows, common + own[i], seed=i)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        files[domain] = RemoteFile(file.path, url + path.name, digest, path.stat().st_size)
    monkeypatch.setattr(datasets, "AMAZON_FILES", files)
    return folder
