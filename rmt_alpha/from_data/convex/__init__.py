"""Fine-tuning by convex losses: the fit, and approximate leave-one-out.

Open `path` first: fits for any ridge and alpha.  `label_loss` says what a loss must answer, `trainable` what
is trained, `newton` minimises, and `solution` leaves samples out and follows alpha, given the Hessian: that
of the mean `curvature` of the loss, the `exact` one, or its `classwise` form for many classes.
"""
