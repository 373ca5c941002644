"""Copies of a model: of any that can be run, and cheap ones to run and look at."""

from __future__ import annotations

import copy
import gc
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ...contract.errors import MethodError
from ...contract.spec import ConvSpec
from ...plan.plan import Plan

ModuleT = TypeVar("ModuleT", bound=nn.Module)


def copied(model: ModuleT, sharing: Iterable[Tensor] = ()) -> ModuleT:
    """Return a deep copy of any module that can be run.

    Tensors with a history, such as a pruned weight, are copied without it. What cannot be copied, such as a lock, is
    the same object in the copy.

    Parameters
    ----------
    model
        The module.
    sharing
        Parameters that are the very same in the copy.

    Raises
    ------
    MethodError
        If it cannot be copied all the same.
    """
    values = (value for module in model.modules() for value in vars(module).values())
    # a plan and a spec never change, and are large
    fixed = (value for value in values if isinstance(value, Plan | ConvSpec))
    same: dict[int, Any] = {id(one): one for one in (*sharing, *fixed)}
    # most models are plain, and the third way takes time
    ways = (lambda: _copied(model, same, nullcontext()), lambda: _copied(model, same, _WithoutHistory()),
            lambda: _copied(model, same | {id(one): one for one in _uncopyable(model)}, _WithoutHistory()))  # fmt: skip
    failed: Exception | None = None
    for way in ways:
        try:
            return way()
        except Exception as error:  # objects refuse in as many ways as there are classes
            failed = error
    assert failed is not None
    raise MethodError(f"the {type(model).__name__} cannot be copied ({summary(failed)})") from failed


def _copied(model: ModuleT, same: dict[int, Any], context: AbstractContextManager[Any]) -> ModuleT:
    with torch.no_grad(), context, _uncollected():
        return copy.deepcopy(model, dict(same))


@contextmanager
def _uncollected() -> Iterator[None]:
    """Pause the collection of garbage: a copy makes thousands of objects and no garbage, and takes half the time."""
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()


class _WithoutHistory(TorchFunctionMode):
    """A context in which a tensor that was computed is copied without its gradient's history."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is not Tensor.__deepcopy__ or args[0].is_leaf:
            return func(*args, **(kwargs or {}))
        tensor, memo = args
        alone = tensor.detach()
        memo[id(memo)] = [*memo.get(id(memo), []), alone]  # as copy does: an id is good as long as its object lives
        memo[id(tensor)] = new = copy.deepcopy(alone, memo)
        return new


def _uncopyable(model: nn.Module) -> Iterator[Any]:
    """Yield what hangs on the modules of a model, and on their hooks, and cannot be copied."""
    skipped: dict[int, Any] = {id(one): one for one in (*model.modules(), *model.parameters(), *model.buffers())}
    for module in model.modules():
        for value in vars(module).values():
            for one in value.values() if isinstance(value, dict) else [value]:
                try:
                    copy.deepcopy(one, dict(skipped))
                except Exception:
                    yield one


def to_run(model: ModuleT) -> ModuleT:
    """Return a copy whose parameters are the model's: it takes little memory, and is for looking and running only."""
    return copied(model, model.parameters())


def summary(error: Exception) -> str:
    """Return the type of an error and the first line of its message."""
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
