"""Every bad description of data, source or problem is refused by name, with the remedy."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import rmt_alpha as ra

MEANS = np.array([[-1.0, 0.0], [1.0, 0.5]])
MIXTURE = ra.GaussianMixture(MEANS)
THREE = ra.GaussianMixture(np.eye(3))
SOURCE = ra.FixedSource([1.0, 0.0])
SINGULAR = np.array([[1.0, 1.0], [1.0, 1.0]])


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([[1.0, 2.0]],), ValueError, "means must have shape .K, p. with K >= 2"),
        (([1.0, 2.0],), ValueError, "means must be a matrix with one row per class"),
        (
            ([[1.0, np.nan], [0.0, 1.0]],),
            ValueError,
            r"means must have finite entries, got nan at index \(0, 1\)",
        ),
        (([["a", "b"], ["c", "d"]],), TypeError, "means"),
        ((MEANS, [1.0, 2.0, 3.0]), ValueError, "covariances must be"),
        ((MEANS, np.ones((3, 3))), ValueError, r"for 2 classes in dimension 2 got shape \(3, 3\)"),
        ((MEANS, -1.0), ValueError, "covariances must be positive semi-definite, but got -1"),
        ((MEANS, np.array([1.0, -2.0])), ValueError, "but entry 1 is -2: variances must be >= 0"),
        ((MEANS, [1.0, np.array([1.0, np.inf])]), ValueError, r"covariances\[1\] must have finite entries"),
        (
            (MEANS, np.array([[1.0, 0.2], [0.3, 1.0]])),
            ValueError,
            r"must be symmetric, but entry \(0, 1\) is 0.2",
        ),
        (
            (MEANS, [None, np.array([[1.0, 2.0], [2.0, 1.0]])]),
            ValueError,
            r"covariances\[1\].* eigenvalue is -1",
        ),
        ((MEANS, np.ma.masked_array(np.eye(2), np.eye(2, dtype=bool))), TypeError, "masked"),
        ((MEANS, None, [0.5, 0.6]), ValueError, "priors must sum to 1, got the sum 1.1"),
        ((MEANS, None, [1.0, 0.0]), ValueError, "priors must be positive, got 0.0 at index 1; leave empty"),
        ((MEANS, None, [1.0]), ValueError, r"priors must have shape \(2,\), one per class"),
    ],
)
def test_mixtures(arguments, error, message):
    with pytest.raises(error, match=message):
        ra.GaussianMixture(*arguments)


LITERALS = {
    "one scalar per class, or a diagonal": lambda k: [float(i + 1) for i in range(k)],
    "one diagonal per class, or a matrix": lambda k: (np.eye(k) + 1).tolist(),
    "not even symmetric": lambda k: (np.eye(k) + np.arange(k)[:, None]).tolist(),
}


@pytest.mark.parametrize("kind", LITERALS)
@pytest.mark.parametrize("k", [2, 3])
def test_a_list_of_numbers_that_could_be_either_is_refused_when_there_are_as_many_classes_as_dimensions(
    kind, k
):
    means, value = np.eye(k), LITERALS[kind](k)
    message = rf"K = {k} classes in .*np.array\(covariances\) for one of all classes.* for c in covariances\]"
    with pytest.raises(ValueError, match=message):
        ra.GaussianMixture(means, value)
    with pytest.raises(ValueError, match="could be one covariance of all classes"):
        ra.GaussianMixture(means, tuple(value))
    # Both spellings of the message, and what is no list of numbers:
    each = ra.GaussianMixture(means, [np.array(c) for c in value])
    for found, given in zip(each.covariances, value, strict=True):
        np.testing.assert_array_equal(found, given)
    assert ra.GaussianMixture(means, each.covariances) == each
    assert ra.GaussianMixture(means, [2 * c for c in each.covariances]).group.tolist() == each.group.tolist()
    if kind != "not even symmetric":
        shared = ra.GaussianMixture(means, np.array(value))
        assert all(found is shared.covariances[0] for found in shared.covariances)
        np.testing.assert_array_equal(shared.covariances[0], value)
    matrices = [(np.eye(k) * (i + 1)).tolist() for i in range(k)]
    np.testing.assert_array_equal(ra.GaussianMixture(means, matrices).covariances, matrices)


def test_lists_of_numbers_are_plain_where_the_dimension_tells_them_apart():
    wide = np.zeros((2, 3))
    assert [c.tolist() for c in ra.GaussianMixture(wide, [1.0, 2.0]).covariances] == [1.0, 2.0]
    assert ra.GaussianMixture(wide, [1.0, 2.0, 3.0]).covariances[1].tolist() == [1.0, 2.0, 3.0]
    nested = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
    assert [c.tolist() for c in ra.GaussianMixture(wide, nested).covariances] == nested
    assert ra.GaussianMixture(wide, np.eye(3).tolist()).covariances[0].shape == (3, 3)
    assert ra.GaussianMixture(MEANS, [None, 2.0]).covariances[1].shape == ()
    # One mean, one covariance: nothing to mistake.
    assert ra.GaussianMixture.symmetric([1.0, 0.0], [1.0, 2.0]).covariances[0].tolist() == [1.0, 2.0]


def test_a_symmetric_mixture_has_one_mean():
    with pytest.raises(ValueError, match=r"mean must be a vector of shape \(p,\), got shape \(1, 2\)"):
        ra.GaussianMixture.symmetric([[1.0, 2.0]])


@pytest.mark.parametrize(
    ("weights", "outputs", "error", "message"),
    [
        (1.0, 1, ValueError, r"weights must have shape \(p,\) or \(k, p\) for outputs=1"),
        (np.ones((2, 2, 2)), 1, ValueError, "weights must have shape"),
        (np.ones((2, 4)), 3, ValueError, r"one row per output, \(..., 3, p\), got shape \(2, 4\)"),
        ([1.0, np.inf], 1, ValueError, "weights must have finite entries, got inf at index"),
        ([1.0], 0, ValueError, "outputs must be 1 or the number of classes, got 0"),
        ([1.0], True, ValueError, "outputs must be 1 or the number of classes"),
        ([1j], 1, TypeError, "weights"),
    ],
)
def test_fixed_sources(weights, outputs, error, message):
    with pytest.raises(error, match=message):
        ra.FixedSource(weights, outputs=outputs)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"mixture": "data"}, TypeError, "mixture must be a GaussianMixture, got str"),
        ({"n": 0}, ValueError, "n must be"),
        (
            {"n": [3, 4]},
            TypeError,
            "n must be one number here, got an array of shape .2,.; loop over its values",
        ),
        ({"gamma": -1.0}, ValueError, "gamma must be"),
        ({"label_noise": 1.5}, ValueError, r"label_noise must be .*\[0, 1\]"),
        ({"intercept": "yes"}, TypeError, "intercept must be True or False, got 'yes'"),
        ({"label_noise": [0.1, 0.2, 0.3]}, ValueError, r"have shape \(2,\), one per class"),
        ({"outputs": 3}, ValueError, "outputs must be 1 .labels -1 and .1. or 2"),
    ],
)
def test_ridge_sources(change, error, message):
    with pytest.raises(error, match=message):
        ra.RidgeSource(**{"mixture": MIXTURE, "n": 5, "gamma": 0.1} | change)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"target": 3}, TypeError, "target must be a GaussianMixture, got int"),
        (
            {"source": np.ones(2)},
            TypeError,
            "source must be a FixedSource, a RidgeSource, a LossSource or a list of them",
        ),
        ({"source": []}, TypeError, "source must be a FixedSource, a RidgeSource, a LossSource or a list"),
        ({"source": ra.FixedSource([1.0])}, ValueError, "source has dimension 1, target has dimension 2"),
        (
            {"target": THREE, "source": ra.FixedSource([1.0, 0, 0])},
            ValueError,
            "outputs must be 3, one for each",
        ),
        (
            {"source": [SOURCE, ra.FixedSource(np.eye(2), outputs=2)]},
            ValueError,
            "all sources must have the same number of outputs",
        ),
        ({"n": -3}, ValueError, "n must be"),
        ({"n": np.nan}, ValueError, "n must be"),
        ({"gamma": np.inf}, ValueError, "gamma must be"),
        ({"intercept": "yes"}, TypeError, "intercept must be True or False, got 'yes'"),
        ({"label_noise": -0.1}, ValueError, "label_noise must be"),
    ],
)
def test_problems(change, error, message):
    with pytest.raises(error, match=message):
        ra.FineTuning(**{"target": MIXTURE, "source": SOURCE, "n": 5, "gamma": 0.1} | change)


def test_without_ridge_the_peak_and_exact_separation_are_refused():
    with pytest.raises(ValueError, match=r"infinite variance .the double-descent peak.: choose gamma > 0"):
        ra.FineTuning(MIXTURE, SOURCE, n=2, gamma=0).curve()
    apart = ra.GaussianMixture([[-1.0, -1.0], [1.0, 1.0]], np.array([1.0, 0.0]))
    with pytest.raises(
        ValueError, match=r"means are .* times as far apart .* separated exactly; choose gamma > 0"
    ):
        ra.FineTuning(apart, SOURCE, n=5, gamma=0).curve()
    assert ra.FineTuning(apart, SOURCE, n=5, gamma=1e-9).curve().accuracy(1.0) == pytest.approx(1.0)


def test_high_precision_is_refused_where_there_is_none():
    turned = ra.GaussianMixture(MEANS, np.array([[1.0, 0.3], [0.3, 1.0]]))
    with pytest.raises(ValueError, match="dps needs scalar or diagonal covariances: an eigendecomposition"):
        ra.FineTuning(turned, SOURCE, n=5, gamma=0.1).curve(dps=30)
    two = ra.GaussianMixture(MEANS, [np.array([[1.0, 0.3], [0.3, 1.0]]), np.array([1.0, 2.0])])
    with pytest.raises(
        ValueError, match="dps needs scalar or diagonal covariances, got matrices that do not comm"
    ):
        ra.FineTuning(two, SOURCE, n=5, gamma=0.1).curve(dps=30)
    many = ra.FineTuning(THREE, ra.FixedSource(np.eye(3), outputs=3), n=5, gamma=0.1)
    with pytest.raises(ValueError, match="dps needs one output"):
        many.curve(dps=30)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"coef_target": [1.0]}, ValueError, "must have the same shape, got .1,. and .2,."),
        ({"coef_source": np.ones((1, 1, 2))}, ValueError, r"coef_source must have shape \(p,\) or \(d, p\)"),
        (
            {"coef_source": [1.0, np.nan]},
            ValueError,
            "coef_source must have finite entries, got nan at index",
        ),
        ({"noise": -1.0}, ValueError, "noise must be"),
        ({"noise": [1.0, 2.0]}, ValueError, r"noise must be a number or have shape \(1,\)"),
        ({"covariance": -SINGULAR}, ValueError, "covariance must be positive semi-definite"),
        ({"n": 0}, ValueError, "n must be"),
        ({"gamma": -1}, ValueError, "gamma must be"),
    ],
)
def test_regression(change, error, message):
    good: dict[str, Any] = {
        "covariance": SINGULAR,
        "coef_target": [1.0, 0.0],
        "coef_source": [1.0, 1.0],
        "noise": 1.0,
    }
    with pytest.raises(error, match=message):
        ra.RidgeRegressionTransfer(**good | {"n": 5, "gamma": 0.1} | change)
    assert np.isfinite(ra.RidgeRegressionTransfer(**good, n=5, gamma=0.1).risk(1.0))


def test_alphas_of_several_sources():
    curve = ra.FineTuning(MIXTURE, ra.FixedSource(np.eye(2)), n=5, gamma=0.1).curve()
    with pytest.raises(ValueError, match=r"alpha must have shape \(..., 2\), one component per source"):
        curve.accuracy([1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match=r"finite with several sources; use along\(direction\)"):
        curve.accuracy([np.inf, 0.0])
    with pytest.raises(ValueError, match=r"direction must have shape \(2,\)"):
        curve.along([1.0])


@pytest.mark.parametrize("size", [1e300, 1e-300])
@pytest.mark.parametrize(
    "make",
    [
        lambda x: ra.FixedSource([x, 0.0]),
        lambda x: ra.FixedSource([[x, 0.0], [0.0, x]]),
        lambda x: ra.GaussianMixture([[-x, 0.0], [x, x]]),
        lambda x: ra.GaussianMixture([[-1.0, 0.0], [1.0, 0.0]], x),
        lambda x: ra.GaussianMixture([[-1.0, 0.0], [1.0, 0.0]], [np.eye(2), x * np.eye(2)]),
        lambda x: ra.RidgeRegressionTransfer([x, x], [1.0, 1.0], [1.0, 0.0], 0.1, n=4, gamma=1.0),
    ],
    ids=["weights", "rows", "means", "scalar", "matrices", "regression"],
)
def test_sizes_whose_products_leave_float64_are_refused_by_the_problem(make, size):
    message = (
        r"(weights|means|covariance).* must be 0 or have a largest entry between 1e-50 and 1e\+50 in size"
    )
    with pytest.raises(ValueError, match=message):
        make(size)
    make(1e-50 if size < 1 else 1e50)


@pytest.mark.parametrize("gamma", [0.0, 0.2])
def test_means_that_leave_nothing_of_the_noise_are_named(gamma):
    """Not "gamma = 0 ..." with a gamma of 0.2, nor a singular matrix."""
    for size in (1e9, 1e30):
        mixture = ra.GaussianMixture.symmetric([size, 0.0])
        with pytest.raises(ValueError, match=r"the class means are .*e\+.* times as far apart as the noise"):
            ra.FineTuning(mixture, SOURCE, n=5, gamma=gamma).curve()


def masked(values):
    array = np.ma.array(np.asarray(values, float))
    array[(0,) * array.ndim] = np.ma.masked
    return array


TRANSFER = ra.TransferProblem(0.5, 4, 5)


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("beta", lambda: ra.TransferProblem(masked([0.1, 0.5]), 4, 5)),
        ("p", lambda: ra.optimal_alpha(0.5, masked([4, 5]), 5)),
        ("mu_target", lambda: ra.TransferProblem.from_means([1.0, 0.0], masked([1.0, 0.0]), n=4)),
        ("means", lambda: ra.GaussianMixture(masked([[-1.0, 0.0], [1.0, 0.0]]))),
        ("means", lambda: ra.GaussianMixture([masked([-1.0, 0.0]), [1.0, 0.0]])),
        ("covariances", lambda: ra.GaussianMixture([[-1.0], [1.0]], masked([[1.0]]))),
        ("covariances", lambda: ra.GaussianMixture([[-1.0, 0], [1.0, 0]], [masked([1.0, 2.0]), None])),
        ("covariance", lambda: ra.GaussianMixture.symmetric([1.0, 0.0], [masked([1.0, 2.0])] * 2)),
        ("priors", lambda: ra.GaussianMixture([[-1.0], [1.0]], None, masked([0.5, 0.5]))),
        ("weights", lambda: ra.FixedSource(masked([1.0, 0.0]))),
        ("label_noise", lambda: ra.FineTuning(MIXTURE, SOURCE, 5, 0.1, label_noise=masked([0.1, 0.1]))),
        ("alpha", lambda: ra.FineTuning(MIXTURE, SOURCE, 5, 0.1).curve().risk(masked([0.0, 1.0]))),
        ("alpha", lambda: TRANSFER.curve().accuracy(masked([0.0, 1.0]))),
        ("alpha", lambda: TRANSFER.simulate(masked([0.0, 1.0]))),
        ("alpha", lambda: ra.compare(TRANSFER, masked([0.0, 1.0]))),
        ("beta", lambda: ra.sweep({"beta": masked([0.1, 0.2]), "p": 4, "n": 5}, alpha=0, store=None)),
    ],
    ids=itertools.count(),
)
def test_masked_arrays_are_refused_everywhere(name, call):
    with pytest.raises(TypeError, match=rf"{name}.* must not be a masked array, whose mask would be lost"):
        call()


def test_where_nothing_varies_or_nothing_is_carried_over_there_is_an_answer():
    """No "alpha ... got nan": covariances, weights or means that are 0."""
    means = [[-1.0, -0.3], [1.0, 0.5]]
    for mixture in (
        ra.GaussianMixture(means, 0.0),
        ra.GaussianMixture(means),
        ra.GaussianMixture(np.zeros((2, 2))),
    ):
        for weights in ([1.0, 0.5], [0.0, 0.0]):
            problem = ra.FineTuning(mixture, ra.FixedSource(weights), n=5, gamma=0.2)
            curve: Any = problem.curve()
            run: Any = problem.simulate([0.0, 1.0], replicates=3, rng=0)
            found = [curve.optimal_alpha(), curve.accuracy(1.0), curve.risk(0.0), *curve.landmarks().values()]
            found += [*curve.transfer_interval(), *run.accuracy, *run.risk, *run.draws.optimal_alpha()]
            assert not np.isnan(found).any()


def test_other_things_than_problems_are_refused():
    calls: tuple[Any, ...] = (ra.compare, ra.simulate)
    for call in calls:
        with pytest.raises(TypeError, match=r"problem must be a TransferProblem, .*, got int"):
            call(3, 1.0)


def test_the_smallest_tolerance_is_one():
    run = TRANSFER.simulate(1.0, truncate=5e-324, replicates=2, rng=0)
    np.testing.assert_array_equal(
        run.accuracy, TRANSFER.simulate(1.0, truncate=None, replicates=2, rng=0).accuracy
    )
