from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest


def read_contents(path: Path) -> list[tuple]:
    """Everything a store says, to the last bit, in an order that does not depend on the order of writing."""
    with sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True) as db:
        rows = db.execute(
            "SELECT key, parameters, content, version, digest FROM cells ORDER BY key"
        ).fetchall()
        rows += db.execute("SELECT * FROM results ORDER BY 1, 2, 3, 4, 5, 6, 7, 8, 9, alpha_label").fetchall()
    db.close()
    # repr tells -0.0 from 0.0 and shows all digits.
    return [tuple(map(repr, row)) for row in rows]


@pytest.fixture
def contents():
    return read_contents


@pytest.fixture
def small_grid() -> dict:
    """12 cells in all regimes, of a few milliseconds each."""
    return {
        "beta": [-0.4, 0.8],
        "p": 60,
        "n": [20, 60, 200],
        "N": [None, 150],
        "gamma": 0.1,
        "alpha": [0, 1, "optimal"],
        "replicates": 300,
    }
