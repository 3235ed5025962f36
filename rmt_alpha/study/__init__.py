"""How well alpha is chosen from data: every criterion against fixed choices and baselines, on real transfers.

`rmt_alpha.study.run.run_study` computes what its record does not have yet; `rmt_alpha.study.summary` turns
the record into tables; ``rmt-alpha study`` does both.  Test labels are used for one thing: to score.
"""
