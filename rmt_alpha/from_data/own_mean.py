"""Features that were centred by their own mean: on what ridge and alpha are chosen there."""

from __future__ import annotations

import numpy as np

from rmt_alpha.from_data.design import Array, Design

ITSELF = 1e-6
"""Rows whose mean has less than this share of the squared length that chance gives were centred by it."""


def judged_on(design: Design, features: Array) -> Design:
    """The design on which ridge and alpha are chosen: the same, but for features centred by their own mean.

    Such a row is minus the sum of the others, so that a fit without it knows it.  If the labels sum to zero
    as well, a small ridge predicts each of them from the others without any error, and means nothing by it:
    ridge and alpha must be judged as if the mean were fitted, as it was.
    """
    if design.fit_intercept or not centred_on_itself(features, design.counts):
        return design
    return Design.from_features(features, design.counts, fit_intercept=True)


def centred_on_itself(features: Array, counts: Array) -> bool:
    """Whether the rows sum to zero, far nearer than chance would have it."""
    weights = counts / counts.sum()
    mean = weights @ features
    variance = float(weights @ np.einsum("ij,ij->i", features, features))
    return float(mean @ mean) * len(features) < ITSELF * variance
