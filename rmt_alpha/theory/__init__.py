"""What the answer is: accuracy and risk as functions of alpha, in the limit of large dimensions.

Open `curve` first: what every curve can be asked.  Then follow one model, from `ridge` (effective ridges) to
`isotropic`, `mixtures` or `convex`.
"""
