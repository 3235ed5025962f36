"""Effective ridges: the numbers kappa through which a sample of finite size enters every prediction.

Open `closed_form` first, for identity covariance; `fixed_point` solves what has none, and `mixture` picks
the way.
"""
