"""Pictures of curves, leave-one-out paths and sweeps; no computation of their own.

Open `style` first: the colours and marks that all figures share.
"""
