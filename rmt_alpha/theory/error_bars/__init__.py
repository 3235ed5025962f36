"""Finite-size error bars of every model: the covariance of overlaps over draws of the data.

Open `mixture` first, which builds them for fine-tuning with the squared loss, or `convex_loss`, for others;
docs/theory/error_bars.md derives everything.  `kernel` has the traces of the resolvent, `pairs` the formula
that all losses share, `squared` and `any_loss` what one training sample adds, `two_fits` that at two
alphas, `stages` the fits of the sources, `softmax_fit` all of this with matrices for numbers and
`softmax_spread` its error bars, `delta` the way from overlaps to accuracy and risk, `regression` the risk of
a regression, `expected` the accuracy averaged over draws.
"""
