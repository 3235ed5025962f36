"""Fine-tuning by convex losses: the fit, and approximate leave-one-out.

Open `path` first: fits for any ridge and alpha.  `label_loss` says what a loss must answer, `newton`
minimises it, and `solution` leaves samples out and follows alpha.
"""
