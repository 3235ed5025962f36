"""Training: the methods, and the one loop in which all of them are trained.

Open `trainer` first.
"""
