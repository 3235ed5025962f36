"""Tables as text."""

from __future__ import annotations

import numpy as np
import pytest

from rmt_alpha._core.tables import csv_text


def test_csv_text_rounds_and_quotes_and_refuses_ragged_rows():
    rows = [
        ["a,b", 1 / 3, np.float64(-1e-20), 0.1 + 0.2],
        ["c", np.nan, -np.inf, -0.0],
        ["d", 7, np.int64(8), 1e300],
    ]
    expected = 'w,x,y,z\n"a,b",0.3333333333,-1e-20,0.3\nc,nan,-inf,0\nd,7,8,1e+300\n'
    assert csv_text(["w", "x", "y", "z"], rows, digits=10) == expected
    with pytest.raises(ValueError, match="a row has 1 entries, the header 2"):
        csv_text(["x", "y"], [[1]])


def test_all_digits_unless_asked_otherwise():
    assert csv_text(["x", "y"], [[0.1 + 0.2, None], [np.float64(1e-20), 400.0]]) == (
        "x,y\n0.30000000000000004,\n1e-20,400.0\n"
    )
