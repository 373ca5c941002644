"""The rewriting of a model: new modules in place of convolutions, with the dtype, mode and freezing of the old ones."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from .errors import MethodError
from .layers import CompressedConv2d
from .soundness.answering import answer_as
from .soundness.carried import carry
from .spec import ConvSpec


def replace_module(model: nn.Module, path: str, new: nn.Module) -> None:
    """Put ``new`` at ``path`` in ``model``."""
    if not path:
        raise MethodError("a lone convolution cannot be replaced in place: wrap it, nn.Sequential(conv)")
    parent, _, name = path.rpartition(".")
    setattr(model.get_submodule(parent), name, new)


def replace_conv(model: nn.Module, spec: ConvSpec, new: nn.Module) -> None:
    """Put ``new`` wherever ``model`` has the convolution ``spec``, under all its names."""
    for path in (spec.path, *spec.aliases):
        replace_module(model, path, new)


def adopt(new: nn.Module, conv: nn.Conv2d) -> nn.Module:
    """Give ``new`` the device, dtype, memory format, mode, hooks and class of the convolution it replaces."""
    weight = conv.weight
    new.to(device=weight.device, dtype=weight.dtype)
    if is_channels_last(weight):
        new.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    new.train(conv.training)
    carry(new, conv)
    if isinstance(new, CompressedConv2d) and new.linear and type(conv) in (nn.Conv2d, nn.ConvTranspose2d):
        answer_as(new, type(conv))
    return new


def is_channels_last(tensor: Tensor) -> bool:
    """Return whether a ``(b, c, h, w)`` tensor is in the channels-last format and not also in the default one."""
    return tensor.dim() == 4 and not tensor.is_contiguous() and tensor.is_contiguous(memory_format=torch.channels_last)


def carry_requires_grad(replacements: Iterable[tuple[nn.Module, nn.Conv2d]]) -> None:
    """Freeze what replaces frozen weights and biases; a parameter shared with a layer that trains goes on training."""
    frozen: dict[int, nn.Parameter] = {}
    training: set[int] = set()
    for new, conv in replacements:
        bias = new.bias_tensor() if isinstance(new, CompressedConv2d) else None
        for parameter in new.parameters():
            original = conv.bias if parameter is bias and conv.bias is not None else conv.weight
            if original.requires_grad:
                training.add(id(parameter))
            else:
                frozen[id(parameter)] = parameter
    for key, parameter in frozen.items():
        if key not in training:
            parameter.requires_grad_(False)


def compressed_layers(model: nn.Module) -> dict[str, CompressedConv2d]:
    """Return the replacements of convolutions in ``model`` by path, under all their names."""
    found: dict[str, CompressedConv2d] = {}
    for path, module in model.named_modules(remove_duplicate=False):
        if isinstance(module, CompressedConv2d) and not is_inside(path, found):
            found[path] = module
    return found


def is_inside(path: str, outer: Iterable[str]) -> bool:
    """Return whether the module at ``path`` lies inside one of the modules at ``outer``."""
    return any(path.startswith(f"{above}.") for above in outer)
