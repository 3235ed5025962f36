"""scikit-learn estimators that fine-tune from a rescaled source, and choose alpha and the ridge from data.

Open `base` first: the fit that all of them share; `classifier` adds classes.  `ridge`, `ridge_classifier` and
`logistic` hold the estimators, `functions` what samples say without one; `source` and `validation` read
arguments, `labels` labels and `linear` fitted models, whose classes `classes` matches with the sample's.
`fit_report` says what a fit is worth.
They need the extra ``sklearn``; the package imports them when they are first used.
"""

from __future__ import annotations

import importlib.util

if importlib.util.find_spec("sklearn") is None:
    raise ImportError("estimators need scikit-learn: pip install '.[sklearn]' in a clone")
