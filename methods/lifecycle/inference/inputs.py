"""Inputs of a check's own: like the example in all but their values, which are drawn at more than one scale."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from ...contract.errors import MethodError
from ...contract.forward import call, device_of
from .copies import summary

IMAGES = 2
"""Inputs in a batch of a check's own, where the model takes fewer than the example has."""
SMALL = 128
"""Height and width from which on images are tried in half the size, too."""


def own_inputs(example: Any) -> Iterator[Any]:
    """Yield inputs like ``example`` with other values, at several scales; to be tried until enough have been taken.

    Values with a fraction are drawn: standard normal, in the example's range, or from 0 to 1. Whole numbers, such as
    token ids and masks, are kept or change places. The first are of few images, and one of smaller images, which take
    less time; then all are of the example's shapes.
    """
    few = _first_images(example)
    yield _redrawn(few, _normal, 0)
    if (small := _smaller(few)) is not None:
        yield _redrawn(small, _in_range, 1)
    for given in [few, example] if few is not example else [example]:
        if given is not few:
            yield _redrawn(given, _normal, 2)
        yield _redrawn(given, _in_range, 3)
        yield _redrawn(given, _unit, 4)


def _redrawn(example: Any, draw: Callable[[Tensor, Tensor], Tensor], seed: int) -> Any:
    generator = torch.Generator().manual_seed(seed)
    return mapped(lambda x: _redrawn_tensor(x, draw, generator), example)


def _redrawn_tensor(x: Tensor, draw: Callable[[Tensor, Tensor], Tensor], generator: torch.Generator) -> Tensor:
    new = cloned(x)
    if not _is_plain(x):
        return new
    if not (x.is_floating_point() or x.is_complex()):
        if draw is _in_range and x.dim():
            order = torch.randperm(x.numel(), generator=generator).to(x.device)
            new.copy_(x.flatten()[order].view(x.shape))
        return new
    shape = (*x.shape, 2) if x.is_complex() else x.shape
    exact = torch.float64 if x.dtype in (torch.float64, torch.complex128) else torch.float32
    values = draw(x, torch.empty(shape, dtype=exact).normal_(generator=generator))
    return new.copy_(torch.view_as_complex(values) if x.is_complex() else values)


def _normal(_: Tensor, noise: Tensor) -> Tensor:
    return noise


def _unit(_: Tensor, noise: Tensor) -> Tensor:
    return noise.mul_(0.5**0.5).erf_().add_(1).div_(2)


def _in_range(x: Tensor, noise: Tensor) -> Tensor:
    parts = torch.view_as_real(x) if x.is_complex() else x
    low, high = (float(bound) for bound in parts.double().aminmax()) if x.numel() else (0.0, 0.0)
    if not 0 < high - low < float("inf"):  # an example of zeros says nothing; bytes are the widest that images come in
        low, high = 0.0, 255.0
    return _unit(x, noise).mul_(high - low).add_(low)


def _first_images(example: Any) -> Any:
    """Return the first inputs of a batch; in a tuple, of every tensor as long as the first."""
    first = example[0] if isinstance(example, tuple) else example
    if not _is_plain(first) or first.dim() == 0 or len(first) <= IMAGES:
        return example
    return mapped(lambda x: x[:IMAGES] if _is_plain(x) and x.dim() and len(x) == len(first) else x, example)


def _smaller(example: Any) -> Any:
    """Return images of half the height and width; None where that saves no time or may be no images.

    On a GPU an index out of bounds, in a model that takes one size only, would be the end of the process.
    """
    if not isinstance(example, Tensor) or example.dim() != 4 or example.device.type != "cpu" or not _is_plain(example):
        return None
    height, width = example.shape[2:]
    return example[:, :, : height // 2, : width // 2] if min(height, width) >= SMALL else None


def _is_plain(x: Tensor) -> bool:
    return x.layout is torch.strided and not x.is_quantized and not x.is_nested


def mapped(change: Callable[[Tensor], Any], value: Any) -> Any:
    """Return a nest of tuples, lists and mappings with every tensor in it changed; all else stays."""
    if isinstance(value, Tensor):
        return change(value)
    if type(value) in (tuple, list):
        return type(value)(mapped(change, part) for part in value)
    if type(value) is dict:
        return {key: mapped(change, part) for key, part in value.items()}
    return value


def cloned(x: Tensor) -> Tensor:
    return x.detach().clone()


def run_example(model: nn.Module, example: Any) -> None:
    """Run the user's own example; raise `MethodError` if the model cannot take it."""
    try:
        with torch.no_grad(), random_numbers_of(0, device_of(model)):
            call(model, mapped(cloned, example))
    except (MethodError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        raise MethodError(f"the model does not run on the example ({summary(error)})") from error


@contextmanager
def random_numbers_of(seed: int, device: torch.device) -> Iterator[None]:
    """Seed the generators of torch, on the CPU and on ``device``, and of Python; restore their states at the end."""
    state = random.getstate()
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.default_generator.manual_seed(seed)
        if device.type == "cuda":
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        random.seed(seed)
        try:
            yield
        finally:
            random.setstate(state)
