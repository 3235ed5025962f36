"""A comparison of fine-tuning methods on GLUE: the same data, steps, trials and rules for every method.

`rmt_alpha.glue.experiment.run_experiment` trains and records, `rmt_alpha.glue.report` reads the record.
Training needs ``pip install 'rmt-alpha[peft]'``; reading a record and drawing it do not.
"""
