"""Exact draws of mixtures and regressions by Krylov spaces, for covariances that are diagonal.

Open `orbit` first, which has the argument; `coordinates` has the basis, `reduced` trains on what it gives.
"""
