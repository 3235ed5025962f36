"""The isotropic two-class model in closed form.

Open `stage` first: one ridge fit, applied twice.
"""
