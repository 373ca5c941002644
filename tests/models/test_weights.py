"""Packaged weights and what they say of themselves."""

from __future__ import annotations

from decompbench.models import packaged_weights


def test_packaged_weights_say_how_they_were_made() -> None:
    found = {(weights.model, weights.data): weights.metadata for weights in packaged_weights()}
    assert {("resnet8", "fashion-mnist-10k"), ("edsr-r4f32x2", "photographs")} <= set(found)
    for (model, data), metadata in found.items():
        assert metadata["model"] == model
        assert metadata["data"] == data
        assert {"kwargs", "recipe", "seed", "metrics", "data_revision", "task", "versions"} <= set(metadata)
