"""A comparison of fine-tuning methods on GLUE: the same data, steps, trials and rules for every method.

Open `experiment` first: it trains what the record lacks.  `loading` reads the rows of `tasks`, `training`
turns a pretrained encoder into a trained classifier, `results` records the runs and says what they show.
`transfer` starts from a source task instead, and asks what alpha is worth.
Training needs ``pip install '.[peft]'`` in a clone; reading a record and drawing it do not.
"""
