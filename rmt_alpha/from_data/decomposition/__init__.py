"""Samples under a rule for intercept and units, in coordinates in which every ridge fit is diagonal.

Open `design` first: what all fits of one rule share.  `rules` says which rules there are, `samples` holds the
weighted features; `rows` and `sparse_rows` decompose them, filled or sparse, `basis` and `truncated` what of
them fits reach; `origin` makes rows that are not centred of those that are.
"""
