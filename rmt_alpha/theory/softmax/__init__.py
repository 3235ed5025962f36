"""Fine-tuning with softmax, the logistic loss of more than two classes: a fixed point in K - 1 contrasts.

Open `curve` first: what it asks of the fixed points at its alphas.  Vectors of length p come down to sums of
small matrices (`reduction`); the fixed-point map in these (`equations`) takes averages of proximal points
(`forces`) over Gaussian scores (`nodes`), is iterated with ever more nodes until their error is small enough
(`solver`); `optimum` searches the best alpha, and `calibration` is what scores say of probabilities.
"""
