"""One module per figure or table of the paper's linear part.

Open `registry` first: it lists them, and says what each provides.  ``compute(quick)`` returns all numbers
(less precise ones if ``quick``) and the tables among them, and ``draw(result)`` draws them and computes
nothing.  `rmt_alpha.experiments.reproduce.reproduce` writes them all.
"""
