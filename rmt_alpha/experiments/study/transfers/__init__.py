"""Estimators as users call them, on tables, texts and images, with few target samples: family x n, in cells.

Open `cells` first: `run_cells` fits every method on every draw, or recalls what a record has.  `families`
says from what to what, `draws` which rows train, `ours` and `peers` who competes; `verdicts` judges,
`cell_report` writes.
"""
