"""The families: from which rows to which others, and the source model that a user would have fitted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import numpy as np

from rmt_alpha._core.checks import check_choice
from rmt_alpha._core.types import FloatArray
from rmt_alpha.experiments.data import tabular, texts
from rmt_alpha.experiments.data.datasets import LabelledData
from rmt_alpha.experiments.data.sentences import disjoint_sentences, embed, find_encoder

KINDS = ("two classes", "many classes", "regression")
RIDGES = np.logspace(-3, 5, 17)
"""Penalties (not per sample) of scikit-learn's ridges: sources and baselines."""


@dataclass(frozen=True, eq=False)
class FamilyData:
    """All rows of a source and of a target, and the fitted source model."""

    source: Any
    """Features, dense or of scipy.sparse, (N, p)."""
    source_labels: FloatArray
    """Class numbers, or the target of a regression, (N,)."""
    target: Any
    """(T, p)."""
    labels: FloatArray
    """(T,)."""
    model: Any
    """Fitted on all source rows."""


Loader = Callable[[str | None], tuple[LabelledData, LabelledData]]


@dataclass(frozen=True)
class Family:
    """A source and a target, and how the source was trained."""

    name: str
    kind: str
    """One of `KINDS`."""
    features: str
    """In words, for the docs."""
    fit: str
    """A key of `SOURCE_MODELS`."""
    load: Loader
    """Source and target, from a data folder; features may be sparse."""
    needs_encoder: bool = False

    def available(self) -> bool:
        """Whether what it needs is installed: of sentence embeddings, an encoder."""
        return not self.needs_encoder or find_encoder() is not None


def _ridge_classifier() -> Any:
    from sklearn.linear_model import RidgeClassifierCV

    return RidgeClassifierCV(RIDGES)


def _logistic() -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(max_iter=5000)


def _ridge() -> Any:
    from sklearn.linear_model import RidgeCV

    return RidgeCV(RIDGES)


SOURCE_MODELS: dict[str, Callable[[], Any]] = {
    "RidgeClassifierCV": _ridge_classifier,
    "LogisticRegression": _logistic,
    "RidgeCV": _ridge,
}
"""scikit-learn's, as they come but for `RIDGES` and enough iterations."""


# --- Loaders ------------------------------------------------------------------------------------------------


def _standard(load: Loader, data: str | None) -> tuple[LabelledData, LabelledData]:
    source, target = load(data)
    return tabular.in_units_of(source, source), tabular.in_units_of(source, target)


def _wine(source: str, target: str, data: str | None) -> tuple[LabelledData, LabelledData]:
    return tabular.load_wine(source, data), tabular.load_wine(target, data)


def _inverted(load: Loader, data: str | None) -> tuple[LabelledData, LabelledData]:
    """The classes of the source exchanged."""
    source, target = load(data)
    return LabelledData(source.name, source.features, -source.labels), target


def _grades(data: str | None) -> tuple[LabelledData, LabelledData]:
    """Red wines to white: qualities up to 5, of 6, and above."""
    bounds = (tabular.GOOD, tabular.GOOD + 1)
    return tabular.load_wine("red", data, bounds=bounds), tabular.load_wine("white", data, bounds=bounds)


def _office(source: str, target: str, data: str | None) -> tuple[LabelledData, LabelledData]:
    return tabular.load_office(source, data), tabular.load_office(target, data)


def _groups(load: Loader, data: str | None) -> tuple[LabelledData, LabelledData]:
    """The first five classes of ten against the others."""
    first, second = (
        LabelledData(rows.name, rows.features, np.where(rows.labels > 5, 1.0, -1.0)) for rows in load(data)
    )
    return first, second


@lru_cache(maxsize=4)
def _texts(name: str, data: str | None) -> Any:
    return texts.load_product_reviews(data) if name == "reviews" else disjoint_sentences(name, data)


def _words(source: str, target: str, kind: str, data: str | None) -> tuple[LabelledData, LabelledData]:
    known, new = _texts(source, data), _texts(target, data)
    features = texts.word_features([text for text, _ in known], [text for text, _ in new], kind)
    return _labelled(source, features[0], known), _labelled(target, features[1], new)


def _labelled(name: str, features: Any, rows: Any) -> LabelledData:
    return LabelledData(name, features, texts.labels_of(rows))


def _paraphrases(kind: str, data: str | None) -> tuple[LabelledData, LabelledData]:
    short, long = texts.by_length(texts.load_mrpc(data))
    features = texts.pair_features(short, long, kind)
    return _labelled("short", features[0], short), _labelled("long", features[1], long)


def _embedded(source: str, target: str, data: str | None) -> tuple[LabelledData, LabelledData]:
    known, new = _texts(source, data), _texts(target, data)
    features = [embed([text for text, _ in rows]) for rows in (known, new)]
    return _labelled(source, features[0], known), _labelled(target, features[1], new)


