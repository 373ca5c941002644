"""Weights files: what is read, what is refused, what a misfit is told."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from decompbench.models import WeightsError, load_model, read_state
from decompbench.models.checkpoint import WRAPPERS, load_into


def bare(state):
    return state


def in_two(state):
    return {"epoch": 3, "model": {"state_dict": state, "optimizer": {"lr": 0.1}}}


def beside_its_command_line(state):
    return {"model": state, "args": argparse.Namespace(lr=0.1, data="cifar10")}


WRAPS = [bare, in_two, beside_its_command_line, *(lambda state, key=key: {key: state, "epoch": 3} for key in WRAPPERS)]


@pytest.mark.parametrize("wrap", WRAPS)
@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module."])
def test_checkpoints_of_others(tmp_path: Path, wrap, prefix: str) -> None:
    state = {f"{prefix}fc.weight": torch.rand(2, 3), f"{prefix}fc.bias": torch.rand(2)}
    torch.save(wrap(state), tmp_path / "checkpoint.pt")
    again = read_state(tmp_path / "checkpoint.pt")
    assert list(again) == ["fc.weight", "fc.bias"]
    assert torch.equal(again["fc.weight"], state[f"{prefix}fc.weight"])


def test_safetensors_of_a_wrapped_model(tmp_path: Path) -> None:
    model = load_model("resnet8")
    save_file({f"module.{key}": value for key, value in model.state_dict().items()}, tmp_path / "w.safetensors")
    again = load_model("resnet8", pretrained=tmp_path / "w.safetensors")
    assert all(torch.equal(again.state_dict()[key], tensor) for key, tensor in model.state_dict().items())


def test_a_prefix_that_only_some_keys_have_is_their_name(tmp_path: Path) -> None:
    torch.save({"module.weight": torch.zeros(1), "head.weight": torch.zeros(1)}, tmp_path / "w.pt")
    assert list(read_state(tmp_path / "w.pt")) == ["module.weight", "head.weight"]


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
    with pytest.raises(WeightsError, match="would run code"):
        read_state(tmp_path / "evil.pt")
    assert not (tmp_path / "written").exists()


def test_a_whole_model_is_refused_with_what_to_save_instead(tmp_path: Path) -> None:
    torch.save(load_model("resnet8"), tmp_path / "model.pt")
    with pytest.raises(WeightsError, match=r"resnet_cifar\.CifarResNet.*torch\.save\(model\.state_dict\(\), \.\.\.\)"):
        read_state(tmp_path / "model.pt")


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
@pytest.mark.parametrize(
    "content", [b"", b"no weights at all", b"hello", b"PK\x03\x04" + bytes(100), bytes(range(256))]
)
def test_files_that_are_no_checkpoint(tmp_path: Path, suffix: str, content: bytes) -> None:
    file = tmp_path / f"broken{suffix}"
    file.write_bytes(content)
    with pytest.raises(WeightsError, match=f"{file.name} (is no checkpoint|cannot be read as a safetensors file)"):
        read_state(file)


def test_a_checkpoint_that_was_cut_off(tmp_path: Path) -> None:
    torch.save(load_model("resnet8").state_dict(), tmp_path / "whole.pt")
    whole = (tmp_path / "whole.pt").read_bytes()
    (tmp_path / "half.pt").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(WeightsError, match=r"half\.pt is no checkpoint"):
        read_state(tmp_path / "half.pt")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([torch.zeros(3)], "holds list, not a state dict"),
        ({}, "it holds nothing"),
        ({"epoch": 3, "best": 0.9}, "it holds epoch, best, which are no tensors"),
    ],
)
def test_something_else_than_a_state_dict(tmp_path: Path, content, message: str) -> None:
    torch.save(content, tmp_path / "other.pt")
    with pytest.raises(WeightsError, match=message):
        read_state(tmp_path / "other.pt")


def test_a_folder_is_not_a_file(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="is a folder"):
        read_state(tmp_path)


def test_missing_file_names_what_is_packaged(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="fashion-mnist-10k"):
        load_model("resnet8", pretrained=tmp_path / "none.pt")
