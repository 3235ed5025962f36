"""Finite-size error bars of every model: the covariance of overlaps over draws of the data.

Start with `mixture`, which builds them for a `FineTuning`.  `kernel` has the traces of the resolvent, `pairs`
the formula that all losses share, `squared` and `convex` what one training sample adds for these losses,
`delta` the way from overlaps to accuracy and risk.  docs/theory/error_bars.md derives everything.
"""
