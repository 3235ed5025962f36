"""The picture of one curve, for every model."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

import rmt_alpha as ra
from rmt_alpha.plotting import style
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


@pytest.mark.parametrize("kind", PROBLEMS)
def test_plot_is_one_call_away(kind):
    curve = PROBLEMS[kind].curve()
    own = curve.plot(source=0.6)
    low, high = own.get_xlim()
    assert low < 0
    assert high > 1
    assert any(line.get_label() == "source as it is" for line in own.lines)
    left, right = Figure().subplots(1, 2)
    assert curve.plot((-1, 2), quantity="risk", band=False, ax=right) is right
    assert not left.lines
    x, y = map(np.asarray, right.lines[0].get_data())
    assert (x[0], x[-1]) == (-1, 2)
    np.testing.assert_allclose(y, curve.risk(x), rtol=1e-9)
    best = next(line for line in right.lines if str(line.get_label()).startswith(r"$\alpha^*"))
    assert float(np.asarray(best.get_xdata())[0]) == curve.optimal_alpha("risk")
    with pytest.raises(ValueError, match=r"quantity must be one of .*'risk'.* got 'beauty'"):
        curve.plot(quantity="beauty")
    with pytest.raises(ValueError, match="alpha must span a finite range"):
        curve.plot(1.0)


def test_a_comparison_draws_any_of_its_quantities():
    problem = PROBLEMS["isotropic"]
    comparison = ra.compare(problem, [0, 1, 2], replicates=20, rng=0)
    for name in ("accuracy", "risk"):
        axis = comparison.plot(name)
        theory, *_ = axis.lines
        x, y = map(np.asarray, theory.get_data())
        np.testing.assert_allclose(y, getattr(problem.curve(), name)(x), rtol=1e-12)
        (bars,) = axis.containers
        np.testing.assert_allclose(bars[0].get_ydata(), comparison.column("simulation", name))
    assert comparison.plot(ax=axis) is axis
    with pytest.raises(ValueError, match="quantity must be one of"):
        comparison.plot("beauty")


def test_a_sweep_is_drawn_as_lines_or_colours():
    grid = {"beta": [0.2, 0.8], "p": 40, "n": [20, 40, 80], "gamma": 0.3}
    result = ra.sweep(grid, alpha=[0, 1, "optimal"], replicates=5, store=None)
    colours = result.plot()
    assert (colours.get_xlabel(), colours.get_ylabel()) == ("target samples $n$", r"alignment $\beta$")
    assert np.array_equal(np.asarray(colours.collections[0].get_array()), result["optimal_alpha"])
    for lines in (
        result.plot(c="accuracy", at={"beta": 0.8}),
        result.plot("n", c="accuracy", at={"beta": 0.8}),
    ):
        drawn = [np.asarray(each[0].get_ydata()) for each in lines.containers if len(each[0].get_ydata())]
        np.testing.assert_array_equal(drawn, result["simulated_accuracy"][1].T)
        theory = [line for line in lines.lines if line.get_linestyle() != "None"]
        np.testing.assert_array_equal([line.get_ydata() for line in theory], result["accuracy"][1].T)
        assert [line.get_color() for line in theory] == [style.GREEN, style.ORANGE, style.VERMILLION]
    bars = result.plot("beta", at={"n": 40}).containers[0][2][0].get_segments()
    assert [list(bar[:, 1]) for bar in bars] == np.transpose(
        [result["simulated_optimal_alpha_low"][:, 1], result["simulated_optimal_alpha_high"][:, 1]]
    ).tolist()
    one = ra.sweep({"beta": 0.5, "p": 40, "n": 20}, alpha=1, replicates=0, store=None)
    with pytest.raises(ValueError, match="nothing was swept"):
        one.plot()
