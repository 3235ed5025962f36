"""Damaged .npz files, of samples and of problems: one line that names file and array."""

from __future__ import annotations

import io
import struct
import zipfile

import numpy as np
import pytest

from rmt_alpha._core.stored_arrays import read_arrays
from rmt_alpha.cli import main

GOOD = {"X": np.arange(40.0).reshape(8, 5) % 7, "y": np.arange(8) % 2, "coef_source": np.ones(5)}


def stored(**arrays):
    raw = io.BytesIO()
    np.savez(raw, **arrays)
    return raw.getvalue()


def flipped(raw, name):
    """A bit of the numbers of an array."""
    at = raw.index(GOOD[name].tobytes())
    return raw[: at + 3] + bytes([raw[at + 3] ^ 1]) + raw[at + 4 :]


def claiming(shape):
    """An array X of 40 numbers whose header claims more."""
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as archive:
        for name, array in GOOD.items():
            text = io.BytesIO()
            np.lib.format.write_array_header_1_0(
                text,
                {
                    "shape": shape if name == "X" else array.shape,
                    "fortran_order": False,
                    "descr": array.dtype.str,
                },
            )
            archive.writestr(f"{name}.npy", text.getvalue() + array.tobytes())
    return raw.getvalue()


def bad_entry():
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as archive:
        for name in GOOD:
            archive.writestr(
                f"{name}.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", 30) + b"{'descr': [[[[" + b" " * 16
            )
    return raw.getvalue()


WHOLE = stored(**GOOD)
BAD = {
    "empty": (b"", "x.npz is no .npz file, or a damaged one"),
    "text": (b"y,a\n1,2\n", "x.npz is no .npz file, or a damaged one"),
    "truncated": (WHOLE[:300], "x.npz is no .npz file, or a damaged one"),
    "half": (WHOLE[: len(WHOLE) // 2], "x.npz is no .npz file, or a damaged one"),
    "checksum": (flipped(WHOLE, "X"), "x.npz: the array X is damaged (Bad CRC-32"),
    "checksum of a source": (flipped(WHOLE, "coef_source"), "the array coef_source is damaged (Bad CRC-32"),
    "objects": (
        stored(**GOOD | {"y": np.array(["a", None] * 4, dtype=object)}),
        "x.npz: the array y holds Python objects",
    ),
    "9 GiB": (
        claiming((2**27, 9)),
        "x.npz: the array X is damaged: its header claims 9663676416 bytes, the file holds 320 of them",
    ),
    "more than 2^64": (claiming((2**40, 2**40)), "the array X is damaged: its header claims"),
    "negative": (claiming((-8, -5)), "x.npz: the array X is damaged"),
    "header": (bad_entry(), "x.npz: the array X is damaged"),
    "lacking": (stored(X=GOOD["X"]), "x.npz has no array 'y', 'coef_source'; it has X"),
    "text as numbers": (stored(**GOOD | {"X": np.full((8, 5), "x")}), "the array X must hold numbers"),
    "complex": (stored(**GOOD | {"X": GOOD["X"] + 1j}), "the array X must hold numbers, got complex128"),
    "NaN": (
        stored(**GOOD | {"X": np.where(GOOD["X"] == 3, np.nan, GOOD["X"])}),
        "x.npz: the array X must be finite, got nan at [0, 3]",
    ),
    "shapes": (stored(**GOOD | {"y": np.arange(7)}), "got shapes (8, 5) and (7,)"),
    "bytes": (stored(**GOOD | {"y": np.array([b"\xff", b"a"] * 4)}), "the array y holds bytes that"),
}  # fmt: skip


@pytest.mark.parametrize(("raw", "message"), BAD.values(), ids=BAD.keys())
def test_samples(raw, message, tmp_path, capsys):
    (tmp_path / "x.npz").write_bytes(raw)
    assert main(["fit", str(tmp_path / "x.npz")]) == 2
    line = capsys.readouterr().err
    assert message in line
    assert len(line.strip().splitlines()) == 1


@pytest.mark.parametrize("name", ["empty", "half", "checksum", "objects", "9 GiB", "header"])
def test_problems(name, tmp_path, capsys):
    raw, message = BAD[name]
    (tmp_path / "x.npz").write_bytes(raw.replace(b"y.npy", b"z.npy"))
    wanted = "y" if name == "objects" else "X"
    if name == "objects":
        (tmp_path / "x.npz").write_bytes(raw)
    (tmp_path / "p.toml").write_text(
        f'n = 4\ngamma = 1\n[target]\nmeans = "x.npz:{wanted}"\n[source]\nweights = [1.0]\n'
    )
    assert main(["curve", "--problem", str(tmp_path / "p.toml")]) == 2
    line = capsys.readouterr().err
    assert message in line
    assert "p.toml" in line
    assert len(line.strip().splitlines()) == 1


def test_every_truncation_and_every_flipped_byte(tmp_path):
    """Either the same numbers, or a ValueError that names the file."""
    file = tmp_path / "x.npz"
    small = {"X": np.eye(2), "y": np.arange(2)}
    whole = stored(**small)
    broken = [whole[:size] for size in range(0, len(whole), 7)]
    broken += [whole[:i] + bytes([whole[i] ^ 255]) + whole[i + 1 :] for i in range(0, len(whole), 3)]
    refused = 0
    for raw in broken:
        file.write_bytes(raw)
        try:
            found = read_arrays(file, ("X", "y"))
        except ValueError as error:
            assert str(error).startswith("x.npz")  # noqa: PT017
            refused += 1
        else:
            for name, array in small.items():
                np.testing.assert_array_equal(found[name], array)
    assert refused > len(broken) / 2


def test_bytes_are_text(tmp_path, capsys):
    np.savez(tmp_path / "x.npz", **GOOD | {"y": np.array([b"a", b"b"] * 4)})
    assert main(["fit", str(tmp_path / "x.npz")]) == 0
    assert "2 classes" in capsys.readouterr().out
