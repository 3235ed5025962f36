from __future__ import annotations

import functools
import http.server
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from amazon_files import fake_amazon, real_amazon_folder

from rmt_alpha.errors import DatasetCorrupted, DatasetUnavailable
from rmt_alpha.experiments.data import datasets
from rmt_alpha.experiments.data.datasets import (
    AMAZON_DOMAINS,
    AMAZON_FILES,
    DATA_VARIABLE,
    class_mean,
    data_folder,
    load_amazon,
    standardise,
)


class _QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the name is the base class's
        pass


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, str]]:
    """A folder and the address under which it is served on this machine."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    root = tmp_path / "server"
    root.mkdir()
    handler = functools.partial(_QuietHandler, directory=root)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield root, f"http://127.0.0.1:{httpd.server_address[1]}/"
        httpd.shutdown()
        thread.join()


# --- which folder ------------------------------------------------------------------------------------


def test_the_argument_wins_over_the_variable_and_the_variable_over_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path / "variable"))
    assert data_folder(tmp_path / "argument") == tmp_path / "argument"
    assert data_folder() == tmp_path / "variable"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for empty in (None, ""):
        if empty is None:
            monkeypatch.delenv(DATA_VARIABLE)
        else:
            monkeypatch.setenv(DATA_VARIABLE, empty)
        assert data_folder().name == "rmt_alpha"


def test_a_tilde_is_expanded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert data_folder("~/reviews") == tmp_path / "reviews"


def test_an_empty_folder_name_is_refused() -> None:
    with pytest.raises(ValueError, match="data must name a folder, got ''"):
        data_folder("")


# --- local files -------------------------------------------------------------------------------------


def test_loader_returns_features_and_signs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake_amazon(monkeypatch, tmp_path, rows=30, p=6)
    reviews = load_amazon("dvd", tmp_path)
    assert reviews.name == "dvd"
    assert reviews.features.shape == (30, 7)
    assert reviews.features.dtype == reviews.labels.dtype == np.float64
    assert sorted(reviews.labels) == [-1.0] * 15 + [1.0] * 15
    # The stand-in has a clear mean, so the sign convention shows: 1 in the file is +1 here.
    assert (reviews.labels * (reviews.features @ class_mean(reviews.features, reviews.labels))).mean() > 0


def test_a_local_file_with_other_bytes_is_an_error_and_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake_amazon(monkeypatch, tmp_path)
    path = tmp_path / "amazon_review_400" / "books.mat"
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(DatasetCorrupted, match="SHA-256") as caught:
        load_amazon("book", tmp_path)
    assert str(path) in str(caught.value)
    assert datasets.AMAZON_FILES["book"].sha256 in str(caught.value)
    assert not isinstance(caught.value, DatasetUnavailable)
    assert len(path.read_bytes()) == len(content)


def test_unknown_domain_is_refused() -> None:
    with pytest.raises(
        ValueError, match="domain must be one of 'book', 'dvd', 'elec', 'kitchen', got 'music'"
    ):
        load_amazon("music")


# --- downloads ---------------------------------------------------------------------------------------


def test_a_missing_file_is_downloaded_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, server: tuple[Path, str]
) -> None:
    root, url = server
    stored = fake_amazon(monkeypatch, tmp_path / "stored", url=url)
    published = stored / "amazon_review_400" / "elec.mat"
    (root / "elec.mat").write_bytes(published.read_bytes())
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path / "new" / "folder"))
    first = load_amazon("elec")
    (root / "elec.mat").unlink()
    np.testing.assert_array_equal(load_amazon("elec").features, first.features)
    np.testing.assert_array_equal(load_amazon("elec", stored).features, first.features)


def test_a_wrong_download_is_an_error_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, server: tuple[Path, str]
) -> None:
    root, url = server
    fake_amazon(monkeypatch, tmp_path / "stored", url=url)
    (root / "elec.mat").write_text("<html>Please log in</html>")
    with pytest.raises(DatasetCorrupted, match="was discarded"):
        load_amazon("elec", tmp_path / "new")
    assert [path for path in (tmp_path / "new").rglob("*") if path.is_file()] == []


class _Endless(http.server.BaseHTTPRequestHandler):
    """No length, no end: fast, or a few bytes at a time."""

    def do_GET(self) -> None:  # the name is the base class's
        self.send_response(200)
        self.end_headers()
        slow = self.path.startswith("/slow")
        with suppress(OSError):
            while True:
                self.wfile.write(b"x" if slow else bytes(1 << 16))
                time.sleep(0.01 if slow else 0)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the name is the base class's
        pass


@pytest.mark.parametrize(
    ("path", "error", "words"),
    [
        ("fast/", DatasetCorrupted, "more than the 3 bytes"),
        ("slow/", DatasetUnavailable, "not complete after"),
    ],
)
def test_a_download_without_an_end_ends(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, path: str, error: type[OSError], words: str
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(datasets, "_TOTAL_SECONDS", 0.3)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Endless) as httpd:
        threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02}).start()
        size = 3 if path == "fast/" else 10**9
        file = datasets.RemoteFile("x/y.mat", f"http://127.0.0.1:{httpd.server_port}/{path}y", "0" * 64, size)
        with pytest.raises(error, match=words):
            datasets.fetch(file, tmp_path)
        httpd.shutdown()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_the_published_sizes_are_those_of_the_published_files() -> None:
    folder = real_amazon_folder()
    assert [(folder / f.path).stat().st_size for f in AMAZON_FILES.values()] == [
        file.size for file in AMAZON_FILES.values()
    ]


def test_no_file_and_no_server_says_in_one_line_what_is_missing_and_where_to_put_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, server: tuple[Path, str]
) -> None:
    _, url = server
    # The server has no such file; nothing listens at the discard port.
    for address, reason in ((url, r"\(HTTP 404\)"), ("http://127.0.0.1:9/", r"\(ConnectionError\)")):
        fake_amazon(monkeypatch, tmp_path / "stored", url=address)
        with pytest.raises(DatasetUnavailable, match=reason) as caught:
            load_amazon("kitchen", tmp_path / "new")
        message = str(caught.value)
        assert "\n" not in message
        assert f"{address}kitchen.mat" in message
        assert str(tmp_path / "new" / "amazon_review_400" / "kitchen.mat") in message
        assert DATA_VARIABLE in message
        assert isinstance(caught.value, OSError)


def test_a_folder_that_cannot_be_written_is_the_same_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, server: tuple[Path, str]
) -> None:
    fake_amazon(monkeypatch, tmp_path / "stored", url=server[1])
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(DatasetUnavailable, match="is not in the data folder"):
        load_amazon("book", tmp_path / "file")


@pytest.mark.network
def test_the_public_source_has_the_published_bytes(tmp_path: Path) -> None:
    for domain in AMAZON_DOMAINS:
        assert load_amazon(domain, tmp_path).features.shape[1] == 400


# --- the published files -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("domain", "rows", "positive", "constant"),
    [("book", 2000, 1000, 6), ("dvd", 1999, 999, 4), ("elec", 1998, 998, 6), ("kitchen", 1999, 999, 7)],
)
def test_published_files_are_as_described(domain: str, rows: int, positive: int, constant: int) -> None:
    reviews = load_amazon(domain, real_amazon_folder())
    assert reviews.features.shape == (rows, 400)
    assert reviews.labels.shape == (rows,)
    assert (reviews.labels > 0).sum() == positive
    assert (reviews.labels[:positive] > 0).all()
    assert (np.ptp(reviews.features, axis=0) == 0).sum() == constant
    np.testing.assert_allclose(reviews.features.sum(axis=1), 1, atol=1e-9)


def test_every_file_has_its_own_hash_and_source() -> None:
    assert tuple(AMAZON_FILES) == AMAZON_DOMAINS == ("book", "dvd", "elec", "kitchen")
    assert len({file.sha256 for file in AMAZON_FILES.values()}) == 4
    assert all(file.url.endswith(Path(file.path).name) for file in AMAZON_FILES.values())


# --- standardised features and class means -----------------------------------------------------------


def test_standardise_agrees_with_scikit_learn() -> None:
    preprocessing = pytest.importorskip("sklearn.preprocessing")
    rng = np.random.default_rng(3)
    features = rng.standard_normal((50, 6)) * [1, 1e-3, 1e6, 1, 1, 1] + [0, 1, 1e3, 0, 0, 0]
    features[:, 3] = 0.1  # constant, but its computed deviation is rounding error and not 0
    features[:, 4] = 0.0
    ours = standardise(features)
    np.testing.assert_allclose(
        ours, preprocessing.StandardScaler().fit_transform(features), rtol=1e-12, atol=1e-14
    )
    assert (ours[:, 3:5] == 0).all()


def test_standardise_keeps_a_column_that_varies_little() -> None:
    column = 1 + 1e-9 * np.arange(8.0)
    result = standardise(column[:, None])[:, 0]
    np.testing.assert_allclose([result.mean(), result.std()], [0, 1], atol=1e-6)


def test_class_mean_is_half_the_difference() -> None:
    features = np.array([[4.0, 1.0], [2.0, 1.0], [0.0, 1.0]])
    np.testing.assert_array_equal(class_mean(features, np.array([1.0, 1.0, -1.0])), [1.5, 0.0])
    with pytest.raises(ValueError, match="both classes"):
        class_mean(features, np.ones(3))
