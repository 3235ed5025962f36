"""Rows as they come: through the decomposition of centred rows, and by one of their own."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from rmt_alpha.from_data.columns import Columns
from rmt_alpha.from_data.decomposition.design import Design, designs
from rmt_alpha.from_data.decomposition.rules import Rule
from rmt_alpha.from_data.decomposition.samples import Samples
from rmt_alpha.from_data.ridge_path import RidgePath

GAMMAS = np.array([1e-3, 0.1, 3.0, 1e4, math.inf])
EXACT = 1e-10
POINT = np.array([1.0, 0.7])


def both(seed, shape, *, thin, standard=False, weighted=False, mean=1.0):
    """Paths of the same rows, by a decomposition of their own and through that of centred ones."""
    rng = np.random.default_rng(seed)
    n, p = shape
    X = mean + rng.standard_normal((n, p))
    if thin:
        X *= rng.random((n, p)) < 0.3
        X[:, -1] = 2.0  # constant
    counts = rng.uniform(0.3, 3.0, n) if weighted else None
    samples = Samples.of(sparse.csr_matrix(X) if thin else X, counts)
    rule = Rule(None, standard)
    own = Design.of(samples, rule)
    through, centred = designs(samples, [rule, Rule(0.0, standard)])
    labels, scores = rng.standard_normal((n, 2)), (X @ rng.standard_normal((1, p, 2)))
    return centred, [RidgePath(Columns.of(one, labels, scores), None) for one in (own, through)]


def known(path):
    """Everything that is asked of a path, by name."""
    design = path.design
    fits = [path.at(gamma) for gamma in GAMMAS]
    moments = path.moments(GAMMAS)
    return {
        "rank": [design.rank],
        "largest": [design.largest],
        "odds": design.odds(GAMMAS[:-1]) if design.rank else [0.0],  # nothing is trained of constant rows
        "volumes": path.volumes(GAMMAS),
        "ridges": np.log(design.ridges(np.logspace(-3, 3, 7))),
        "grams": path.grams(GAMMAS),
        "residuals": [fit.residuals for fit in fits],
        "freedom": [fit.freedom for fit in fits],
        "left out": [fit.left_out(POINT) for fit in fits],
        "grams without": [fit.grams_without for fit in fits],
        "weights": [fit.correction(POINT)[0] for fit in fits],
        "lines": moments.line,
        "spreads": moments.gram,
    }


@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.sampled_from([(2, 5), (7, 12), (20, 60), (25, 26)]),
    thin=st.booleans(),
    standard=st.booleans(),
    weighted=st.booleans(),
)
def test_both_ways_are_the_same(seed, shape, thin, standard, weighted):
    _, paths = both(seed, shape, thin=thin, standard=standard, weighted=weighted)
    own, through = map(known, paths)
    for name, expected in own.items():
        # Ridges are found to a millionth; what is inverted has a condition of at most 1e6.
        error = 1e-6 if name == "ridges" else EXACT
        size = np.abs(expected).max()
        assert np.asarray(through[name]) == pytest.approx(np.asarray(expected), abs=error * (1 + size)), name


@pytest.mark.parametrize("thin", [False, True])
def test_one_decomposition_serves_both(thin):
    centred, (own, through) = both(0, (20, 60), thin=thin)
    assert own.design.origin is None
    assert through.design.origin is not None
    assert through.design.rotation is centred.rotation


@pytest.mark.parametrize("shape", [(30, 8), (9, 9)])
def test_a_mean_that_the_rows_reach_is_decomposed_anew(shape):
    # Then what is beside them would be rounding.  Nine rows: centred ones have eight directions, and the mean
    # lies among them if it is the mean of the others.
    rng = np.random.default_rng(0)
    X = 3.0 + rng.standard_normal(shape)
    if shape[0] == shape[1]:
        X[:, -1] = X[:, 0]
    through, _ = designs(Samples.of(X), [Rule(), Rule(0.0)])
    assert through.origin is None


@pytest.mark.parametrize("wrong", ["_reached2", "pull"])
def test_a_wrong_part_would_be_seen(wrong):
    _, (own, through) = both(1, (20, 60), thin=False)
    origin = through.design.origin
    object.__setattr__(origin, wrong, 0.9 * getattr(origin, wrong))
    expected, found = own.at(0.1).left_out(POINT), through.at(0.1).left_out(POINT)
    assert np.abs(found - expected).max() > 1e-4 * np.abs(expected).max()
