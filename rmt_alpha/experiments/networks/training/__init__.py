"""Training: the methods, and the one loop in which all of them are trained.

Open `loop` first, then `trainer`, which holds a model's tokenizer and the rows of a task, ready for it.
"""
