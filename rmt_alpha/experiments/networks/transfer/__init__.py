"""Task transfer: a network trained on a source task, then fine-tuned on few rows of another one.

Open `tasks_pairs` first: which source, which target.  `activations` and `top_network` make training cheap:
the frozen lower layers are computed once.  `source` trains the source and keeps it, `head_only` are the
methods that the theory is about, `adapters` those that train inside, `transfer_trainer` runs one of them, and
`comparison` all that the record lacks.
"""
