"""Both methods keep the promises that every method makes: ``pytest`` in this folder."""

import pytest
import torch
from structured_pruning import StructuredPruning
from torch import nn
from weight_quantisation import QuantisedConv2d, WeightQuantisation

from decompbench.methods import MethodError, Target, compress, count_stored, deploy, load, plan, save
from decompbench.methods.conformance import conformance_checks
from decompbench.models import load_model

EXAMPLE = torch.randn(2, 3, 32, 32)


@pytest.mark.parametrize("check", conformance_checks(WeightQuantisation()), ids=str)
def test_quantisation_conforms(check):
    check()


@pytest.mark.parametrize("check", conformance_checks(WeightQuantisation(bits=4, aware=False), quick=True), ids=str)
def test_quantisation_after_training_conforms(check):
    check()


@pytest.mark.parametrize("check", conformance_checks(StructuredPruning()), ids=str)
def test_pruning_conforms(check):
    check()


def test_a_quantised_weight_is_a_whole_number_of_scales():
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3))
    dense = net[1].weight.detach().clone()
    layer = compress(net, WeightQuantisation(bits=4), EXAMPLE)[1]
    assert isinstance(layer, QuantisedConv2d)
    steps = layer.dense_weight() / layer.scale[:, None, None, None]
    assert torch.allclose(steps, steps.round(), atol=1e-4)
    assert steps.abs().max() <= 8
    # half a step is the most that rounding takes
    assert ((layer.dense_weight() - dense).abs() <= layer.scale[:, None, None, None] * 0.5001).all()


def test_bits_are_a_budget():
    todo = plan(load_model("resnet8"), WeightQuantisation(), EXAMPLE, Target(bits=0.14))
    assert 0.13 < todo.ratio("bits") <= 0.14
    assert todo.ratio() == 1


@pytest.mark.parametrize(("name", "budget"), [("resnet8", Target(params=0.3)), ("resnet8", Target(macs=0.5))])
def test_a_pruned_network_is_what_its_plan_says(name, budget, tmp_path):
    net = load_model(name)
    todo = plan(net, StructuredPruning(), EXAMPLE, budget)
    assert 0.85 * budget.fraction < todo.ratio(budget.count) <= budget.fraction
    small = compress(net, StructuredPruning(), EXAMPLE, budget).eval()
    assert count_stored(small).weights == todo.after.weights
    assert small(EXAMPLE).shape == (2, 10)
    again = load(save(small, tmp_path / "small.safetensors"))
    assert torch.equal(again(EXAMPLE), small(EXAMPLE))
    assert torch.allclose(deploy(small, EXAMPLE)(EXAMPLE), small(EXAMPLE), atol=1e-4)


def test_keeping_all_changes_nothing():
    net = load_model("resnet8").eval()
    before = net(EXAMPLE)
    assert torch.equal(compress(net, StructuredPruning(keep=1.0), EXAMPLE)(EXAMPLE), before)


def test_a_network_that_cannot_be_pruned_so_is_left_as_it_was():
    class Fixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 4, 3)

        def forward(self, x):
            return self.second(self.first(x).reshape(-1, 8, 30, 30))

    net = Fixed()
    before = net(EXAMPLE)
    with pytest.raises(MethodError, match=r"torch-pruning"):
        compress(net, StructuredPruning(), EXAMPLE)
    assert torch.equal(net(EXAMPLE), before)
