"""Fine-tuning with any convex loss: a fixed point for every alpha, where the squared loss has closed forms.

A problem is reduced to a few numbers for given stiffnesses (`reduction`); the fixed-point map in these
numbers (`equations`) is iterated and finished by Newton's method (`solver`), along a path of alphas
(`curve`), whose best one is found by a search (`optimum`).
"""
