"""Finite-size error bars of every model: the covariance of overlaps over draws of the data.

Open `mixture` first, which builds them for fine-tuning with the squared loss, or `convex_loss`, for others;
docs/theory/error_bars.md derives everything.  `kernel` has the traces of the resolvent, `pairs` the formula
that all losses share, `squared` and `any_loss` what one training sample adds, `stages` the fits of the
sources, `softmax_fit` all of this with matrices for numbers and `softmax_spread` its error bars, `slopes` the
variance of slopes in alpha, for which `loss_slope` and `softmax_slope` make the averages, `delta` the way
from overlaps to accuracy and risk, `regression` the risk of a regression, `expected` and `expected_classes`
the accuracy averaged over draws.
"""
