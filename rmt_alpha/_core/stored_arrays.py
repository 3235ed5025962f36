"""Arrays in .npz files: whatever a damaged file holds becomes one line that names file and array."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from numpy.lib import format as npy
from numpy.typing import NDArray

from rmt_alpha._core.machine.memory import check_memory

FEWER = "store fewer samples, or fewer features"
HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
"""Of the versions of the format; 3.0 has only structured arrays that 2.0 cannot name."""


def read_arrays(file: Path, names: Sequence[str], optional: Sequence[str] = ()) -> dict[str, NDArray[Any]]:
    """Arrays by name from an .npz file; those of ``optional`` only if they are there.

    Nothing is believed before it is checked: an array whose header claims more numbers than its file holds is
    refused without asking for the memory, and checksums are compared.

    Raises
    ------
    ValueError
        If the file is no .npz file, lacks one of ``names``, or an array is damaged or holds Python objects.
    MemoryError
        If an array is larger than the memory; the message says how large.
    OSError
        If the file cannot be opened.
    """
    with file.open("rb") as raw:
        try:
            with zipfile.ZipFile(raw) as archive:
                there = {name.removesuffix(".npy"): name for name in archive.namelist()}
                if missing := [name for name in names if name not in there]:
                    lacking, has = ", ".join(map(repr, missing)), ", ".join(there) or "none"
                    raise _Refused(f"{file.name} has no array {lacking}; it has {has}")
                wanted = [*names, *(name for name in optional if name in there)]
                return {
                    name: _array(archive, there[name], f"{file.name}: the array {name}") for name in wanted
                }
        except (_Refused, MemoryError):
            raise
        except Exception as error:  # zipfile answers damage with a dozen of classes
            raise ValueError(
                f"{file.name} is no .npz file, or a damaged one ({_told(error)}): write it again with "
                "numpy.savez"
            ) from None


class _Refused(ValueError):
    """A refusal with its own words."""


def _array(archive: zipfile.ZipFile, entry: str, what: str) -> NDArray[Any]:
    try:
        with archive.open(entry) as stream:
            version = npy.read_magic(stream)
            if version not in HEADERS:
                raise _Refused(
                    f"{what} is written in version {version} of the format; numbers need 1.0 or 2.0"
                )
            shape, _, dtype = HEADERS[version](stream)
            held = archive.getinfo(entry).file_size - stream.tell()
        if dtype.hasobject:
            raise _Refused(
                f"{what} holds Python objects, which are never loaded, since they may run code: save it as "
                "numbers or text, such as numpy.array(list_of_names, dtype=str)"
            )
        claimed = math.prod(shape) * dtype.itemsize
        if claimed != held:
            raise _Refused(
                f"{what} is damaged: its header claims {claimed} bytes, the file holds {held} of them"
            )
        check_memory(claimed, what, FEWER)
        with archive.open(entry) as stream:
            array = npy.read_array(stream, allow_pickle=False)
            stream.read()  # to the end, where the checksum is compared
            return array
    except (_Refused, MemoryError):
        raise
    except Exception as error:  # zipfile, zlib and numpy answer damage with a dozen of classes
        raise _Refused(f"{what} is damaged ({_told(error)}): write the file again") from None


def _told(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
