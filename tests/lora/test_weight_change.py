"""What fine-tuning has done to the weights: rescaling, spikes, noise."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("peft")
import torch
from torch import nn

from rmt_alpha.lora import alignment, weight_change

D, P = 60, 90


def changed(rng, factor=1.0, spikes=(), noise=0.01, shape=(D, P)):
    """A matrix before and after: factor times it, spikes, noise."""
    old = rng.standard_normal(shape) / 5
    left, right = (np.linalg.qr(rng.standard_normal((size, max(len(spikes), 1))))[0] for size in shape)
    new = np.multiply(np.broadcast_to(factor, shape[:1])[:, None], old) + noise * rng.standard_normal(shape)
    return old, new + (left[:, : len(spikes)] * spikes) @ right[:, : len(spikes)].T


def layer_of(old, new):
    return alignment({"w": old}, {"w": new})["w"]


def test_what_was_put_in_is_found():
    rng = np.random.default_rng(0)
    old, new = changed(rng, 1.05, (2.0, 0.9))
    layer = layer_of(old, new)
    assert abs(layer.beta - 1.05) < 4 * layer.beta_stderr
    assert layer.spikes == 2
    np.testing.assert_allclose(layer.singular_values[:2], [2.0, 0.9], rtol=0.03)
    assert layer.change == pytest.approx(np.linalg.norm(new - old) / np.linalg.norm(old))
    full = 0.05**2 * np.sum(old**2)
    assert layer.rescaled == pytest.approx(full / np.sum((new - old) ** 2), rel=0.1)
    # By definition, with the singular values of numpy.
    for rank in (0, 2, 10, 60):
        tails = [np.sum(np.linalg.svd(new - factor * old)[1][rank:] ** 2) for factor in (1.0, layer.beta)]
        expected = (tails[0] - tails[1]) / np.sum((new - old) ** 2)
        assert layer.gain(rank) == pytest.approx(max(expected, 0), rel=1e-6, abs=1e-9)
    assert layer.gain(60) < 1e-6 < layer.gain(10) < layer.gain(0)
    assert layer.held(2) > 0.9
    assert layer.held(60) == pytest.approx(1)


def test_noise_alone_is_within_its_level():
    rng = np.random.default_rng(1)
    z, spikes, rows = [], 0, []
    for _ in range(100):
        layer = layer_of(*changed(rng))
        z.append((layer.beta - 1) / layer.beta_stderr)
        rows.append((layer.beta_rows[0] - 1) / layer.beta_rows_stderr[0])
        spikes += layer.spikes
    for values in (z, rows):
        assert abs(np.mean(values)) < 0.4
        assert 0.75 < np.std(values) < 1.25
    assert spikes <= 5  # once in 100


def test_rows_and_columns():
    rng = np.random.default_rng(2)
    factors = rng.uniform(0.8, 1.2, D)
    old, new = changed(rng, factors)
    layer = layer_of(old, new)
    z = (layer.beta_rows - factors) / layer.beta_rows_stderr
    assert np.abs(z).max() < 4
    # Factors of variance .4^2/12 times weights of .2^2, against noise of .01^2.
    assert layer.rescaled_rows == pytest.approx(0.84, abs=0.05)
    assert layer.rescaled < 0.3
    by_column = layer_of(old.T, new.T)
    np.testing.assert_allclose(by_column.beta_columns, layer.beta_rows, rtol=1e-12)
    assert by_column.rescaled_rows < 0.2


def test_models_and_state_dicts_convolutions_and_what_is_left_out():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(32, 5), nn.Linear(5, 5))
    other = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(32, 5), nn.Linear(5, 4))
    other.load_state_dict(
        {**net.state_dict(), **{k: v for k, v in other.state_dict().items() if k[0] == "3"}}
    )
    with torch.no_grad():
        other[0].weight.mul_(1.5)
    found = alignment(net, other.state_dict())
    assert [layer.name for layer in found.layers] == ["0.weight"]
    assert found.left_out == ["2.weight", "3.weight"]
    assert found["0.weight"].shape == (8, 27)
    assert found["0.weight"].beta == pytest.approx(1.5, rel=1e-6)
    assert found["0.weight"].rescaled == pytest.approx(1, rel=1e-6)
    assert "0.weight" in str(found)
    assert "2 left out: 2.weight, 3.weight" in str(found)
    assert "1 matrices" in repr(found)
    assert found._repr_html_().startswith("<div>")
    with pytest.raises(KeyError, match=r"no layer 'x'; there are 0.weight"):
        found["x"]
    assert len(found.rows()) == 1


def test_large_matrices_by_projection(monkeypatch):
    old, new = changed(np.random.default_rng(3), 1.0, (3.0, 2.0, 1.0), shape=(300, 400))
    exact = layer_of(old, new)
    monkeypatch.setattr(weight_change, "LARGEST_GRAM", 100)
    layer = layer_of(old, new)
    assert layer.singular_values.size == weight_change.PROJECTED
    np.testing.assert_allclose(layer.singular_values[:3], exact.singular_values[:3], rtol=1e-6)
    # Of the flat noise a projection with two power iterations finds a little less.
    np.testing.assert_allclose(layer.singular_values[:20], exact.singular_values[:20], rtol=0.05)
    assert layer.spikes == exact.spikes == 3
    assert layer.edge == pytest.approx(exact.edge, rel=0.05)
    with pytest.raises(ValueError, match="rank must be from 0 to 128, the singular values that are known"):
        layer.gain(200)


def test_law_of_noise():
    rng = np.random.default_rng(4)
    for d, p in ((150, 200), (50, 400), (200, 200)):
        values, shares = weight_change.noise_law(d / p)
        drawn = np.linalg.svd(rng.standard_normal((d, p)))[1] ** 2 / p
        assert values @ shares == pytest.approx(1, rel=1e-4)
        assert np.interp(0.5, np.cumsum(shares), values) == pytest.approx(np.median(drawn), rel=0.03)


@pytest.mark.parametrize(
    ("base", "tuned", "error", "message"),
    [
        (3, {}, TypeError, "base must be a model, or a mapping from names to tensors, got int"),
        ({"w": np.eye(3)}, {"w": "x"}, TypeError, "tuned must be a model"),
        ({"w": np.eye(3)}, {"v": np.eye(3)}, ValueError, "no weight matrix in common that changed"),
        ({"w": np.eye(3)}, {"w": np.eye(3)}, ValueError, "Left out: w"),
        ({"w": np.eye(3)}, {"w": np.full((3, 3), np.nan)}, ValueError, "w must have finite entries"),
    ],
)
def test_refusals(base, tuned, error, message):
    with pytest.raises(error, match=message):
        alignment(base, tuned)
