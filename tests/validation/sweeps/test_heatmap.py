"""Heat maps: what is drawn is what was asked for."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.collections import QuadMesh
from matplotlib.colors import CenteredNorm, LogNorm

from rmt_alpha.plotting.heat_map import heatmap, parse_plot, select
from rmt_alpha.validation.sweeps import sweep


@pytest.fixture(scope="module")
def result():
    grid = {
        "beta": {"linspace": [-0.5, 1, 4]},
        "gamma": {"geomspace": [0.01, 100, 5]},
        "N": [None, 50, 500],
        "p": 40,
        "n": 20,
    }
    return sweep(grid, alpha=[0, 1, "optimal"], replicates=0, store=None)


def drawn(axes) -> np.ma.MaskedArray:
    return axes.collections[0].get_array()


def test_values_scales_and_labels(result):
    axes = heatmap(result, x="gamma", y="beta", c="accuracy", alpha="optimal", at={"N": 50})
    assert np.array_equal(drawn(axes), result["accuracy"][:, :, 1, 2])
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "linear")
    mesh = axes.collections[0]
    assert isinstance(mesh, QuadMesh)
    corners = np.asarray(mesh.get_coordinates())
    # Every value lies in the middle of its rectangle: halfway in the logarithm, or in the number.
    edges = corners[0, :, 0]
    assert np.sqrt(edges[1:] * edges[:-1]) == pytest.approx(np.array(result.axes["gamma"]), rel=1e-14)
    edges = corners[:, 0, 1]
    assert (edges[1:] + edges[:-1]) / 2 == pytest.approx(np.array(result.axes["beta"]), abs=1e-15)
    assert r"\gamma" in axes.get_xlabel()
    assert "optimal" in axes.figure.axes[1].get_ylabel()


def test_axes_can_be_exchanged(result):
    one = select(result, x="gamma", y="beta", c="optimal_alpha", at={"N": 50})
    assert np.array_equal(select(result, x="beta", y="gamma", c="optimal_alpha", at={"N": 50}), one.T)
    words = heatmap(result, x="N", y="beta", at={"gamma": 1.0})
    assert [label.get_text() for label in words.get_xticklabels()] == ["known", "50", "500"]


def test_colours_fit_the_numbers(result):
    sign = heatmap(result, x="gamma", y="beta", c="optimal_alpha", at={"N": None})
    assert isinstance(sign.collections[0].norm, CenteredNorm)
    grid = {"beta": [0.1, 0.9], "gamma": [0.01, 1, 100], "p": 40, "n": 20}
    wide = heatmap(sweep(grid, alpha=1, replicates=0, store=None), x="gamma", y="beta", c="optimal_alpha")
    assert isinstance(wide.collections[0].norm, LogNorm)


def test_missing_numbers_are_grey_and_counted():
    grid = {"beta": [0, 0.5], "gamma": [0, 1], "p": 40, "n": [40]}
    result = sweep(grid, alpha=1, replicates=0, store=None)
    assert len(result.failures) == 2  # gamma = 0
    axes = heatmap(result, x="gamma", y="beta", c="neutral_alpha")  # beta = 0 has none
    assert drawn(axes).mask.tolist() == [[True, True], [True, False]]
    assert axes.get_title() == "grey: 3 without a finite number"


def test_own_axes_are_drawn_on(result):
    from matplotlib.figure import Figure

    left, right = Figure().subplots(1, 2)
    assert heatmap(result, x="gamma", y="beta", at={"N": 50}, ax=right) is right
    assert not left.collections


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"x": "mu", "y": "beta"}, "x must be a swept field, one of beta, gamma, N; got 'mu'"),
        ({"x": "beta", "y": "beta"}, "two fields"),
        ({"x": "gamma", "y": "beta", "c": "acc"}, "c must be a result, one of alpha, mean"),
        ({"x": "gamma", "y": "beta"}, "N is swept too: choose one of its values None, 50, 500"),
        (
            {"x": "gamma", "y": "beta", "at": {"N": 51}},
            "N must be one of the values of the sweep, None, 50, 500",
        ),
        ({"x": "gamma", "y": "beta", "at": {"N": 50, "p": 40}}, "p is no other swept field"),
        (
            {"x": "gamma", "y": "beta", "c": "risk", "at": {"N": 50}},
            "risk depends on alpha: choose one of 0, 1, opt",
        ),
        (
            {"x": "gamma", "y": "beta", "c": "risk", "at": {"N": 50}, "alpha": 2.0},
            "alpha must be one of the values of the sweep, 0, 1, optimal; got 2.0",
        ),
    ],
)
def test_what_cannot_be_drawn_is_explained(result, options, words):
    with pytest.raises(ValueError, match=words):
        heatmap(result, **options)


def test_description_of_a_plot(result):
    assert parse_plot("x=gamma,y=beta,c=risk,alpha=optimal,N=none", result) == {
        "x": "gamma",
        "y": "beta",
        "c": "risk",
        "alpha": "optimal",
        "at": {"N": None},
    }
    assert parse_plot("x=gamma, y=beta, alpha=1, N=None", result) == {
        "x": "gamma",
        "y": "beta",
        "alpha": 1.0,
        "at": {"N": None},
    }
    for wrong in ("gamma,beta", "x=gamma", "x=gamma,y=", "x=gamma,y=beta,x=N", ""):
        with pytest.raises(ValueError, match="described as x=FIELD,y=FIELD"):
            parse_plot(wrong, result)
    with pytest.raises(ValueError, match="N must be a number in the description of the plot, got 'many'"):
        parse_plot("x=gamma,y=beta,N=many", result)
