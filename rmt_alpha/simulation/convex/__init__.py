"""Classifiers trained with a convex loss, by formulas and an optimiser that the theory does not share.

Open `draws` first.
"""