def _digits(change: str, data: str | None) -> tuple[LabelledData, LabelledData]:
    """The first half of scikit-learn's digits, changed, to the second: the two halves have other writers."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    half = len(images) // 2
    known = images[:half]
    if change == "rotated":
        known = np.rot90(known.reshape(-1, 8, 8), axes=(1, 2)).reshape(-1, 64)
    elif change == "inverted":
        known = 16.0 - known
    return (
        LabelledData(change, known, labels[:half].astype(float)),
        LabelledData("upright", images[half:], labels[half:].astype(float)),
    )


def _students(source: str, target: str, data: str | None) -> tuple[LabelledData, LabelledData]:
    found = tabular.load_students(data)
    return found[source], found[target]


def _bikes(column: str, source: str, target: str, data: str | None) -> tuple[LabelledData, LabelledData]:
    return tabular.load_bikes(column, source, data), tabular.load_bikes(column, target, data)


def _fifths(data: str | None) -> tuple[LabelledData, LabelledData]:
    """Hours of a year by fifths of its counts, to those of the next year, of which more are busy."""
    known, new = _bikes("yr", "2011", "2012", data)
    bounds = np.quantile(known.labels, (0.2, 0.4, 0.6, 0.8))
    first, second = (
        LabelledData(rows.name, rows.features, np.digitize(rows.labels, bounds).astype(np.float64))
        for rows in (known, new)
    )
    return first, second


def _diabetes(column: int, data: str | None) -> tuple[LabelledData, LabelledData]:
    """scikit-learn's patients, split by sex (column 1) or at the median age (0), without that column."""
    from sklearn.datasets import load_diabetes

    features, progress = load_diabetes(return_X_y=True, scaled=False)
    known = features[:, column] > np.median(features[:, 0]) if column == 0 else features[:, 1] < 2
    kept = np.delete(features, column, axis=1)
    return (
        LabelledData("known", kept[known], progress[known]),
        LabelledData("new", kept[~known], progress[~known]),
    )


# --- All of them --------------------------------------------------------------------------------------------

_TWO, _MANY, _REAL = KINDS
_RED_WHITE, _WHITE_RED = partial(_wine, "red", "white"), partial(_wine, "white", "red")
_OFFICE, _OFFICE_BACK = partial(_office, "amazon", "caltech"), partial(_office, "caltech", "amazon")
_RAW, _UNITS, _COUNTS = "11, raw units", "11, source's standard units", "800 counts"
_UNIT_COUNTS = "800 counts, source's standard units"

FAMILIES = {
    family.name: family
    for family in (
        Family("wine_red_white", _TWO, _RAW, "RidgeClassifierCV", _RED_WHITE),
        Family("wine_white_red", _TWO, _RAW, "RidgeClassifierCV", _WHITE_RED),
        Family("wine_red_white_std", _TWO, _UNITS, "LogisticRegression", partial(_standard, _RED_WHITE)),
        Family("wine_white_red_std", _TWO, _UNITS, "LogisticRegression", partial(_standard, _WHITE_RED)),
        Family("wine_inverted", _TWO, _RAW, "RidgeClassifierCV", partial(_inverted, _RED_WHITE)),
        Family("office_groups", _TWO, _COUNTS, "RidgeClassifierCV", partial(_groups, _OFFICE)),
        Family(
            "office_groups_std",
            _TWO,
            _UNIT_COUNTS,
            "LogisticRegression",
            partial(_standard, partial(_groups, _OFFICE)),
        ),
        *(
            Family(
                f"{source}_{target}_{kind}",
                _TWO,
                f"words, {kind}",
                fit,
                partial(_words, source, target, kind),
            )
            for source, target in (("rt", "sst2"), ("sst2", "rt"), ("sst2", "reviews"))
            for kind, fit in (("tfidf", "LogisticRegression"), ("counts", "RidgeClassifierCV"))
        ),
        *(
            Family(f"mrpc_{kind}", _TWO, f"word pairs, {kind}", fit, partial(_paraphrases, kind))
            for kind, fit in (("tfidf", "LogisticRegression"), ("counts", "RidgeClassifierCV"))
        ),
        *(
            Family(
                f"{source}_{target}_minilm",
                _TWO,
                "384, sentence embeddings",
                "LogisticRegression",
                partial(_embedded, source, target),
                needs_encoder=True,
            )
            for source, target in (("rt", "sst2"), ("sst2", "rt"), ("sst2", "reviews"))
        ),
        Family("office_ten", _MANY, _COUNTS, "RidgeClassifierCV", _OFFICE),
        Family("office_ten_std", _MANY, _UNIT_COUNTS, "RidgeClassifierCV", partial(_standard, _OFFICE)),
        Family(
            "office_ten_std_back", _MANY, _UNIT_COUNTS, "RidgeClassifierCV", partial(_standard, _OFFICE_BACK)
        ),
        Family("digits_writers", _MANY, "64 gray values", "LogisticRegression", partial(_digits, "writers")),
        Family("digits_rotated", _MANY, "64 gray values", "RidgeClassifierCV", partial(_digits, "rotated")),
        Family("digits_inverted", _MANY, "64 gray values", "RidgeClassifierCV", partial(_digits, "inverted")),
        Family("wine_grades", _MANY, _RAW, "RidgeClassifierCV", _grades),
        Family("bike_fifths", _MANY, "52, one-hot", "LogisticRegression", _fifths),
        Family("student_mat_por", _REAL, "43, raw units", "RidgeCV", partial(_students, "mat", "por")),
        Family("student_por_mat", _REAL, "43, raw units", "RidgeCV", partial(_students, "por", "mat")),
        Family("bike_years", _REAL, "52, raw units", "RidgeCV", partial(_bikes, "yr", "2011", "2012")),
        Family("bike_seasons", _REAL, "52, raw units", "RidgeCV", partial(_bikes, "season", "1", "3")),
        Family("diabetes_sex", _REAL, "9, raw units", "RidgeCV", partial(_diabetes, 1)),
        Family("diabetes_age", _REAL, "9, raw units", "RidgeCV", partial(_diabetes, 0)),
    )
}
"""All families by name."""


def find_family(name: str) -> Family:
    """The family of that name; ValueError names the others."""
    check_choice("family", name, tuple(FAMILIES))
    return FAMILIES[name]


@lru_cache(maxsize=2)
def prepared(name: str, data: str | None) -> FamilyData:
    """The rows of a family and its fitted source."""
    family = find_family(name)
    source, target = family.load(data)
    model = SOURCE_MODELS[family.fit]().fit(source.features, source.labels)
    return FamilyData(source.features, source.labels, target.features, target.labels, model)
