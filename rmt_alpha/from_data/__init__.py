"""Alpha from the target's own few samples: leave-one-out, evidence and plug-in theory, from one SVD.

`design` holds the features in the coordinates in which every ridge fit is diagonal, `ridge_path` the fits for
many ridges, `leave_one_out` what they predict for the sample left out, `criteria` the ways to choose
alpha, and `estimate` what the theory makes of the data.  Ridges are per sample: scikit-learn's penalty is
n gamma.
"""
