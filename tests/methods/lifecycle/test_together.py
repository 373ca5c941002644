"""Features that meet: linear layers, learnt ranks, allocations, whole-model methods, failures at the end."""

import pytest
import torch
from torch import nn

from decompbench.methods import (
    FSNet,
    Select,
    SettingError,
    Target,
    begin,
    compress,
    count_stored,
    get_method,
    load,
    plan,
    save,
)  # fmt: skip

EXAMPLE = torch.randn(2, 3, 8, 8)
EVERY = {"layers": "conv+linear", "select": Select(skip_classifier=False)}


class Mixed(nn.Module):
    """A convolution, and linear layers on its positions."""

    def __init__(self) -> None:
        super().__init__()
        self.c, self.qkv = nn.Conv2d(3, 16, 3, padding=1), nn.Linear(16, 48)
        self.f, self.h = nn.Linear(48, 32), nn.Linear(32, 10)

    def forward(self, x):
        return self.h(self.f(self.qkv(self.c(x).flatten(2).mT)).mean(1))


def test_sensitivity_is_refused_for_linear_layers():
    with pytest.raises(SettingError, match="measures convolutions only"):
        plan(Mixed(), get_method("svd"), EXAMPLE, Target(params=0.8), allocate="sensitivity", calibration=[EXAMPLE],
             layers="conv+linear")  # fmt: skip


@pytest.mark.parametrize("split", [{}, {"qkv": 3}])
def test_ranks_that_training_chooses_leave_linear_layers_as_they_are(split, tmp_path):
    method = get_method("tucker2", learn="nuclear", energy=1.0)
    session = begin(Mixed(), plan(Mixed(), method, EXAMPLE, split=split, **EVERY))
    session.after_step()
    small = session.finish().eval()
    assert type(small.f) is nn.Linear
    assert "convolutions only" in {layer.path: layer.reason for layer in session.plan.layers}["f"]
    again = load(save(small, tmp_path / "small.safetensors"), Mixed())
    assert torch.equal(again(EXAMPLE), small(EXAMPLE))
    assert count_stored(small).weights == session.plan.after.weights - sum(session.plan.linear_weights[1:])


def test_an_allocation_is_refused_where_training_chooses():
    with pytest.raises(SettingError, match="chooses its sizes in training"):
        plan(Mixed(), get_method("tucker2", learn="nuclear"), EXAMPLE, Target(params=0.9), allocate="global")


def test_weights_that_training_made_no_numbers_are_told_at_the_end():
    net = Mixed()
    method = get_method("tucker2", learn="lc", rank=0.5)
    session = begin(net, plan(net, method, EXAMPLE, select=Select()))
    good = net.c.weight.detach().clone()
    net.c.weight.data.fill_(float("nan"))
    with pytest.raises(SettingError, match="'c' are NaN"):
        session.finish()
    net.c.weight.data.copy_(good)
    assert session.finish()(EXAMPLE).isfinite().all()


def test_a_summary_is_quantised_once():
    net = nn.Sequential(nn.Conv2d(8, 16, 3))
    layer = compress(net, FSNet(weight_bits=8), torch.randn(1, 8, 6, 6))[0]
    before = layer.dense_weight()
    layer.quantise()
    assert torch.equal(layer.dense_weight(), before)


def test_hooks_and_attributes_of_linear_layers_last():
    net, seen = Mixed(), []
    session = begin(net, plan(net, get_method("tucker2", learn="lc", rank=0.3), EXAMPLE, **EVERY))
    session.model.f.register_full_backward_hook(lambda *_: seen.append("f"))
    session.finish()(EXAMPLE).sum().backward()
    assert seen == ["f"]
    net = Mixed()
    todo = plan(net, get_method("svd", rank=0.2), EXAMPLE, split={"qkv": 3}, **EVERY)
    net.qkv.register_forward_hook(lambda *_: seen.append("qkv"))
    net.qkv.tag = 1
    small = begin(net, todo).finish()
    small(EXAMPLE)
    assert "qkv" in seen
    assert small.qkv.tag == 1
