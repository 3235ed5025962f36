"""Alpha from the target's own few samples: leave-one-out, evidence and plug-in theory, from one SVD.

Open `design` first: the features in the coordinates in which every ridge fit is diagonal.  `ridge_path` holds
the fits for many ridges, `leave_one_out` and `zero_one` what they predict for the sample left out, `criteria`
the ways to choose alpha, `selection` the choice, `calibration` and `threshold` what scores mean,
`alpha_path` the whole curve; `convex` fits by other losses, and `plug_in` estimates what the theory asks for.
Arrays in, choices out: no scikit-learn.  Ridges are per sample: scikit-learn's penalty is n gamma.
"""
