"""General Gaussian mixtures: any covariance, any number of classes, intercept, label noise, several sources.

Open `build` first: from the fields of a `FineTuning` problem, its sources and effective ridges to the law of
the scores (`score_law`).  The differences between scores (`contrasts`, `orthant`) give the accuracy, its best
direction (`optimum`) and all that `curve` answers.  `regression` is the same for a regression target.
"""
