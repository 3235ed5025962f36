"""What theory needs to know about a binary problem, estimated from samples.

Open `population` first: the few numbers through which theory sees a problem.  `sample_geometry` and
`spectrum` estimate them.  `carried_law` measures by leaving out what few numbers do not say, `check` compares
the two, and `problem_estimate` reports them with standard errors.
"""
