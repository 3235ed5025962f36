"""The version of the package, in its only home, and a hash of its sources: equal versions can differ."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

__version__ = "0.1.0"


@lru_cache(1)
def source_hash() -> str:
    """Hash of the names and texts of all Python files of the package, as they are when it is first asked for.

    Ends of lines do not count; a package inside an archive has no files, and the hash of none.
    """
    package = Path(__file__).resolve().parent.parent
    names = sorted((path.relative_to(package).as_posix(), path) for path in package.rglob("*.py"))
    found = hashlib.sha256()
    for name, path in names:
        text = path.read_bytes().replace(b"\r\n", b"\n")
        found.update(f"{name}\n{len(text)}\n".encode())
        found.update(text)
    return found.hexdigest()[:16]
