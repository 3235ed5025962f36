"""Draws of fine-tuning on Gaussian mixtures.

Open `dense` first: draw the data, train, keep the scores.
"""
