"""Plans of methods that make a network smaller as a whole."""

import json
from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch
from torch import nn

from decompbench.methods import (
    SVD,
    Knob,
    MethodError,
    Plan,
    Select,
    SettingError,
    StorageError,
    Target,
    UnreachableTarget,
    begin,
    compress,
    count_stored,
    load,
    plan,
    register,
    save,
)  # fmt: skip
from decompbench.methods.authoring import WholeModelMethod
from decompbench.methods.contract import registry

EXAMPLE = torch.randn(2, 3, 8, 8)


class Chain(nn.Sequential):
    """Three convolutions and a linear layer, each fed by the one before."""

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 16, 3, padding=1), nn.ReLU(),
            nn.Conv2d(16, 8, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5),
        )  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def leading():
    @register("leading-channels")
    @dataclass(frozen=True)
    class Leading(WholeModelMethod):
        """Keeps the first channels of each layer of a `Chain`."""

        keep: float = 0.5
        fault: str = ""
        knob: ClassVar[Knob] = Knob("keep", 0.01, 1.0)

        def shrink(self, model, example, kept, generator):
            if self.fault == "raises":
                model[0] = None
                raise RuntimeError("no such network")
            layers = [model[0], model[2], model[4], model[7]]
            for path, layer, following in zip("024", layers, layers[1:], strict=False):
                n = layer.out_channels if path in kept else max(1, round(self.keep * layer.out_channels))
                layer.weight = nn.Parameter(layer.weight.detach()[:n].clone())
                layer.bias = nn.Parameter(layer.bias.detach()[:n].clone())
                layer.out_channels = n
                following.weight = nn.Parameter(following.weight.detach()[:, :n].clone())
                if isinstance(following, nn.Conv2d):
                    following.in_channels = n
            if self.fault == "output":
                model[7] = nn.Linear(model[7].weight.shape[1], 4)

    yield Leading
    registry._methods.pop("leading-channels")


def test_sizes_are_read_off_the_smaller_network(leading):
    todo = plan(Chain(), leading(), EXAMPLE)
    assert [layer.after.weights for layer in todo.layers] == [8 * 3 * 9, 8 * 8 * 9, 4 * 8]
    assert (todo.linear_macs, todo.linear_macs_after) == (8 * 5, 4 * 5)
    assert todo.macs_after == 64 * (8 * 3 * 9 + 8 * 8 * 9 + 4 * 8) + 4 * 5
    assert todo.macs_before == 64 * (16 * 3 * 9 + 16 * 16 * 9 + 8 * 16) + 8 * 5


@pytest.mark.parametrize("target", [Target(params=0.3), Target(macs=0.5), Target(bits=0.2)], ids=str)
def test_a_budget_is_met_from_below(leading, target):
    todo = plan(Chain(), leading(), EXAMPLE, target)
    assert 0.8 * target.fraction < todo.ratio(target.count) <= target.fraction
    assert count_stored(begin(Chain(), todo).finish()).weights == todo.after.weights


def test_a_budget_out_of_reach_is_refused(leading):
    with pytest.raises(UnreachableTarget, match="leading-channels cannot be sized"):
        plan(Chain(), leading(), EXAMPLE, Target(params=0.001))
    assert plan(Chain(), leading(), EXAMPLE, Target(params=0.001), unreachable="nearest").note


def test_layers_that_are_not_selected_keep_their_channels(leading):
    todo = plan(Chain(), leading(), EXAMPLE, select=Select(exclude=("2",)))
    assert [layer.after.weights for layer in todo.layers] == [8 * 3 * 9, 16 * 8 * 9, 4 * 16]
    assert todo.kept == ("2",)


def test_planning_leaves_the_model_alone_and_needs_no_memory(leading):
    net = Chain()
    before = net(EXAMPLE)
    todo = plan(net, leading(), EXAMPLE)
    assert torch.equal(net(EXAMPLE), before)
    with torch.device("meta"):
        assert plan(Chain(), leading(), torch.empty(2, 3, 8, 8)).after == todo.after


def test_a_plan_survives_json(leading):
    todo = plan(Chain(), leading(), EXAMPLE, select=Select(exclude=("2",)))
    assert Plan.from_json(json.loads(json.dumps(todo.to_json()))) == todo


def test_it_is_saved_and_loaded(leading, tmp_path):
    small = compress(Chain(), leading(), EXAMPLE, Target(params=0.4)).eval()
    again = load(save(small, tmp_path / "small.safetensors"), model=Chain())
    assert torch.equal(again(EXAMPLE), small(EXAMPLE))
    with pytest.raises(StorageError, match="does not fit"):
        load(tmp_path / "small.safetensors", model=nn.Sequential(nn.Conv2d(3, 4, 1)))


@pytest.mark.parametrize(
    ("fault", "says"),
    [("raises", "RuntimeError: no such network"), ("output", r"changes the output from .*5.* to .*4")],
)
def test_a_fault_is_told_and_the_model_kept(leading, fault, says):
    net = Chain()
    before = net(EXAMPLE)
    with pytest.raises(MethodError, match=says):
        compress(net, leading(fault=fault), EXAMPLE)
    assert torch.equal(net(EXAMPLE), before)


def test_the_plan_of_another_model_is_refused(leading):
    other = Chain()
    other[2] = nn.Conv2d(16, 16, 5, padding=2)
    with pytest.raises(ValueError, match="made for another model"):
        begin(other, plan(Chain(), leading(), EXAMPLE))


def test_what_it_cannot_do_is_refused(leading):
    with pytest.raises(SettingError, match="takes no overrides"):
        plan(Chain(), leading(), EXAMPLE, overrides={"0": None})
    with pytest.raises(MethodError, match="start from the dense model"):
        plan(compress(Chain(), SVD(0.2), EXAMPLE, select=Select(include=("2",))), leading(), EXAMPLE, select=Select())
    with pytest.raises(MethodError, match="made the model smaller as a whole"):
        compress(compress(Chain(), leading(), EXAMPLE), SVD(0.5), EXAMPLE)
