"""The tiny encoder and its rows, once for all tests of this folder."""

from __future__ import annotations

import pytest
from glue_world import write_data, write_encoder


@pytest.fixture(scope="session")
def data_folder(tmp_path_factory):
    return write_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="session")
def encoder(tmp_path_factory):
    return write_encoder(tmp_path_factory.mktemp("org") / "tiny")


@pytest.fixture(autouse=True)
def _offline(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def pytest_collection_modifyitems(items):
    for item in items:
        if "networks" in item.path.parts:  # PEFT asks transformers by an old name
            item.add_marker(pytest.mark.filterwarnings("ignore:.*gradient_checkpointing:FutureWarning"))
