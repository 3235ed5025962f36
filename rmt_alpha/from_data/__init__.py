"""Alpha from the target's own few samples: leave-one-out, evidence and plug-in theory, from one SVD.

Open `ridge_path` first: fits at many ridges, of `columns`, labels and source scores, in the coordinates of
`decomposition`, in which every ridge fit is diagonal.  `leave_one_out` and `zero_one` say what they predict
for the sample left out, `criteria` choose alpha, `selection` makes the choice and averages it over rules,
`calibration` and `threshold` say what scores mean, `alpha_path` is the whole curve; `convex` fits by other
losses, and `plug_in` estimates what the theory asks for.  `rank_and_alpha` stands by
itself: corrections of low rank.  `reading` makes arrays of files.
Arrays in, choices out: no scikit-learn.  Ridges are per sample: scikit-learn's penalty is n gamma.
"""
