"""Without ridge: when a sample can be separated, and what training with a convex loss tends to then."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np

from rmt_alpha.problems.fine_tuning import FineTuning
from rmt_alpha.problems.losses import Logistic, as_loss
from rmt_alpha.theory.convex.curve import LossCurve
from rmt_alpha.theory.convex.separability import HardMargin, Threshold, largest_separable


def ridgeless_curve(problem: FineTuning) -> LossCurve:
    """The limit gamma -> 0 of a convex loss: on separable data the largest margin, else least loss alone."""
    curve = _with_some_ridge(problem)
    reduction = curve.reduction
    threshold = _threshold(problem)
    if problem.n < threshold.n:
        # The scores that the logistic loss asks for are infinite: next to them any source is nothing.
        if isinstance(as_loss(problem.loss), Logistic):
            reduction = reduction.without_sources()
        return replace(curve, reduction=reduction, wall=HardMargin(), near=threshold.start(problem.n))
    model = reduction.model
    if model.rank < model.p:
        raise ValueError(
            f"gamma = 0 with loss={problem.loss!r} needs covariances of full rank where the data cannot be "
            f"separated, got rank {model.rank} of {model.p}: choose a small gamma"
        )
    return replace(curve, reduction=replace(reduction.without_sources(), gamma=0.0))


def _with_some_ridge(problem: FineTuning) -> LossCurve:
    one = replace(problem, gamma=float(problem.target.model.moments[0].max()) / problem.target.p)
    curve = one.curve()
    assert isinstance(curve, LossCurve)  # one output, and a loss that is not squared
    return curve


def _threshold(problem: FineTuning) -> Threshold:
    """From a start that depends on nothing that does not move the threshold, to the last digit."""
    return _threshold_of(replace(problem, n=problem.target.p, gamma=0.0, loss="logistic"))


@lru_cache(maxsize=8)  # the same for all n and losses
def _threshold_of(problem: FineTuning) -> Threshold:
    curve = _with_some_ridge(problem)
    nothing = np.zeros(curve.reduction.sources)
    return largest_separable(curve.equations(nothing), curve._squared_state(nothing))


def separability_threshold(problem: FineTuning) -> float:
    r"""The number of samples n* up to which a linear classifier separates them, labels as they are.

    As n and p grow in proportion, all samples are on the right side of some hyperplane (through 0 without an
    intercept) with probability 1 if n < n*, and 0 if n > n*.  For one covariance shared by both classes

    .. math:: \frac{p}{n^*} = \min_{v, b} \sum_a \pi_a E\big(\sqrt{1 + |v|^2}\, G
        - t (v^\top C^{-1/2} m_a + b)\big)_+^2

    over labels t and a standard normal number G (Candes and Sur 2020); 2 p where labels say nothing (Cover
    1965).  Of the problem count the target, the label noise and the intercept: separability is a property of
    the data, which no source, alpha, ridge or loss changes.

    Parameters
    ----------
    problem : FineTuning
        Two classes with labels -1 and +1.

    Returns
    -------
    float
        n*; inf if any number of samples is separable, as for features without noise that tell the classes
        apart, or beyond 1e30.

    Raises
    ------
    ValueError
        If the target has not two classes.

    Examples
    --------
    >>> import numpy as np
    >>> from rmt_alpha import FineTuning, FixedSource, GaussianMixture
    >>> mean = np.ones(100) / 10
    >>> problem = FineTuning(
    ...     GaussianMixture.symmetric(mean),
    ...     FixedSource(mean),
    ...     150,
    ...     0.1,
    ...     loss="logistic",
    ... )
    >>> round(separability_threshold(problem), 2)
    370.0
    """
    if problem.target.classes != 2 or problem.outputs != 1:
        raise ValueError(
            "separability is known for two classes and a source with outputs=1, got "
            f"{problem.target.classes} classes and outputs={problem.outputs}"
        )
    return _threshold(problem).n


def separable(problem: FineTuning) -> bool:
    """Whether a linear classifier separates the training sample, in the limit of large n and p.

    ``problem.n < separability_threshold(problem)``.  Where it does, training without ridge ends at the
    largest margin, and else at the least loss, which no source changes.

    Parameters
    ----------
    problem : FineTuning
        Two classes with labels -1 and +1.

    Returns
    -------
    bool
        Whether n is below the threshold.

    Examples
    --------
    >>> import numpy as np
    >>> from rmt_alpha import FineTuning, FixedSource, GaussianMixture
    >>> target, source = (
    ...     GaussianMixture.symmetric(np.ones(100) / 10),
    ...     FixedSource(np.ones(100)),
    ... )
    >>> [
    ...     separable(FineTuning(target, source, n, 0.1, loss="hinge"))
    ...     for n in (300, 400)
    ... ]
    [True, False]
    """
    return problem.n < separability_threshold(problem)
