"""Checks that hold for every setting of a method, on one small network."""

from __future__ import annotations

import copy

import torch
from fvcore.nn import FlopCountAnalysis
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from decompbench.methods import (
    CompressedConv2d,
    Method,
    Select,
    begin,
    compress,
    count_stored,
    deploy,
    load,
    plan,
    save,
)

from .cases import SmallNet, relative_error, small_net

EXAMPLE = torch.randn(2, 3, 12, 12, generator=torch.Generator().manual_seed(1))
STAGES = Select(include=("stage*",))


def check_counts(method: Method) -> None:
    """What the plan promises is stored and computed."""
    net = small_net()
    todo = plan(net, method, EXAMPLE, select=STAGES)
    assert todo.groups
    small = begin(net, todo).finish()
    stored = count_stored(small)
    assert (stored.weights, stored.bits) == (todo.after.weights, todo.after.bits)
    compact = deploy(small, EXAMPLE, forms="compact")
    counted = FlopCountAnalysis(compact, EXAMPLE[:1]).unsupported_ops_warnings(False).by_operator()
    assert counted["conv"] == todo.after.macs
    with FlopCounterMode(display=False) as counter:
        compact(EXAMPLE)
    assert counter.get_total_flops() == 2 * len(EXAMPLE) * (todo.after.macs + todo.linear_macs)


def check_storage(method: Method, path) -> None:
    """What is loaded gives the bits that were saved."""
    small = disturbed(compress(small_net(), method, EXAMPLE, select=STAGES))
    again = load(save(small, path), model=SmallNet())
    assert torch.equal(again(EXAMPLE), small(EXAMPLE))
    assert count_stored(again) == count_stored(small)


def check_graphs(method: Method) -> None:
    """Copies, symbolic traces and exported programs of the deployed model compute the same."""
    small = disturbed(compress(small_net(), method, EXAMPLE, select=STAGES))
    expected = small(EXAMPLE)
    assert torch.equal(copy.deepcopy(small)(EXAMPLE), expected)
    assert torch.equal(torch.fx.symbolic_trace(small)(EXAMPLE), expected)
    deployed = deploy(small, EXAMPLE, forms="compact")
    assert deployed.decompbench_folded
    exported = torch.export.export(deployed, (EXAMPLE,)).module()
    assert relative_error(exported(EXAMPLE), expected) < 1e-5


def check_forms(method: Method) -> None:
    """Every form of every layer computes the same, in either memory format."""
    small = disturbed(compress(small_net(), method, EXAMPLE, select=STAGES))
    for layer in [m for m in small.modules() if isinstance(m, CompressedConv2d)]:
        x = torch.randn(2, layer.spec.in_channels, 9, 8)
        for form in layer.forms().values():
            assert relative_error(form(x), layer(x)) < 1e-5
            last = copy.deepcopy(form).to(memory_format=torch.channels_last)
            assert relative_error(last(x.contiguous(memory_format=torch.channels_last)), layer(x)) < 1e-5


def check_training(method: Method) -> None:
    """All parameters get gradients, and the model stays the one its seed gives."""
    nets = [compress(small_net(), method, EXAMPLE, select=STAGES, seed=3).train() for _ in range(2)]
    first, second = (net.state_dict() for net in nets)
    assert all(torch.equal(first[key], second[key]) for key in first)
    nets[0](EXAMPLE).square().mean().backward()
    assert all(parameter.grad is not None for parameter in nets[0].parameters())


def check_types(method: Method) -> None:
    """Precision, frozen parameters and modes of the replaced layers are carried over."""
    net = small_net().double().requires_grad_(False).eval()
    small = compress(net, method, EXAMPLE.double(), select=STAGES)
    assert {p.dtype for p in small.parameters()} == {torch.float64}
    assert not any(p.requires_grad for p in small.parameters())
    assert not any(module.training for module in small.modules())


def disturbed(model: nn.Module) -> nn.Module:
    """Return the model in eval mode with batch-norm statistics and weights that are not the trivial ones."""
    torch.manual_seed(5)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (module.weight, module.running_var):
                tensor.data = torch.rand_like(tensor) + 0.5
            for tensor in (module.bias, module.running_mean):
                tensor.data = 0.2 * torch.randn_like(tensor)
    return model.eval()


CHECKS = (check_counts, check_graphs, check_forms, check_training, check_types)
