"""Fewer columns than the source has: by name, or a clear error."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.feature_selection import RFE, SelectFromModel, SequentialFeatureSelector
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from rmt_alpha import AlphaRidge, AlphaRidgeClassifier, AlphaRidgeClassifierCV, AlphaRidgeCV

NAMES = list("abcdefgh")


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    X, weights = rng.standard_normal((40, 8)), np.arange(8.0) - 3
    y = (X @ weights + rng.standard_normal(40) > 0).astype(int)
    return pd.DataFrame(X, columns=NAMES), y, pd.Series(weights, index=NAMES)


@pytest.mark.parametrize("kind", [AlphaRidge, AlphaRidgeCV, AlphaRidgeClassifier, AlphaRidgeClassifierCV])
def test_columns_by_name(data, kind):
    X, y, source = data
    some = ["f", "b", "h"]
    model = kind(coef_source=source).fit(X[some], y)
    expected = kind(coef_source=source[some].to_numpy()).fit(X[some].to_numpy(), y)
    assert np.array_equal(model.coef_, expected.coef_)
    fitted = FrozenEstimator(RidgeClassifier().fit(X, y))
    again = kind(coef_source=fitted).fit(X[some], y)
    places = [NAMES.index(name) for name in some]
    rows, bias = np.ravel(fitted.coef_)[places], float(np.ravel(fitted.intercept_)[0])
    expected = kind(coef_source=rows, intercept_source=bias).fit(X[some].to_numpy(), y)
    assert again.coef_ == pytest.approx(expected.coef_)


def test_select_from_model(data):
    X, y, source = data
    pipeline = make_pipeline(
        SelectFromModel(AlphaRidgeClassifier(coef_source=source)).set_output(transform="pandas"),
        AlphaRidgeClassifier(coef_source=source),
    ).fit(X, y)
    kept = pipeline[0].get_support()
    assert 0 < kept.sum() < 8
    assert list(pipeline[1].feature_names_in_) == [name for name, one in zip(NAMES, kept, strict=True) if one]
    expected = AlphaRidgeClassifier(coef_source=source[kept].to_numpy()).fit(X.loc[:, kept].to_numpy(), y)
    assert np.array_equal(pipeline[1].coef_, expected.coef_)


def test_column_transformer(data):
    X, y, source = data
    columns = ColumnTransformer(
        [("scaled", StandardScaler(), ["c", "a"]), ("as they are", "passthrough", ["g"])],
        verbose_feature_names_out=False,
    ).set_output(transform="pandas")
    pipeline = make_pipeline(columns, AlphaRidgeClassifierCV(coef_source=source)).fit(X, y)
    assert list(pipeline[-1].feature_names_in_) == ["c", "a", "g"]
    expected = AlphaRidgeClassifierCV(coef_source=source[["c", "a", "g"]].to_numpy())
    assert np.array_equal(pipeline[-1].coef_, expected.fit(columns.fit_transform(X).to_numpy(), y).coef_)
    prefixed = make_pipeline(
        ColumnTransformer([("scaled", StandardScaler(), ["c"])]).set_output(transform="pandas"),
        AlphaRidgeClassifierCV(coef_source=source),
    )
    with pytest.raises(ValueError, match=r"no weight for 'scaled__c'.*verbose_feature_names_out=False"):
        prefixed.fit(X, y)


@pytest.mark.parametrize("array", [True, False])
def test_columns_without_names_are_refused(data, array):
    X, y, source = data
    given = source.to_numpy() if array else FrozenEstimator(RidgeClassifier().fit(X, y))
    with pytest.raises(ValueError, match=r"8.*3|3.*8") as refusal:
        AlphaRidgeClassifier(coef_source=given).fit(X.to_numpy()[:, :3], y)
    assert "give X as a data frame, and a source with names" in str(refusal.value)


def test_selectors_that_drop_names(data):
    # scikit-learn hands their estimators arrays, even of data frames: nobody could tell the columns.
    X, y, source = data
    with pytest.raises(ValueError, match=r"RFE.*drop the names: use SelectFromModel"):
        RFE(AlphaRidgeClassifier(coef_source=source)).fit(X, y)
    selector = SequentialFeatureSelector(
        AlphaRidgeClassifier(coef_source=source), n_features_to_select=2, cv=2
    )
    with pytest.raises(ValueError, match=r"SequentialFeatureSelector.*drop the names"):
        selector.fit(X, y)
    # Without a source there is nothing to be matched.
    assert RFE(AlphaRidgeClassifier(), n_features_to_select=3).fit(X, y).n_features_ == 3
    selector.set_params(estimator=AlphaRidgeClassifier())
    assert selector.fit(X, y).get_support().sum() == 2
