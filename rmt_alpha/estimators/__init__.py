"""scikit-learn estimators that fine-tune from a rescaled source, and choose alpha and the ridge from data.

They need the extra ``sklearn``; the package imports them when they are first used.
"""
