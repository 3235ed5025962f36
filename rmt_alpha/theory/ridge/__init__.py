"""Effective ridges: the numbers kappa through which a sample of finite size enters every prediction.

Open `isotropic` first, the closed form; `fixed_point` solves what has none, `mixture` picks the way.
"""
