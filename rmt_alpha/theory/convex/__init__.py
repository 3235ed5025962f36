"""Fine-tuning with any convex loss: a fixed point for every alpha, where the squared loss has closed forms.

Open `curve` first: what it asks of the fixed points (`path`) at its alphas.  A problem is reduced to a few
numbers for given stiffnesses (`reduction`); the fixed-point map in these numbers (`equations`) is iterated
and finished by Newton's method (`solver`); the best alpha is found by a search (`optimum`), and what scores
say of probabilities is in `calibration`.
"""
