"""General Gaussian mixtures: any covariance, any number of classes, intercept, label noise, several sources.

A problem (`finetuning`, `regression_transfer`) is a target mixture (`mixture`), a source (`sources`), and n
samples with a ridge.  From it follow the effective ridges (`ridge`, on the covariances in the cheapest basis
that serves, `spectrum` or `dense_covariances`), the law of the scores (`score_law`), and what they say about
alpha (`curve`, `optimum`, `search`, `intervals`).
"""
