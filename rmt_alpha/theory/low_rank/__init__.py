"""Fine-tuning with a correction of low rank: reduced-rank regression from a rescaled source.

Open `model` first: the noise matrix as a law of numbers.  `outliers` has its edges and the spikes that stand
out of it, `bulk` the singular values between the edges, `excess` adds them up to the risk of any rank, which
`curve` answers for; `learnt` says what the correction looks like.
"""
