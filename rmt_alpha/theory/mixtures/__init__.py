"""General Gaussian mixtures: any covariance, any number of classes, intercept, label noise, several sources.

Open `build` first: from the fields of a `FineTuning` problem to its curve.  The effective ridges
(`theory.ridge`) and the sources (`priors`) give the law of the scores (`score_law`); the differences between
scores (`contrasts`, `orthant`) give the accuracy, its best direction (`optimum`, `search`) and all that
`curve` answers.  `regression` is the same for a regression target.
"""
