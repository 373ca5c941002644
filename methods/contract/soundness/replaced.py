"""The check that what runs is what was replaced, and the way back where it is not."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from ..errors import MethodError, SettingError
from ..forward import evaluating, untouched_random_numbers
from .memory import storage_id
from .running import run_example
from .usage import Running, Usage


def called_layers(model: nn.Module, layers: Mapping[str, nn.Module], example: Any) -> set[str] | None:
    """Return the paths of the layers that one forward pass calls; None, with a warning, if ``example`` does not run.

    Parameters
    ----------
    model
        In any mode; it is run in eval mode without gradients.
    layers
        Modules by path.
    example
        An input, or a tuple of arguments; None where there is none to run.
    """
    if not layers:
        return set()
    usage = Usage(layers)
    try:
        if example is None:
            raise MethodError("there is no example of its input")
        with evaluating(model), usage:
            _run(model, example, usage.running)
    except MethodError as error:
        warnings.warn(f"it is not checked whether the layers that are replaced are those that run: {error}",
                      stacklevel=3)  # fmt: skip
        return None
    return usage.called


def require_replaced(
    model: nn.Module, originals: Mapping[str, nn.Module], called: Collection[str], example: Any
) -> None:
    """Raise unless a forward pass calls the layers that replace ``originals``, and uses none of these.

    Parameters
    ----------
    model
        With the replacements in place; it is run in eval mode without gradients.
    originals
        The convolutions that were replaced, by path.
    called
        Paths of those that the model called before (`called_layers`): a layer that was not called need not be now.
    example
        An input, or a tuple of arguments.

    Raises
    ------
    MethodError
        If an original still runs, its weight or bias is still used, its replacement does not run, or the model does not
        run at all any more. The message names the layer.
    """
    replaced = {path: conv for path, conv in originals.items() if model.get_submodule(path) is not conv}
    if not replaced:
        return
    before = Usage(replaced)
    after = Usage({path: model.get_submodule(path) for path in replaced})
    try:
        with evaluating(model), before, after:
            _run(model, example, after.running)
    except SettingError as error:
        raise MethodError(f"with its layers replaced the model does not run any more: {error}") from error
    used = before.called | before.applied
    used |= {path for path, name in before.outside if not _keeps(after.layers[path], replaced[path], name)}
    if used:
        raise MethodError(
            f"{min(used)!r} was replaced, but the forward pass goes on using the convolution that was there: the model "
            "holds it somewhere else as well (a list, a closure, another object). Register the layer under its name "
            f"only, or leave it out: {_exclude(used)}"
        )
    idle = {path for path in called if path in replaced} - after.called
    if idle:
        kind = type(after.layers[min(idle)]).__name__
        raise MethodError(
            f"{min(idle)!r} was replaced, but the forward pass does not call the {kind} that stands there now: it asks "
            f"what a layer is before it calls it, or values decide which layers run. Leave it out: {_exclude(idle)}"
        )


def _keeps(new: nn.Module, conv: nn.Module, name: str) -> bool:
    """Return whether a replacement itself holds the weight or bias of the convolution, or trains in its memory."""
    original = conv._parameters[name]
    if original is None:
        return False
    held = (*new.parameters(), *new.buffers())
    return any(tensor is original or storage_id(tensor) == storage_id(original) for tensor in held)


def _exclude(paths: Iterable[str]) -> str:
    return f"select=Select(exclude={tuple(sorted(paths))!r})"


@contextmanager
def checked_replacement(
    model: nn.Module, originals: Mapping[str, nn.Module], example_for: Callable[[nn.Module], Any]
) -> Iterator[None]:
    """Check that the layers replaced inside are those that run (`require_replaced`); on failure put all back.

    Parameters
    ----------
    model
        The model whose layers are replaced.
    originals
        By path, the convolutions that do not run any more afterwards.
    example_for
        Gives the arguments of a forward pass that the model can take, which may have another precision afterwards; or
        None if there are none: then a warning says that nothing is checked.
    """
    called = called_layers(model, {path: model.get_submodule(path) for path in originals}, example_for(model))
    with put_back_on_failure(model):
        yield
        if called is not None:
            require_replaced(model, originals, called, example_for(model))


@contextmanager
def put_back_on_failure(model: nn.Module) -> Iterator[None]:
    """Put every module of ``model`` back where it was if what is done inside raises anything."""
    children = [(module, dict(module._modules)) for module in model.modules() if isinstance(module._modules, dict)]
    try:
        yield
    except BaseException:
        for module, before in children:
            module._modules.clear()
            module._modules.update(before)
        raise


def _run(model: nn.Module, example: Any, running: Sequence[Running]) -> None:
    """Run an example with random numbers that are the same each time, for a model that draws its way."""
    with untouched_random_numbers():
        torch.manual_seed(0)
        run_example(model, example, running)
