"""What can be opened in a window of the application, each a `rmt_alpha.explore.tab.Tab`.

Open `theory` first, the simplest; `phase`, `mixtures`, `my_data` and `sweeps` are the others.  A tab holds
its fields and pictures; beside it lie what it computes (`transfer` and `mixture_problem`, problems from
fields; `simulated` and `mixture_steps`, answers that come step by step; `stored_sweep`) and what it says in
words and as code (`theory_texts`, `sample_texts`).
"""
