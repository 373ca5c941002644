"""The forward pass of an example, which changes neither the model nor the state of torch's random numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from .errors import require


@contextmanager
def untouched_random_numbers() -> Iterator[None]:
    """Restore the state of torch's global generators at the end: a new layer draws its starting weights from them."""
    devices = [torch.cuda.current_device()] if torch.cuda.is_initialized() else []
    with torch.random.fork_rng(devices):
        yield


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Put ``model`` in eval mode without gradients, and restore the mode of every module at the end."""
    modes = {module: module.training for module in model.modules()}
    try:
        model.eval()
        with torch.no_grad():
            yield
    finally:
        for module, mode in modes.items():
            module.training = mode


def call(model: nn.Module, example: Any) -> Any:
    """Apply ``model`` to an example, which is one tensor or a tuple of arguments."""
    return model(*example) if isinstance(example, tuple) else model(example)


def require_example(example: Any) -> None:
    """Raise `SettingError` unless ``example`` is an input that a model can be called with."""
    first = example[0] if isinstance(example, tuple) and example else example
    require(
        isinstance(first, Tensor),
        "the example is an input that the model accepts, such as torch.zeros(1, 3, 224, 224), or a tuple of arguments "
        f"whose first is one; got {example!r}",
    )
    assert isinstance(first, Tensor)
    shape = tuple(first.shape)
    require(bool(shape) and shape[0] > 0, f"the example is a batch of at least one input; its shape is {shape}")


def first_argument(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Tensor:
    """Return the one input of a module from what a hook is given: ``conv(x)`` or ``conv(input=x)``."""
    return args[0] if args else next(iter(kwargs.values()))


def device_of(model: nn.Module) -> torch.device:
    """Return the device of a model's first parameter; the CPU if it has none."""
    return next((parameter.device for parameter in model.parameters()), torch.device("cpu"))
