"""Equivalence: whether a copy of a model computes what the model does, on random inputs that the check draws itself."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ..contract.errors import MethodError
from ..contract.forward import call

BATCHES = 2
"""Batches of its own that a check looks at, of different scales."""
IMAGES = 2
"""Inputs in such a batch, where the model takes fewer than the example has."""
FLIPS = 1e-3
"""Share of whole numbers, and of values that are not finite, which rounding before an ``argmax`` may change."""

T = TypeVar("T")


class Reference:
    """What a model puts out for random inputs.

    The inputs have the shapes, types, devices and memory formats of the example; values with a fraction are drawn anew,
    at one scale in each batch, and whole numbers, such as token ids and masks, are kept or change places. A batch that
    the model refuses, or for which no value it puts out is finite, does not count. Every pass starts from the same
    random numbers, so that a model that draws some can be compared, too.

    Parameters
    ----------
    model
        In eval mode. Running it may change its state: give a copy.
    example
        Input of the model, never changed.

    Attributes
    ----------
    refusal
        Why there is nothing to compare with; empty if there is.
    """

    def __init__(self, model: nn.Module, example: Any) -> None:
        self.refusal = ""
        self._passes: list[tuple[Any, Any]] = []
        few = _first_images(example)
        for given in [few, example] if few is not example else [example]:
            for inputs in own_inputs(given):
                try:
                    outputs = self._run(model, inputs, len(self._passes))
                except torch.OutOfMemoryError:
                    raise
                except Exception as error:  # a model refuses inputs in as many ways as there are models
                    self.refusal = self.refusal or summary(error)
                    continue
                if _is_telling(outputs):
                    self._passes.append((inputs, outputs))
                else:
                    self.refusal = self.refusal or "no value of its output is finite"
                if len(self._passes) == BATCHES:
                    break
            if self._passes:
                self.refusal = ""
                break

    def difference(self, model: nn.Module, eps: float) -> str | None:
        """Say where the outputs of ``model``, a changed copy, first differ by more than rounding; None: nowhere.

        Parameters
        ----------
        model
            In eval mode. Running it may change its state: give a copy.
        eps
            Rounding unit of the least precise layers that were changed.
        """
        for number, (inputs, expected) in enumerate(self._passes):
            try:
                actual = self._run(model, inputs, number)
            except torch.OutOfMemoryError:
                raise
            except Exception as error:  # what was changed may be missed anywhere
                return summary(error)
            if found := difference(actual, expected, eps):
                return found
        return None

    @staticmethod
    def _run(model: nn.Module, inputs: Any, number: int) -> Any:
        with torch.no_grad(), random_numbers_of(number, device_of(model)):
            return call(model, mapped(_clone, inputs))


def run_example(model: nn.Module, example: Any) -> None:
    """Run the user's own example; raise `MethodError` if the model cannot take it."""
    try:
        with torch.no_grad(), random_numbers_of(0, device_of(model)):
            call(model, mapped(_clone, example))
    except (MethodError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        raise MethodError(f"the model does not run on the example ({summary(error)})") from error


def own_inputs(example: Any) -> Iterator[Any]:
    """Yield inputs like ``example`` with other values: standard normal, in the example's range, and from 0 to 1."""
    for number, draw in enumerate((_normal, _in_range, _unit)):
        generator = torch.Generator().manual_seed(number)
        yield mapped(lambda x, draw=draw, generator=generator: _redrawn(x, draw, generator), example)


def _redrawn(x: Tensor, draw: Callable[[Tensor, Tensor], Tensor], generator: torch.Generator) -> Tensor:
    new = _clone(x)
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


def _clone(x: Tensor) -> Tensor:
    return x.detach().clone()


def _is_telling(outputs: Any) -> bool:
    """Return whether some value is finite, or none could be otherwise."""
    tensors = [x for x in tensors_in(outputs) if x.numel() and (x.is_floating_point() or x.is_complex())]
    return not tensors or any(bool(plain(x).isfinite().any()) for x in tensors)


def tensors_in(value: Any, seen: frozenset[int] = frozenset()) -> Iterator[Tensor]:
    """Yield the tensors of a nest of containers and objects."""
    if isinstance(value, Tensor):
        yield value
    elif id(value) not in seen:
        for part in (_parts(value) or {}).values():
            yield from tensors_in(part, seen | {id(value)})


def difference(
    actual: Any, expected: Any, eps: float, name: str = "the output", seen: Iterable[int] = ()
) -> str | None:
    """Say where two outputs first differ by more than rounding; None: nowhere.

    Outputs are tensors of any type, numbers, texts, None, and containers and objects of such, as deep as they are.
    What is not a number must be so in both. Of objects that hold none of these only the class is compared.
    """
    if type(actual) is not type(expected):
        return f"{name} is a {type(actual).__name__} and not a {type(expected).__name__}"
    if isinstance(expected, Tensor):
        return _tensor_difference(actual, expected, eps, name)
    if isinstance(expected, float | complex):
        return _tensor_difference(torch.tensor(actual), torch.tensor(expected), eps, name)
    if isinstance(expected, int | str | bytes):
        return None if actual == expected else f"{name} is {actual!r} and not {expected!r}"
    parts, wanted = _parts(actual), _parts(expected)
    if wanted is None or parts is None or id(expected) in seen:
        return None
    if parts.keys() != wanted.keys():
        return f"{name} has the parts {list(parts)} and not {list(wanted)}"
    found = (difference(parts[key], wanted[key], eps, f"{name}[{key!r}]", {*seen, id(expected)}) for key in wanted)
    return next((one for one in found if one is not None), None)


def _parts(value: Any) -> dict[Any, Any] | None:
    """Return what a container or an object consists of; None: nothing that can be compared."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, list | tuple):
        return dict(enumerate(value))
    if hasattr(value, "__array_interface__"):  # of numpy
        return {0: torch.as_tensor(value) if value.dtype.kind in "biufc" else value.tolist()}
    return vars(value) if hasattr(value, "__dict__") and not callable(value) else None


def plain(x: Tensor) -> Tensor:
    """Return the values of a quantised or sparse tensor as an ordinary one."""
    if x.is_quantized:
        return x.dequantize()
    return x.detach() if x.layout is torch.strided else x.detach().to_dense()


def _tensor_difference(actual: Tensor, expected: Tensor, eps: float, name: str) -> str | None:
    if expected.is_nested:
        return difference(list(actual.unbind()), list(expected.unbind()), eps, name)
    for what in ("shape", "dtype", "device", "layout"):
        one, other = getattr(actual, what), getattr(expected, what)
        if one != other:
            return f"the {what} of {name} is {one} and not {other}"
    actual, expected = plain(actual), plain(expected)
    if not (expected.is_floating_point() or expected.is_complex()):
        flips = float((actual != expected).double().mean()) if expected.numel() else 0.0
        return f"{name} differs in {100 * flips:.2g} % of its values" if flips > FLIPS else None
    tolerance = max(1e-4, 8 * max(eps, _rounding(expected)))
    wide = torch.complex128 if expected.is_complex() else torch.float64
    actual, expected = actual.to(wide), expected.to(wide)
    finite = actual.isfinite() & expected.isfinite()
    odd = ~finite & (actual != expected) & ~(actual.isnan() & expected.isnan())
    if odd.numel() and (share := float(odd.double().mean())) > FLIPS:
        return f"{100 * share:.2g} % of {name} is finite, or infinite, in one of the two only"
    actual, expected = actual[finite], expected[finite]
    far, size = float((actual - expected).norm()), float(expected.norm())
    if far <= tolerance * max(size, 1e-12):
        return None
    return f"{name} differs by {far / max(size, 1e-12):.2g} of its size, and {tolerance:.2g} is rounding"


def _rounding(x: Tensor) -> float:
    """Return the rounding unit of what computed a tensor: on a GPU it may have been TensorFloat-32."""
    coarse = x.is_cuda and x.dtype == torch.float32 and torch.backends.cudnn.allow_tf32
    return 2.0**-10 if coarse else torch.finfo(x.dtype).eps


def rounding_of(modules: Iterable[nn.Module]) -> float:
    """Return the largest rounding unit of the parameters of some modules, at least that of float64."""
    floats = (p.dtype for module in modules for p in module.parameters() if p.is_floating_point())
    return max((torch.finfo(dtype).eps for dtype in floats), default=torch.finfo(torch.float64).eps)


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


def device_of(model: nn.Module) -> torch.device:
    """Return the device of a model's first parameter; the CPU if it has none."""
    return next((parameter.device for parameter in model.parameters()), torch.device("cpu"))


def summary(error: Exception) -> str:
    """Return the type of an error and the first line of its message."""
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"


def copied(model: T, *, sharing: bool = False) -> T:
    """Return a deep copy of any module that can be run.

    Tensors with a history, such as a pruned weight, are copied without it. What cannot be copied, such as a lock, is
    the same object in the copy.

    Parameters
    ----------
    model
        The module.
    sharing
        Whether the parameters are the very same in the copy, which is then for looking and running only.

    Raises
    ------
    MethodError
        If it cannot be copied all the same.
    """
    assert isinstance(model, nn.Module)
    kept: dict[int, Any] = {id(p): p for p in model.parameters()} if sharing else {}
    try:
        with _WithoutHistory():
            try:
                return copy.deepcopy(model, dict(kept))
            except Exception:  # objects refuse in as many ways as there are classes
                kept |= {id(one): one for one in _uncopyable(model)}
                return copy.deepcopy(model, kept)
    except Exception as error:
        raise MethodError(f"the {type(model).__name__} cannot be copied ({summary(error)})") from error


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
