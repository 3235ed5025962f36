"""One module per figure or table of the paper's linear part.

Open `registry` first: it lists them, and says what each provides. ``compute(quick, data)`` returns all
numbers (less precise ones if ``quick``; ``data`` is the folder of data files, for figures that need some),
``tables(result)`` turns them into CSV tables, and ``draw(result)`` draws them and computes nothing.
`rmt_alpha.experiments.reproduce.reproduce` writes them all.
"""
