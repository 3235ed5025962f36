"""Real data for the experiments, downloaded once and checked by sha256.

Open `datasets` first.
"""
