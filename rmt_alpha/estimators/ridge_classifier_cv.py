"""`AlphaRidgeClassifierCV`: alpha and the ridge chosen together, from the target's own samples."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from rmt_alpha.estimators.base import AlphaClassifierMixin, AlphaRidgeBase, check_gamma
from rmt_alpha.from_data.criteria import DEFAULT, Selection
from rmt_alpha.from_data.points import as_alpha


class AlphaRidgeClassifierCV(AlphaClassifierMixin, AlphaRidgeBase):
    """A ridge classifier fine-tuned from a rescaled source; alpha and the ridge come from the data."""

    def __init__(
        self,
        gammas: Any = None,
        criterion: str = DEFAULT,
        coef_source: Any = None,
        intercept_source: Any = 0.0,
        fit_intercept: bool = True,
        *,
        alpha: Any = "auto",
    ) -> None:
        self.gammas = gammas
        self.criterion = criterion
        self.coef_source = coef_source
        self.intercept_source = intercept_source
        self.fit_intercept = fit_intercept
        self.alpha = alpha

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fine-tune."""
        gammas = None
        if self.gammas is not None:
            gammas = [check_gamma(f"gammas[{i}]", g) for i, g in enumerate(np.ravel(self.gammas).tolist())]
            if not gammas:
                raise ValueError("gammas must hold at least one ridge")
        features, labels, counts = self._validated(X, y, sample_weight)
        source = self._source(labels.shape[1], self.classes_)
        selection = self._fit_path(features, labels, counts, source, gammas)
        self.cv_results_ = cv_results(selection, source.single)
        self.best_index_ = selection.index
        self._finish()
        return self


def cv_results(selection: Selection, single: bool) -> dict[str, Any]:
    """One entry per ridge, with the keys of scikit-learn's grid search, and the alpha chosen there."""
    choices = selection.choices
    score = np.array([one.score for one in choices])
    alpha = np.array([as_alpha(one.point) for one in choices])
    return {
        "params": [{"gamma": one.gamma} for one in choices],
        "param_gamma": np.array([one.gamma for one in choices]),
        "mean_test_score": score,
        "rank_test_score": (1 + (score[None, :] > score[:, None]).sum(axis=1)).astype(np.int32),
        "alpha": alpha[:, 0] if single and alpha.shape[1] else alpha,
    }
