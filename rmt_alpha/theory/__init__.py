"""What the answer is: accuracy and risk as functions of alpha, in the limit of large dimensions.

Open `curve` first: what every curve can be asked; `searches` is how, where nothing is known in closed form.
Then follow one model, from `ridge` (effective ridges) to `isotropic`, `mixtures` or `convex`.
"""
