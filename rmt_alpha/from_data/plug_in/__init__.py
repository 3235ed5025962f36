"""What theory needs to know about a binary problem, estimated from samples.

Open `population` first: the few numbers through which theory sees a problem.  `sample_geometry` and
`spectrum` estimate them, and `problem_estimate` reports them with standard errors.
"""
