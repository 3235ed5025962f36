"""Files of real data, from a folder of yours or downloaded once, always checked; and the Amazon reviews.

A *data folder* holds one sub-folder per collection (``amazon_review_400/books.mat`` and so on).  It is

1. the folder passed as ``data``, else
2. the folder named by the environment variable ``RMT_ALPHA_DATA``, else
3. the per-user cache folder of this package (``pooch.os_cache("rmt_alpha")``).

A file that is not there is downloaded into that folder from its public source.  Every file is checked by
SHA-256 before it is read, whether it was downloaded or put there by hand.
"""

from __future__ import annotations

import errno
import hashlib
import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rmt_alpha._core.checks import check_choice
from rmt_alpha._core.types import FilePath, FloatArray
from rmt_alpha.errors import DatasetCorrupted, DatasetUnavailable

DATA_VARIABLE = "RMT_ALPHA_DATA"
"""Environment variable that names the data folder."""

_TIMEOUT = (5.0, 60.0)
"""Seconds to wait for a connection, and for the next bytes: without a network, give up soon."""
_TOTAL_SECONDS = 600.0
"""For one file, however the bytes drip."""
_BLOCK = 1 << 16


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file of a collection: where it lies in the data folder, where it comes from, what it must be."""

    path: str
    """Path relative to the data folder."""
    url: str
    """Public source of the same bytes."""
    sha256: str
    size: int
    """Bytes: no more are downloaded."""


@dataclass(frozen=True, slots=True, eq=False)
class LabelledData:
    """Features of shape (n_samples, p), and labels of shape (n_samples,): +1.0 and -1.0 of two classes.

    Where a loader says so, the features are sparse, or the labels numbers of classes or of a regression.
    """

    name: str
    features: FloatArray
    labels: FloatArray


_AMAZON_SOURCE = (
    "https://raw.githubusercontent.com/elfirdoussilab1/High-Dimensional-Learning-Noisy-Labels/"
    "c007571084b8ee1bf4fc472328daf6b5e73922b6/datasets/Amazon_review/"
)


def _amazon_file(name: str, sha256: str, size: int) -> RemoteFile:
    return RemoteFile(f"amazon_review_400/{name}", _AMAZON_SOURCE + name, sha256, size)


AMAZON_FILES = {
    "book": _amazon_file(
        "books.mat", "7a53b54f0c0e81e7ee4774d762a927399cede9a802a2409732ba00cc1c23a17a", 356724
    ),
    "dvd": _amazon_file(
        "dvd.mat", "13a71d399f9c7ae57064952979c830455057ffd0a8da73f2c9075338d64d98ce", 360255
    ),
    "elec": _amazon_file(
        "elec.mat", "f1dd6e01c1eed956d3abe6493a6bb5efc95e6585b8b9b2d856c0c07e12893a35", 316867
    ),
    "kitchen": _amazon_file(
        "kitchen.mat", "b1f4e5ddfbd7b37ad2638fccbf83bd8558abf63b3e8d69a9d5bca77b1a49fed5", 287938
    ),
}
"""The four domains of the Amazon reviews and their files."""

AMAZON_DOMAINS = tuple(AMAZON_FILES)
"""``("book", "dvd", "elec", "kitchen")``."""


def data_folder(data: FilePath | None = None) -> Path:
    """The folder that holds the data files: ``data``, else ``$RMT_ALPHA_DATA``, else the user's cache.

    ``~`` is expanded; the folder need not exist yet.

    Examples
    --------
    >>> data_folder("my_data").name
    'my_data'
    """
    named = os.environ.get(DATA_VARIABLE) if data is None else data
    if named:
        return Path(named).expanduser()
    if data is not None:
        raise ValueError(f"data must name a folder, got {data!r}; leave it out to use the default folder")
    import pooch  # type: ignore[import-untyped]

    return Path(pooch.os_cache("rmt_alpha"))


def fetch(file: RemoteFile, data: FilePath | None = None) -> Path:
    """Path of a checked copy of ``file``, downloaded into the `data_folder` if it is not there.

    Raises
    ------
    DatasetUnavailable
        If the file is not in the data folder and cannot be downloaded or written there.
    DatasetCorrupted
        If the file, found or downloaded, has another SHA-256.  A file that was found is left as it is.
    """
    folder = data_folder(data)
    path = folder / file.path
    try:
        if not path.is_file():
            _download(file, path)
        with path.open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
    except DatasetCorrupted:
        raise
    except OSError as error:
        raise _unavailable(file, folder, error) from error
    if found != file.sha256:
        raise DatasetCorrupted(
            f"{path} has SHA-256 {found}, expected {file.sha256}: it is not the published file; "
            f"delete it, or replace it by {file.url}"
        )
    return path


def _download(file: RemoteFile, path: Path) -> None:
    import pooch

    try:
        # pooch downloads under a temporary name and moves the file only if its hash is right, so neither
        # an interruption nor a wrong answer of the server leaves anything under the final name.
        pooch.retrieve(
            file.url,
            known_hash=f"sha256:{file.sha256}",
            fname=path.name,
            path=path.parent,
            downloader=lambda url, output, _: _save(url, Path(output), file.size),
        )
    except ValueError as error:
        raise DatasetCorrupted(
            f"the download of {file.url} does not have the expected SHA-256 {file.sha256} and was discarded: "
            f"the answer is not the published file; try again, or save the file as {path} by other means"
        ) from error


def _save(url: str, output: Path, size: int) -> None:
    """Write what is at ``url``, but hardly more than ``size`` bytes, and not for ever; OSError on failure."""
    import requests
    import urllib3

    deadline = time.monotonic() + _TOTAL_SECONDS
    headers = {"Accept-Encoding": "identity"}  # the bytes whose number is known
    with (
        requests.get(url, stream=True, timeout=_TIMEOUT, headers=headers) as response,
        output.open("wb") as stream,
    ):
        response.raise_for_status()
        # What has arrived, however little that is; before urllib3 2.2 small blocks, which wait to be filled.
        arrived = getattr(response.raw, "read1", None)
        try:
            while stream.tell() <= size and (
                block := arrived(_BLOCK) if arrived else response.raw.read(_BLOCK // 256)
            ):
                stream.write(block)
                if time.monotonic() > deadline:
                    raise TimeoutError(errno.ETIMEDOUT, f"not complete after {_TOTAL_SECONDS:.0f} seconds")
        except urllib3.exceptions.HTTPError as error:  # no OSError
            raise ConnectionError(errno.ECONNRESET, str(error)) from error
        if stream.tell() > size:
            raise DatasetCorrupted(
                f"the answer to {url} has more than the {size} bytes of the published file, and was "
                "discarded; try again, or save the file by other means"
            )


def _unavailable(file: RemoteFile, folder: Path, error: OSError) -> DatasetUnavailable:
    # The text of a network error spans lines and names internals: the reader needs one short reason.
    status = getattr(getattr(error, "response", None), "status_code", None)
    reason = error.strerror or (f"HTTP {status}" if status else type(error).__name__)
    return DatasetUnavailable(
        f"{file.path} is not in the data folder {folder} and could not be fetched ({reason}): "
        f"save {file.url} as {folder / file.path}, or name a folder that holds {file.path} "
        f"with --data or {DATA_VARIABLE}"
    )


def load_amazon(domain: str, data: FilePath | None = None) -> LabelledData:
    """Amazon reviews of one domain: 400 word features per review, +1 for a positive review.

    The files store 1 for a positive and 0 for a negative review; here the label is +1.0 or -1.0.  The rows
    come as they stand in the file: sorted by class, positive reviews first, not standardised, a few columns
    constant (book 6, dvd 4, elec 6, kitchen 7).

    Parameters
    ----------
    domain : {"book", "dvd", "elec", "kitchen"}
        2000, 1999, 1998 and 1999 reviews.
    data : path, optional
        See `data_folder`; errors as of `fetch`.

    References
    ----------
    .. [1] J. Blitzer, M. Dredze and F. Pereira, "Biographies, Bollywood, boom-boxes and blenders: domain
       adaptation for sentiment classification", ACL 2007.
    .. [2] M. Chen, Z. Xu, K. Weinberger and F. Sha, "Marginalized denoising autoencoders for domain
       adaptation", ICML 2012.

    Examples
    --------
    >>> reviews = load_amazon("book")  # doctest: +SKIP
    >>> reviews.features.shape, reviews.labels[:2].tolist()  # doctest: +SKIP
    ((2000, 400), [1.0, 1.0])
    """
    check_choice("domain", domain, AMAZON_DOMAINS)
    from scipy.io import loadmat

    content = loadmat(fetch(AMAZON_FILES[domain], data), variable_names=["fts", "labels"])
    features = np.ascontiguousarray(content["fts"], dtype=np.float64)
    labels = np.where(content["labels"].ravel() == 1, 1.0, -1.0)
    return LabelledData(domain, features, labels)


def standardise(features: FloatArray) -> FloatArray:
    r"""Columns with mean 0 and variance 1: :math:`(x - \bar x) / s`, with s = 1 for a constant column.

    The variance is the population one, divided by the number of rows.

    Examples
    --------
    >>> standardise(np.array([[1.0, 5.0], [3.0, 5.0]]))
    array([[-1.,  0.],
           [ 1.,  0.]])
    """
    scale, constant = _deviations(features)
    centred = np.where(constant, 0.0, features - features.mean(axis=0))
    return np.asarray(centred / scale, dtype=np.float64)


def deviations(features: FloatArray) -> FloatArray:
    """Standard deviations of the columns (divided by the number of rows), 1 for a constant column.

    Examples
    --------
    >>> deviations(np.array([[1.0, 5.0], [5.0, 5.0]]))
    array([2., 1.])
    """
    return _deviations(features)[0]


def _deviations(features: FloatArray) -> tuple[FloatArray, NDArray[np.bool_]]:
    centre = features.mean(axis=0)
    deviation = features.std(axis=0)
    # The computed deviation of a constant column c is rounding error of order eps |c| sqrt(n), rarely 0.
    n_samples = features.shape[0]
    constant = deviation <= 10 * np.finfo(float).eps * np.sqrt(n_samples) * np.abs(centre)
    return np.where(constant, 1.0, deviation), constant


def class_mean(features: FloatArray, labels: FloatArray) -> FloatArray:
    r"""Half the difference of the class means, :math:`\hat\mu = (\bar x_{+} - \bar x_{-}) / 2`.

    In the model x ~ N(y mu, C) this is the mean mu; its squared norm overestimates ||mu||^2 by about
    tr(C)/n_samples.  ValueError if a class is empty.

    Examples
    --------
    >>> class_mean(np.array([[3.0, 0.0], [-1.0, 2.0]]), np.array([1.0, -1.0]))
    array([ 2., -1.])
    """
    positive = labels > 0
    if positive.all() or not positive.any():
        raise ValueError("labels must hold both classes, +1 and -1; got one class only")
    return np.asarray((features[positive].mean(axis=0) - features[~positive].mean(axis=0)) / 2)
