"""Frozen features: the mean over the tokens, whatever else is in the batch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from rmt_alpha.experiments.data.sentences import find_encoder, sentence_features

TEXTS = ["the film is good", "the plot is very very dull", "good", "the end is not great"]


def test_features_are_the_mean_over_tokens(encoder):
    features = sentence_features(TEXTS, encoder)
    tokenizer, model = AutoTokenizer.from_pretrained(encoder), AutoModel.from_pretrained(encoder).eval()
    for text, row in zip(TEXTS, features, strict=True):
        with torch.no_grad():
            hidden = model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0]
        assert row == pytest.approx(hidden.mean(0).numpy(), abs=1e-5)
    assert np.ptp(features[:, 0]) > 1e-3


def test_the_encoder_is_looked_for(encoder, monkeypatch, tmp_path):
    monkeypatch.setenv("RMT_ALPHA_ENCODER", str(encoder))
    assert find_encoder() == encoder
    monkeypatch.setenv("RMT_ALPHA_ENCODER", str(tmp_path))
    assert find_encoder() is None
