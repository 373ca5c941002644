"""What a replacement takes over from its convolution: hooks, and attributes that someone has set on it."""

from __future__ import annotations

from functools import cache

from torch import nn

HOOKS = (
    "_forward_pre_hooks", "_forward_pre_hooks_with_kwargs",
    "_forward_hooks", "_forward_hooks_with_kwargs", "_forward_hooks_always_called",
    "_backward_pre_hooks", "_backward_hooks",
)  # fmt: skip
"""Registries of a module's hooks that mean the same on a replacement: they see its inputs, outputs and gradients."""


def carry(new: nn.Module, conv: nn.Module) -> None:
    """Give ``new`` the hooks of the convolution it replaces, in their order, and attributes that were set on it.

    Both hold the very same registries from then on, so that the handle of a hook removes it from both.
    """
    if new is conv:
        return
    for name in HOOKS:
        own, theirs = getattr(new, name), getattr(conv, name)
        if own:  # a layer with hooks of its own keeps them
            own.update(theirs)
        else:
            setattr(new, name, theirs)
    if conv._is_full_backward_hook is not None:
        new._is_full_backward_hook = conv._is_full_backward_hook
    for name, value in vars(conv).items():
        if name not in _attributes(type(conv)) and name not in vars(new) and not hasattr(type(new), name):
            vars(new)[name] = value


@cache
def _attributes(kind: type[nn.Module]) -> frozenset[str]:
    """Return the attributes that every convolution of a class has."""
    return frozenset(vars(kind(1, 1, 1, device="meta")))
