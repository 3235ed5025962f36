"""Draws of the isotropic model, by matrices or, exactly, in linear time.

Open `dense` first, the reference for `krylov`.
"""
