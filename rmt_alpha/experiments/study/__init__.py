"""How well alpha is chosen from data: every criterion against fixed choices and baselines, on real transfers.

Open `run` first: it computes what the record does not have yet.  `summary` turns the record into tables;
``rmt-alpha study`` does both.  Test labels are used for one thing: to score.
"""
