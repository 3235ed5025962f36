"""rmt_alpha: how much to trust the model you start from.

Exact, high-dimensional predictions of fine-tuning: the test accuracy of a classifier that is trained from
``alpha`` times the source weights, and the best ``alpha``.

>>> import rmt_alpha as ra
>>> round(ra.optimal_alpha(beta=0.8, p=400, n=40), 4)
0.8174
"""

from rmt_alpha.curve import AlphaCurve
from rmt_alpha.effective_ridge import EffectiveRidge, effective_ridge
from rmt_alpha.isotropic import TransferProblem
from rmt_alpha.one_line import accuracy, neutral_alpha, optimal_alpha, risk

__version__ = "0.1.0"

__all__ = [
    "AlphaCurve",
    "EffectiveRidge",
    "TransferProblem",
    "accuracy",
    "effective_ridge",
    "neutral_alpha",
    "optimal_alpha",
    "risk",
]
