"""scikit-learn estimators that fine-tune from a rescaled source, and choose alpha and the ridge from data.

They need the extra ``sklearn``; the package imports them when they are first used.
"""

from __future__ import annotations

import importlib.util

if importlib.util.find_spec("sklearn") is None:
    raise ImportError("estimators need scikit-learn: pip install 'rmt-alpha[sklearn]'")
