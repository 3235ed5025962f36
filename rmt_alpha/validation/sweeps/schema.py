"""The tables of a store, and the marks by which its file is recognised."""

from __future__ import annotations

from rmt_alpha.validation.sweeps.cell import CELL_COLUMNS, FIELDS, POINT_COLUMNS

APPLICATION_ID = int.from_bytes(b"rmtA", "big")
"""Bytes 68 to 71 of the file: this database belongs to rmt_alpha."""
SCHEMA_VERSION = 1
"""Bytes 60 to 63 of the file."""
HEADER_BYTES = 100

FIELD_COLUMNS = tuple("N_source" if name == "N" else name for name in FIELDS)
"""The fields of a problem; SQL does not distinguish N from n."""

CELL_SQL = ("key", "parameters", *FIELD_COLUMNS, "replicates", *CELL_COLUMNS, "error", "version", "digest")
POINT_SQL = ("key", "points.position", *POINT_COLUMNS)

_reals = ",\n    ".join(f"{name} REAL" for name in FIELD_COLUMNS)
_results = ",\n    ".join(f"{name} REAL" for name in CELL_COLUMNS)
_numbers = ",\n    ".join(f"{name} REAL" for name in POINT_COLUMNS[1:])

SCHEMA = f"""
BEGIN;
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {SCHEMA_VERSION};
CREATE TABLE cells (
    key TEXT PRIMARY KEY NOT NULL,
    parameters TEXT NOT NULL,
    {_reals},
    replicates INTEGER NOT NULL,
    {_results},
    error TEXT,
    version TEXT NOT NULL,
    digest TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE points (
    key TEXT NOT NULL,
    position INTEGER NOT NULL,
    {POINT_COLUMNS[0]} TEXT NOT NULL,
    {_numbers},
    PRIMARY KEY (key, position)
) WITHOUT ROWID;
CREATE VIEW results AS SELECT {", ".join((*FIELD_COLUMNS, "replicates", *CELL_COLUMNS, *POINT_COLUMNS))}
    FROM cells JOIN points USING (key);
COMMIT;
"""


def read_header(header: bytes) -> tuple[int, int] | None:
    """Application id and schema version, from the first bytes of an SQLite file; None for any other file."""
    if len(header) < HEADER_BYTES or not header.startswith(b"SQLite format 3\0"):
        return None
    return int.from_bytes(header[68:72], "big"), int.from_bytes(header[60:64], "big")
