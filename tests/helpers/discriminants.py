"""The linear discriminant of scores by its definition, with matrices of all classes."""

import numpy as np


def prior(scores, labels, mass):
    """What the prior says of a class: a and s^2."""
    classes = labels.shape[1]
    centred, kinds = scores - scores.mean(axis=1, keepdims=True), np.eye(classes) - 1 / classes
    kind = labels.argmax(axis=1)
    slope = mass @ (centred * kinds[kind]).sum(axis=1) / (mass @ np.square(kinds[kind]).sum(axis=1))
    return slope, np.trace(scatter(scores, labels, mass, slope)[1]) / (mass.sum() * (classes - 1))


def scatter(scores, labels, mass, slope):
    """Means (K, K) of the classes, and the scatter (K, K) of samples and pseudo-samples around them."""
    classes = labels.shape[1]
    centred, kind = scores - scores.mean(axis=1, keepdims=True), labels.argmax(axis=1)
    expected = slope * (np.eye(classes) - 1 / classes)
    means = np.array([
        (mass[kind == k] @ centred[kind == k] + classes * expected[k]) / (mass[kind == k].sum() + classes)
        for k in range(classes)
    ])  # fmt: skip
    rows = np.concatenate([centred - means[kind], expected - means])
    weights = np.concatenate([mass, np.full(classes, classes)])
    return means, (rows.T * weights) @ rows


def by_hand(scores, labels, mass, slope, variance):
    """Matrix (K, K) and shift (K,) of the discriminant with that prior."""
    classes = labels.shape[1]
    means, total = scatter(scores, labels, mass, slope)
    total = total + classes**2 * variance * (np.eye(classes) - 1 / classes)
    inverse = (mass.sum() + classes**2) * np.linalg.pinv(total, rcond=1e-13)
    frequencies = mass @ (labels > 0) + classes**2
    return inverse @ means.T, np.log(frequencies) - 0.5 * np.einsum("kd,de,ke->k", means, inverse, means)


def left_out_by_hand(scores, labels, mass, removed):
    """Each sample (n, K) by the discriminant of the others, the prior held."""
    held, found = prior(scores, labels, mass), []
    for i in range(len(scores)):
        matrix, shift = by_hand(scores, labels, mass - removed * (np.arange(len(scores)) == i), *held)
        found.append(scores[i] @ matrix + shift)
    return np.array(found)
