"""Inference forms of linear layers: chains of `torch.nn.Linear` where a form is one, else products inside of it."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.fx import Tracer

from .pointwise import channel_groups, is_pointwise


class ChannelProducts(nn.Module):
    """A 1×1 convolution as linear layers on dimension 1 of its input, one for each group of channels.

    Parameters
    ----------
    conv
        The convolution, whose weights are used.
    """

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.in_channels, self.out_channels, self.groups = conv.in_channels, conv.out_channels, conv.groups
        biases = [None] * conv.groups if conv.bias is None else conv.bias.chunk(conv.groups)
        blocks = conv.weight.flatten(1).chunk(conv.groups)
        self.linears = nn.ModuleList(linear_with(*block) for block in zip(blocks, biases, strict=True))

    def forward(self, input: Tensor) -> Tensor:
        x = input.movedim(1, -1)
        if self.groups == 1:
            return self.linears[0](x).movedim(-1, 1)
        groups = zip(self.linears, channel_groups(x, self), strict=True)
        return torch.cat([linear(group) for linear, group in groups], dim=-1).movedim(-1, 1)


class OnTokens(nn.Module):
    """A module on maps ``(b, c, h, w)``, applied to the last dimension of tokens ``(…, c)``.

    Parameters
    ----------
    module
        Gives a map of one position for a map of one position.
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, input: Tensor) -> Tensor:
        return on_tokens(self.module, input)


def on_tokens(module: nn.Module, tokens: Tensor) -> Tensor:
    """Apply a module on maps to tokens ``(…, c)``, each of which is a map of one position."""
    outputs = module(tokens.reshape(-1, tokens.shape[-1], 1, 1)).flatten(1)
    return outputs.reshape(tokens.shape[:-1] + outputs.shape[1:])


def linear_with(weight: Tensor, bias: Tensor | None) -> nn.Linear:
    """Return a linear layer with a weight ``(n, c)`` and a bias, which are taken over without gradients."""
    n, c = weight.shape
    linear = nn.Linear(c, n, bias=bias is not None, device="meta")
    linear.weight = nn.Parameter(weight.detach())
    if bias is not None:
        linear.bias = nn.Parameter(bias.detach())
    return linear


def as_products(form: nn.Module) -> nn.Module:
    """Return an inference form of a compressed 1×1 convolution as one on the last dimension of tokens.

    A form that is nothing but 1×1 convolutions in turn becomes as many `torch.nn.Linear`. Any other keeps its course,
    with its 1×1 convolutions as products. The form that is given stays as it is.
    """
    chain = _chain(form)
    if chain:
        linears = [linear_with(conv.weight.flatten(1), conv.bias) for conv in chain]
        return (linears[0] if len(linears) == 1 else nn.Sequential(*linears)).train(form.training)
    return OnTokens(_with_products(copy.deepcopy(form))).train(form.training)


def _with_products(form: nn.Module) -> nn.Module:
    if is_pointwise(form):
        assert isinstance(form, nn.Conv2d)
        return ChannelProducts(form)
    for name, child in form.named_children():
        setattr(form, name, _with_products(child))
    return form


class _WholeConvolutions(Tracer):
    """A symbolic tracer that goes into all modules but convolutions."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, (nn.Conv2d, nn.Identity)) or super().is_leaf_module(m, module_qualified_name)


def _chain(form: nn.Module) -> list[nn.Conv2d] | None:
    """Return the convolutions that a form is a chain of, in turn; None if it is anything else."""
    if isinstance(form, nn.Conv2d):
        return [form] if is_pointwise(form) and form.groups == 1 else None
    try:
        graph = _WholeConvolutions().trace(form)
    except Exception:  # symbolic tracing fails in as many ways as there are forwards
        return None
    chain: list[nn.Conv2d] = []
    start, *nodes = graph.nodes
    last = start
    for node in nodes:
        if tuple(node.args) != (last,) or node.kwargs:
            return None
        if node.op == "output":
            return chain
        module = form.get_submodule(str(node.target)) if node.op == "call_module" else None
        if isinstance(module, nn.Conv2d) and is_pointwise(module) and module.groups == 1:
            chain.append(module)
        elif not isinstance(module, nn.Identity):
            return None
        last = node
    return None
