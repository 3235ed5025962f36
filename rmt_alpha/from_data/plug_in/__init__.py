"""What theory needs to know about a binary problem, estimated from samples.

Open `population` first: the few numbers through which theory sees a problem.  `sample_geometry` and
`spectrum` estimate them.  `left_out` measures what few numbers do not say, `carried_law` takes it to other
ridges and sizes, `check` compares the two, and `problem_estimate` reports them with standard errors.
"""
