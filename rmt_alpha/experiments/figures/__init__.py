"""One module per figure or table of the paper's linear part; `registry` lists them.

Every module has the same face: ``NAME``, ``TITLE``, ``NEEDS_DATA``, ``compute(quick, data)`` which returns
all numbers, ``tables(result)`` which turns them into CSV tables, and ``draw(result)`` which draws them and
computes nothing. `rmt_alpha.experiments.reproduce.reproduce` writes them all.
"""
