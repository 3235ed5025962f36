"""The picture of one curve, for every model."""

from __future__ import annotations

import numpy as np
import pytest

import rmt_alpha as ra
from rmt_alpha.plotting.curve import draw_curve

TARGET = ra.GaussianMixture.symmetric([1.0, 0.5, 0.0])
SOURCE = ra.FixedSource([1.0, 0.1, 0.0])
PROBLEMS: dict[str, ra.TransferProblem | ra.FineTuning | ra.RidgeRegressionTransfer] = {
    "isotropic": ra.TransferProblem(0.5, p=100, n=50),
    "mixture": ra.FineTuning(TARGET, SOURCE, n=40, gamma=0.2),
    "loss": ra.FineTuning(TARGET, SOURCE, n=40, gamma=0.2, loss="logistic"),
    "regression": ra.RidgeRegressionTransfer(None, [1.0, 0.5], [1.0, 0.0], 0.5, n=9, gamma=0.1),
}


@pytest.mark.parametrize("kind", PROBLEMS)
def test_a_curve_is_drawn_with_its_landmarks(kind):
    curve = PROBLEMS[kind].curve()
    alpha = np.linspace(-2, 3, 11)
    figure = draw_curve(curve, alpha, band=True)
    (axis,) = figure.axes
    quantity = "risk" if kind == "regression" else "accuracy"
    assert axis.get_ylabel() == f"test {quantity}"
    line, *marks = axis.lines
    x, y = map(np.asarray, line.get_data())
    np.testing.assert_allclose(y, getattr(curve, quantity)(x), rtol=1e-9)
    at = [np.asarray(mark.get_xdata()) for mark in marks]
    places = [float(x[0]) for x in at if len(x) == 1]
    assert places == [value for value in curve.landmarks().values() if -2 <= value <= 3]
    assert len(axis.collections) == 1  # the band of finite size
