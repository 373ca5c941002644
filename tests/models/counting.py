"""Sizes of models, counted from their modules and on the meta device: no weight is ever drawn."""

from __future__ import annotations

import torch
from torch import nn

from decompbench.models import load_model


def on_meta(name: str, **kwargs) -> nn.Module:
    """Build a model without memory for its weights."""
    with torch.device("meta"):
        return load_model(name, **kwargs)


def conv_weights(model: nn.Module) -> int:
    return sum(module.weight.numel() for module in model.modules() if isinstance(module, nn.Conv2d))


def linear_weights(model: nn.Module) -> int:
    return sum(module.weight.numel() for module in model.modules() if isinstance(module, nn.Linear))


def parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def state(model: nn.Module) -> int:
    """Parameters and the running statistics of batch-norm."""
    return parameters(model) + sum(b.numel() for name, b in model.named_buffers() if "running" in name)
