"""Weights that something else than their layer uses in the forward pass."""

import functools

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint

from decompbench.methods import SVD, Select, compress, plan, trace

from .networks import EVERY, Net, X, distance, reason


def standardised(net, x):
    weight = net.b.weight - net.b.weight.mean((1, 2, 3), keepdim=True)
    return F.conv2d(net.a(x), weight, net.b.bias, padding=1)


def by_functional_call(net, x):
    return torch.func.functional_call(net.b, {"weight": net.b.weight * 2}, net.a(x))


@pytest.mark.parametrize(
    ("run", "function"),
    [
        (lambda net, x: F.conv2d(net.a(x), net.b.weight, padding=1), "conv2d"),
        (lambda net, x: net.b(net.a(x)) + net.b.weight.norm(), "norm"),
        (lambda net, x: net.b._conv_forward(net.a(x), net.b.weight, None), "conv2d"),
        (lambda net, x: net.b.forward(net.a(x)), "conv2d"),
        (lambda net, x: net.b(net.a(x)) * net.b.weight.data.mean(), "data"),
        (lambda net, x: net.b(net.a(x)) * torch.stack([net.b.weight, net.b.weight]).mean(), "stack"),
        (standardised, "mean"),
        (by_functional_call, "mul"),
    ],
)
def test_a_weight_used_outside_its_layer_is_left_with_the_function_that_uses_it(run, function):
    assert reason(Net(run)) == f"its weight is used outside the layer, by {function} in the forward pass"
    assert distance(Net(run)) < 1e-5


def test_so_is_one_that_a_hook_uses():
    def limit(layer, inputs):
        layer.weight.data.clamp_(-1, 1)

    net = Net()
    net.b.register_forward_pre_hook(limit)
    assert reason(net) == "its weight is used outside the layer, by data in the forward pass"


def test_a_layer_that_is_given_another_weight_is_left():
    weight = nn.Parameter(torch.randn(8, 8, 3, 3))
    net = Net(lambda net, x: torch.func.functional_call(net.b, {"weight": net.w * 2}, net.a(x)), w=weight)
    assert reason(net) == "its forward does not use its weight: something else is put in its place"


@pytest.mark.parametrize(
    "look",
    [
        lambda weight: weight.dtype,
        lambda weight: weight.shape,
        lambda weight: weight.size(0),
        lambda weight: weight.new_zeros(3),
        lambda weight: torch.zeros_like(weight),
        lambda weight: torch.ones(3).to(weight),
        lambda weight: torch.ones(3).type_as(weight),
    ],
)
def test_the_form_of_a_weight_may_be_looked_at(look):
    net = Net(lambda net, x: (look(net.b.weight), net.b(net.a(x)))[1])
    assert reason(net) is None
    assert distance(net) < 1e-5


def test_a_bias_may_be_read_since_a_replacement_has_it():
    net = Net(lambda net, x: net.b(net.a(x)) - net.b.bias[:, None, None])
    assert reason(net) is None
    assert distance(net) < 1e-5
    small = compress(Net(), SVD(0.3), X, **EVERY)
    assert small.b.bias is small.b.bias_tensor()


def test_a_layer_without_bias_still_says_so():
    net = compress(Net(b=nn.Conv2d(8, 8, 3, bias=False)), SVD(0.3), X, **EVERY)
    assert net.b.bias is None


@pytest.mark.parametrize(
    "run",
    [
        lambda net, x: net.b(net.b(net.a(x))),
        lambda net, x: net.b(input=net.a(input=x)),
        lambda net, x: checkpoint(net.b, checkpoint(net.a, x, use_reentrant=True), use_reentrant=False),
        lambda net, x: torch.vmap(net.b)(torch.vmap(net.a)(x)),
        lambda net, x: torch.stack([net.b(net.a(image)) for image in x]),
        lambda net, x: functools.reduce(lambda y, layer: layer(y), net.children(), x),
    ],
)
def test_layers_that_are_called_in_unusual_ways_are_replaced(run):
    assert reason(Net(run)) is None
    assert distance(Net(run)) < 1e-5


@pytest.mark.parametrize(
    "run",
    [
        lambda net, x: torch.vmap(net.b)(torch.vmap(net.a)(x)),
        lambda net, x: torch.stack([net.b(net.a(image)) for image in x]),
    ],
)
def test_layers_called_image_by_image_are_counted_as_in_a_batch(run):
    x = torch.randn(3, 3, 7, 7)  # positions that are no multiple of the batch
    assert trace(Net(run), x) == trace(Net(), x)


def test_a_layer_whose_failure_the_model_takes_care_of_is_replaced():
    def run(net, x):
        try:
            net.b(x)
        except RuntimeError:
            return net.b(net.a(x))

    assert reason(Net(run)) is None
    assert distance(Net(run)) < 1e-5


def test_outputs_may_be_anything():
    net = Net(lambda net, x: {"out": [net.b(net.a(x)), None]})
    small = compress(net, SVD(0.3), X, select=Select(include=("b",)))
    assert small(X)["out"][0].shape == (2, 8, 12, 12)
    assert plan(Net(lambda net, x: net.b(net.a(x)).argmax(1)), SVD(0.3), X).groups
