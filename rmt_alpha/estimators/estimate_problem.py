"""`estimate_problem`: what the theory says about data."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.validation import check_X_y

from rmt_alpha.estimators.source import resolve_source
from rmt_alpha.estimators.validation import encode_labels
from rmt_alpha.from_data.estimate import ProblemEstimate
from rmt_alpha.from_data.geometry import Geometry


def estimate_problem(X: Any, y: Any, coef_source: Any, *, fit_intercept: bool = True) -> ProblemEstimate:
    r"""Estimate from data everything that the theory of fine-tuning asks for, with standard errors.

    .. math:: \widehat{\lVert\mu\rVert^2} = \lVert\hat\mu\rVert^2 - \frac14 \sum_c \frac{\operatorname{tr}
        \hat C_c}{n_c}, \qquad \widehat{\langle\tilde w, \mu\rangle} = \langle\tilde w, \hat\mu\rangle,
        \qquad \hat\mu = \frac{\bar x_+ - \bar x_-}{2}

    Parameters
    ----------
    X : array_like of shape (n_samples, n_features)
        Target samples.
    y : array_like of shape (n_samples,)
        Their classes, two, with at least two samples each.
    coef_source : array_like of shape (n_features,), or fitted estimator
        The source.
    fit_intercept : bool
        True: the classes may lie anywhere.  False: they lie at -mu and +mu around 0, and the estimates are
        those of one mean, (1/n) sum y x.

    Returns
    -------
    ProblemEstimate
        Numbers with standard errors; ``curve(gamma, n)`` is the predicted accuracy for any alpha, any ridge,
        and any number of samples.

    Raises
    ------
    ValueError
        If there are more than two classes, fewer than two samples of one, several sources, or bad data.

    See Also
    --------
    alpha_path : The leave-one-out curve of the same data, to be laid over it.

    Notes
    -----
    Means, overlaps and spectral moments are unbiased for any covariance that both classes share.  The curve
    also needs to know how mu lies in the spectrum, which few samples do not tell: it is assumed to lie there
    as the source does (docs/from_data.md).

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> mean = np.ones(400) / 20
    >>> y = np.repeat([-1, 1], 100)
    >>> X = y[:, None] * mean + rng.standard_normal((200, 400))
    >>> source = mean + rng.standard_normal(400) / 20
    >>> estimate = estimate_problem(X, y, source)
    >>> print(estimate.mean_norm2, estimate.overlap, sep="; ")
    0.8974 +- 0.2; 0.9485 +- 0.097
    >>> curve = estimate.curve(gamma=1.0)
    >>> print(
    ...     f"{curve.optimal_alpha():.2f} {curve.accuracy(curve.optimal_alpha()):.3f}"
    ... )
    0.45 0.746
    """
    X, y = check_X_y(X, y, dtype=np.float64, ensure_min_samples=2)
    counts = np.ones(len(X))
    classes, labels = encode_labels(y, counts, "estimate_problem")
    if len(classes) > 2:
        raise ValueError(f"estimate_problem is for two classes, got {len(classes)}")
    source = resolve_source(coef_source, 0.0, outputs=1, features=X.shape[1])
    if source.count != 1:
        raise ValueError(f"coef_source must hold one source, got {source.count}")
    geometry = Geometry.from_samples(X, labels[:, 0], source.weights[:, 0], counts, centred=not fit_intercept)
    return ProblemEstimate(geometry, float(len(X)), X.shape[1], fit_intercept)
