"""The weights of several predictions in a mixture of them, when there are few labels to tell."""

from __future__ import annotations

import numpy as np

from rmt_alpha._core.types import FloatArray

PRECISION = 1e-12
"""The search ends with the step that promises less, in logarithms of the probability of all labels."""
STEPS = 200


def stacked(pseudo: FloatArray, losses: FloatArray, mass: FloatArray) -> FloatArray:
    r"""The weights (R,) of rules in a mixture, from their log-losses (R, n) of samples with weights c (n,).

    .. math:: \psi = \arg\max_\psi \sum_i c_i \log \sum_r \psi_r e^{-\ell_{ri}} + \sum_r a_r \log \psi_r ,
        \quad \sum_r \psi_r = 1 , \qquad
        \psi_r = \frac{a_r + \sum_i c_i \Pr(r \mid i)}{\sum_s a_s + \sum_i c_i} ,

    with Pr(r | i) the probability that sample i is of rule r, and a_r > 0 (R,) the samples that speak for it
    beforehand: stacking of predictive distributions (Yao, Vehtari, Simpson and Gelman, Bayesian Analysis 13,
    2018) and Laplace's rule of succession.  Of a few samples it is nearly the prior, and two copies of a rule
    with half of its a each have half of its weight.  By Newton's method, in steps relative to psi; the
    objective is concave.
    """
    likelihoods, total = np.exp(losses.min(axis=0) - losses), pseudo.sum() + mass.sum()

    def value(weights: FloatArray) -> float:
        """What is minimised: with the last term the sum of the weights needs no constraint."""
        fit = mass @ np.log(weights @ likelihoods) + pseudo @ np.log(weights)
        return float(total * weights.sum() - fit)

    weights = pseudo / pseudo.sum()
    for _ in range(STEPS):
        shares = weights[:, None] * likelihoods
        shares /= shares.sum(axis=0)
        slope = total * weights - shares @ mass - pseudo
        step = -np.linalg.solve((shares * mass) @ shares.T + np.diag(pseudo), slope)
        gain, length = -float(slope @ step), 1.0 / max(1.0, -1.1 * step.min())
        if gain > 0.01 * pseudo.min():  # below, no weight moves by more than a tenth of itself
            now = value(weights)
            while value(weights * (1.0 + length * step)) > now - 1e-4 * length * gain:
                length /= 2
        weights = weights * (1.0 + length * step)
        if gain <= PRECISION:
            break
    return np.asarray(weights / weights.sum())
