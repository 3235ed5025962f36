"""How well alpha is chosen from data: every criterion against fixed choices and baselines, on real transfers.

`run.run_study` computes what its record does not have yet; `summary` turns the record into tables; ``rmt-alpha study`` does both.  Test labels are used for one thing: to score.
"""
