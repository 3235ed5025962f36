"""A comparison of fine-tuning methods on GLUE: the same data, steps, trials and rules for every method.

`experiment.run_experiment` trains and records, `report` reads the record.
Training needs ``pip install 'rmt-alpha[peft]'``; reading a record and drawing it do not.
"""
