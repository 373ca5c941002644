"""Weights files: what is read, what is refused, what a misfit is told."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from decompbench.models import WeightsError, load_model, packaged_weights, read_state


@pytest.mark.parametrize("wrap", [lambda state: state, lambda state: {"state_dict": state, "epoch": 3}])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_checkpoints_of_others(tmp_path: Path, wrap, prefix: str) -> None:
    model = load_model("resnet8")
    state = {prefix + key: tensor for key, tensor in model.state_dict().items()}
    torch.save(wrap(state), tmp_path / "checkpoint.pt")
    again = load_model("resnet8", pretrained=tmp_path / "checkpoint.pt")
    for key, tensor in model.state_dict().items():
        assert torch.equal(again.state_dict()[key], tensor)


def test_path_as_text(tmp_path: Path) -> None:
    state = load_model("resnet8").state_dict()
    save_file(state, tmp_path / "weights.safetensors")
    again = load_model("resnet8", pretrained=str(tmp_path / "weights.safetensors"))
    assert torch.equal(again.state_dict()["fc.weight"], state["fc.weight"])


def test_misfit_lists_keys_of_each_kind_and_counts_the_rest(tmp_path: Path) -> None:
    state = load_model("resnet8").state_dict()
    state["fc.weight"] = torch.zeros(3, 64)
    state["extra"] = torch.zeros(1)
    save_file(state, tmp_path / "weights.safetensors")
    with pytest.raises(WeightsError) as caught:
        load_model("resnet14", pretrained=tmp_path / "weights.safetensors")
    message = str(caught.value)
    assert "30 missing in the file: layer1.1.conv1.weight" in message
    assert "and 25 more" in message
    assert "1 unexpected in the file: extra" in message
    assert "fc.weight (file (3, 64), model (10, 64))" in message
    assert len(message) < 1000


def test_a_misfit_changes_nothing(tmp_path: Path) -> None:
    from decompbench.models.weights import load_into

    model = load_model("resnet8")
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    with pytest.raises(WeightsError):
        load_into(model, {"conv1.weight": torch.zeros(16, 3, 3, 3)}, source="nothing")
    assert all(torch.equal(before[key], tensor) for key, tensor in model.state_dict().items())


class Evil:
    """Unpickling it would write a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_no_pickled_code_runs(tmp_path: Path) -> None:
    torch.save({"conv1.weight": Evil(tmp_path / "written")}, tmp_path / "evil.pt")
    with pytest.raises(WeightsError, match="weights_only=True"):
        read_state(tmp_path / "evil.pt")
    assert not (tmp_path / "written").exists()


@pytest.mark.parametrize("name", ["broken.safetensors", "broken.pt", "empty.pt"])
def test_damaged_files(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"" if "empty" in name else b"no weights at all")
    with pytest.raises(WeightsError, match=name):
        read_state(tmp_path / name)


def test_something_else_than_a_state_dict(tmp_path: Path) -> None:
    torch.save([torch.zeros(3)], tmp_path / "list.pt")
    with pytest.raises(WeightsError, match="holds list"):
        read_state(tmp_path / "list.pt")


def test_missing_file_names_what_is_packaged(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="fashion-mnist-10k"):
        load_model("resnet8", pretrained=tmp_path / "none.pt")


def test_packaged_weights_say_how_they_were_made() -> None:
    found = {(weights.model, weights.data): weights.metadata for weights in packaged_weights()}
    assert {("resnet8", "fashion-mnist-10k"), ("edsr-r4f32x2", "photographs")} <= set(found)
    for (model, data), metadata in found.items():
        assert metadata["model"] == model
        assert metadata["data"] == data
        assert {"kwargs", "recipe", "seed", "metrics", "data_revision", "task", "versions"} <= set(metadata)
