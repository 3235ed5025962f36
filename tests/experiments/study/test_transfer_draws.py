"""Draws, and the peers against formulas and solvers of their own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from scipy.sparse.linalg import lsqr
from sklearn.linear_model import LogisticRegression, RidgeClassifierCV, RidgeCV
from transfer_world import REAL, SPARSE, THREE, TWO, WIDE, small_families

from rmt_alpha.experiments.study.transfers import families, peers
from rmt_alpha.experiments.study.transfers.draws import DEVELOPMENT_SEEDS, STUDY_SEEDS, Draw, draw_rows
from rmt_alpha.experiments.study.transfers.families import FAMILIES, KINDS, RIDGES, prepared


@pytest.fixture
def world(monkeypatch):
    yield small_families(monkeypatch)
    prepared.cache_clear()


def drawn(world, name: str, n: int = 20, seed: int = 3) -> Draw:
    return Draw.at(world[name], prepared(name, None), n, seed)


@given(st.integers(2, 30), st.integers(0, 2**31), st.integers(1, 59))
def test_a_draw_is_a_split_with_two_classes(n, seed, rare):
    labels = np.repeat([1.0, -1.0], [rare, 60 - rare])
    train, test = draw_rows(labels, n, seed, classes=True)
    assert len(train) == n
    assert sorted([*train, *test]) == list(range(60))
    assert len(np.unique(labels[train])) == 2
    again = draw_rows(labels, n, seed, classes=True)
    assert np.array_equal(train, again[0])


def test_nothing_is_stratified_but_draws_of_one_class_are_drawn_again():
    labels = np.repeat([1.0, -1.0], [10, 90])
    counts = [int((labels[draw_rows(labels, 10, seed, True)[0]] > 0).sum()) for seed in range(300)]
    # Hypergeometric (100, 10, 10) given at least one: mean 1 / (1 - C(90, 10) / C(100, 10)) = 1.4931, and its
    # standard deviation is .6811, so that the mean of 300 has a standard error of .0393.
    assert abs(np.mean(counts) - 1.4931) < 4 * 0.0393
    assert min(counts) == 1
    assert max(counts) > 2
    free = [int((labels[draw_rows(labels, 10, seed, False)[0]] > 0).sum()) for seed in range(300)]
    assert min(free) == 0


def test_seeds_and_sizes():
    assert not set(STUDY_SEEDS) & set(DEVELOPMENT_SEEDS)
    labels = np.tile([1.0, -1.0], 20)
    rows = [tuple(draw_rows(labels, n, seed, True)[0][:8]) for n in (10, 12) for seed in (0, 1, 10_000)]
    assert len(set(rows)) == len(rows)
    for n in (1, 21):
        with pytest.raises(ValueError, match="n must be from 2 to half of the 40"):
            draw_rows(labels, n, 0, True)
    with pytest.raises(ValueError, match="at least 2 classes"):
        draw_rows(np.ones(40), 10, 0, True)


def test_scores(world):
    draw = drawn(world, TWO)
    truth = draw.test_labels
    assert draw.scored(np.where(np.arange(len(truth)) < 10, -truth, truth)) == 1 - 10 / len(truth)
    real = drawn(world, REAL)
    assert real.scored(real.test_labels) == 1
    assert abs(real.scored(np.full(50, real.test_labels.mean()))) < 1e-12
    assert real.scored(peers.source(real)) == pytest.approx(
        real.data.model.score(real.test, real.test_labels), rel=1e-12
    )


def test_rotation_keeps_what_linear_models_see(world):
    draw = drawn(world, WIDE)
    train, test = draw.rotated
    assert train.shape == (20, 20)
    np.testing.assert_allclose(train @ train.T, draw.train @ draw.train.T, rtol=0, atol=1e-11)
    np.testing.assert_allclose(test @ train.T, draw.test @ draw.train.T, rtol=0, atol=1e-11)
    model = RidgeClassifierCV(RIDGES).fit(draw.train, draw.labels)
    assert np.array_equal(peers.ridge_target(draw), model.predict(draw.test))
    narrow = drawn(world, TWO)
    assert narrow.rotated[0] is narrow.train


def test_sparse_features_are_densified_once(world):
    draw = drawn(world, SPARSE)
    assert sparse.issparse(draw.data.target)
    assert isinstance(draw.train, np.ndarray)
    assert draw.train is draw.train
    data = draw.data
    dense = replace(draw, data=replace(data, source=data.source.toarray(), target=data.target.toarray()))
    for peer in (peers.source, peers.ridge_target, peers.score_alone, peers.adapt):
        assert np.array_equal(peer(draw), peer(dense))
    # the ridge of pooled rows is found by another solver, to its tolerance
    assert np.mean(peers.pooled(draw) == peers.pooled(dense)) > 0.95


@pytest.mark.parametrize("name", [TWO, THREE, REAL, WIDE])
def test_adapt_is_what_its_solver_finds(world, name):
    draw = drawn(world, name)
    model = draw.data.model
    classes = getattr(model, "classes_", None)
    if classes is None:
        targets = [draw.labels]
    else:
        kinds = classes[1:] if len(classes) == 2 else classes
        targets = [np.where(draw.labels == kind, 1.0, -1.0) for kind in kinds]
    A = np.column_stack([np.ones(20), draw.train])
    betas = []
    for target, weights, bias in zip(
        targets, np.atleast_2d(model.coef_), np.ravel(model.intercept_), strict=True
    ):
        start = np.r_[bias, weights]
        betas.append(lsqr(A, target, damp=1.0, x0=start, atol=1e-14, btol=1e-14, iter_lim=10_000)[0])
    scores = np.column_stack([np.ones(50), draw.test]) @ np.array(betas).T
    found = peers.adapt(draw)
    if classes is None:
        np.testing.assert_allclose(found, scores[:, 0], rtol=0, atol=1e-8)
    elif len(classes) == 2:
        assert np.array_equal(found, np.where(scores[:, 0] > 0, *classes[::-1]))
    else:
        assert np.array_equal(found, classes[scores.argmax(axis=1)])


@pytest.mark.parametrize("name", [TWO, REAL])
def test_pooled_solves_its_normal_equations(world, name):
    draw = drawn(world, name)
    data = draw.data
    X, y = np.r_[data.source, draw.train], np.r_[data.source_labels, draw.labels]
    centre, mean = X.mean(axis=0), y.mean()
    weights = np.linalg.solve(
        (X - centre).T @ (X - centre) + data.model.alpha_ * np.eye(6), (X - centre).T @ (y - mean)
    )
    scores = (draw.test - centre) @ weights + mean
    found = peers.pooled(draw)
    if name == REAL:
        np.testing.assert_allclose(found, scores, rtol=1e-9)
    else:
        assert np.array_equal(found, np.sign(scores))


def test_scores_as_features(world):
    draw = drawn(world, THREE)
    own, new = (draw.data.model.decision_function(rows) for rows in (draw.train, draw.test))
    np.testing.assert_allclose(draw.source_scores[0], own, rtol=1e-12)
    alone = LogisticRegression(max_iter=1000).fit(own, draw.labels).predict(new)
    assert np.array_equal(peers.score_alone(draw), alone)
    more = RidgeClassifierCV(RIDGES).fit(np.c_[draw.train, own], draw.labels).predict(np.c_[draw.test, new])
    assert np.array_equal(peers.score_feature(draw), more)
    real = drawn(world, REAL)
    own, new = (real.data.model.predict(rows) for rows in (real.train, real.test))
    more = RidgeCV(RIDGES).fit(np.c_[real.train, own], real.labels).predict(np.c_[real.test, new])
    np.testing.assert_allclose(peers.score_feature(real), more, rtol=1e-9)


def test_a_class_with_one_sample_leaves_no_choice_of_the_penalty(world):
    draw = drawn(world, WIDE)
    labels = draw.data.labels
    one = np.r_[np.flatnonzero(labels > 0)[:1], np.flatnonzero(labels < 0)[:10]]
    draw = replace(draw, train_rows=one, test_rows=np.setdiff1d(np.arange(len(labels)), one))
    plain = LogisticRegression(max_iter=5000, tol=1e-8).fit(draw.train, draw.labels)
    assert np.array_equal(peers.logistic_target(draw), plain.predict(draw.test))


def test_the_families_are_named_for_what_they_are():
    assert {family.kind for family in FAMILIES.values()} == set(KINDS)
    for name, family in FAMILIES.items():
        assert name == family.name
        assert ("minilm" in name) == family.needs_encoder
        assert (family.fit == "RidgeCV") == (family.kind == "regression")


@pytest.mark.parametrize("change", ["writers", "rotated", "inverted"])
def test_digits(change):
    from sklearn.datasets import load_digits

    source, target = FAMILIES[f"digits_{change}"].load(None)
    images = load_digits().images
    pixel = {
        "writers": images[:898, 2, 5],
        "rotated": images[:898, 5, 5],  # by a quarter, against the clock: new (2, 5) was at (5, 7 - 2)
        "inverted": 16 - images[:898, 2, 5],
    }
    assert np.array_equal(source.features[:, 2 * 8 + 5], pixel[change])
    assert np.array_equal(target.features, images[898:].reshape(-1, 64))


@pytest.mark.parametrize(("name", "sizes"), [("diabetes_sex", (235, 207)), ("diabetes_age", (215, 227))])
def test_patients(name, sizes):
    source, target = FAMILIES[name].load(None)
    assert (len(source.labels), len(target.labels)) == sizes
    assert source.features.shape[1] == 9


@pytest.mark.parametrize("kind", ["tfidf", "counts", "minilm"])
def test_words_and_embeddings_of_texts(kind, monkeypatch):
    known = {"sst2": [("a fine film", 1.0), ("a dull film", -1.0)], "reviews": [("fine fine phone", 1.0)]}
    monkeypatch.setattr(families, "_texts", lambda name, data: known[name])
    monkeypatch.setattr(families, "embed", lambda texts: np.array([[len(text), 1.0] for text in texts]))
    source, target = FAMILIES[f"sst2_reviews_{kind}"].load(None)
    assert source.labels.tolist() == [1, -1]
    assert target.labels.tolist() == [1]
    if kind == "minilm":
        assert target.features.tolist() == [[15, 1]]
    else:  # dull, film, fine: phone is not known
        assert sparse.issparse(source.features)
        words: Any = target.features
        assert words.toarray().tolist() == [[0, 0, 1 if kind == "tfidf" else 2]]
