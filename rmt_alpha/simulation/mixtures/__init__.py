"""Draws of fine-tuning on Gaussian mixtures.

Open `stage` first, which draws data and trains on them; `draws` holds what comes of it.
"""
