"""Calibration: a compressed network is refitted to the original, layer by layer from shallow to deep (peng2018)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from ..contract.errors import SettingError
from ..contract.forward import call, device_of, evaluating, first_argument
from ..linear_layers.layers import CompressedLinear, MapsOfTokens
from ..linear_layers.pointwise import as_convolution
from ..plan.inputs import Batch, first_inputs, to_device
from ..plan.plan import Plan


class LayerActivations:
    """The inputs of one layer in the compressed network, with the outputs of its convolution in the original one.

    An iteration runs both networks over the batches, up to that layer, and yields ``(inputs, targets)``: the layer's
    input ``(b, c, h, w)`` in the compressed network and the convolution's output ``(b, n, h', w')`` in the original.
    Nothing is kept between batches, so that memory does not grow with their number; another iteration runs the networks
    again. A layer that is called several times gives a pair for each call.

    Parameters
    ----------
    original, compressed
        The two networks, in eval mode.
    path
        The layer.
    calls
        How often a forward pass calls it.
    batches
        Inputs of the networks.
    """

    def __init__(
        self, original: nn.Module, compressed: nn.Module, path: str, calls: int, batches: Sequence[Batch]
    ) -> None:
        self.original = original
        self.compressed = compressed
        self.path = path
        self.calls = calls
        self.batches = batches

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for batch in self.batches:
            yield from zip(self._inputs(batch), self._targets(batch), strict=True)

    def _inputs(self, batch: Batch) -> list[Tensor]:
        return self._watch(self.compressed, batch, lambda given, _: given)

    def _targets(self, batch: Batch) -> list[Tensor]:
        return self._watch(self.original, batch, lambda _, output: output)

    def _watch(self, model: nn.Module, batch: Batch, what: Callable[[Tensor, Tensor], Tensor]) -> list[Tensor]:
        """Run ``model`` until the layer's last call and return what was seen at each."""
        seen: list[Tensor] = []

        def note(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Tensor) -> None:
            # a copy, since what follows may work in place
            seen.append(what(first_argument(args, kwargs), output).clone())
            if len(seen) == self.calls:
                raise _Reached

        # before other hooks, which see the layer's output and may change it
        hook = model.get_submodule(self.path).register_forward_hook(note, with_kwargs=True, prepend=True)
        try:
            call(model, batch)
        except _Reached:
            pass
        finally:
            hook.remove()
        return seen


class _Reached(Exception):
    """The forward pass has reached the last call of the layer."""


def take(calibration: Iterable[Batch] | None, plan: Plan) -> list[Batch]:
    """Return as many calibration inputs as the methods of ``plan`` need; none if they read weights only.

    Parameters
    ----------
    calibration
        Batches of inputs, without labels: tensors, or tuples of the forward's arguments whose first is the batch. The
        first `Plan.calibration_samples` inputs are taken. There may be more, even without end.
    plan
        The plan that will be carried out.

    Raises
    ------
    SettingError
        If a method needs calibration and there is none, or it is not made of inputs.
    """
    wanted = plan.calibration_samples
    if not wanted:
        return []
    batches = list(first_inputs(() if calibration is None else calibration, wanted))
    if not batches:
        names = " and ".join(sorted({str(g.method) for g in plan.groups if g.method.calibration_samples}))
        raise SettingError(
            f"{names} looks at activations, and there {'is no' if calibration is None else 'was no batch in the'} "
            f"calibration: pass calibration=batches, some {wanted} inputs of the network in batches"
        )
    return batches


def refit_layers(
    original: nn.Module, compressed: nn.Module, plan: Plan, batches: Sequence[Batch], generator: torch.Generator
) -> None:
    """Let the methods of ``plan`` refit their layers in forward order, each after all before it have been.

    Modes, batch-norm statistics and torch's global random numbers are left as they were; where a network draws random
    numbers even in eval mode, they come from ``generator``.

    Parameters
    ----------
    original
        The network before compression.
    compressed
        The same network with the replacements of ``plan``, whose values are changed.
    plan
        The plan that was carried out.
    batches
        From `take`. Each method gets as many of the first inputs as it needs.
    generator
        Source of the positions that are drawn.
    """
    layers = sorted((layer for layer in plan.layers if layer.group is not None), key=lambda layer: layer.spec.position)
    device = device_of(original)
    batches = [to_device(batch, device) for batch in batches]
    with evaluating(original), evaluating(compressed), _random_numbers_from(generator, device):
        calls = _count_calls(original, [layer.path for layer in layers], batches[0])
        for layer in layers:
            method = plan.method_of(layer)
            # a layer that is not called for these inputs keeps its values
            if method is None or not method.calibration_samples or not calls[layer.path]:
                continue
            conv, new = original.get_submodule(layer.path), compressed.get_submodule(layer.path)
            own = list(first_inputs(batches, method.calibration_samples))
            seen = LayerActivations(original, compressed, layer.path, calls[layer.path], own)
            if isinstance(conv, nn.Linear) and isinstance(new, CompressedLinear):
                conv, new, seen = as_convolution(conv), new.layer, MapsOfTokens(seen)
            assert isinstance(conv, nn.Conv2d)
            method.refit_layer(new, conv, layer.spec, seen, generator)


@contextmanager
def _random_numbers_from(generator: torch.Generator, device: torch.device) -> Iterator[None]:
    """Seed torch's global generators from ``generator``, and restore their state at the end."""
    seed = int(torch.randint(2**31, (), generator=generator))
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


def _count_calls(model: nn.Module, paths: Sequence[str], batch: Batch) -> Counter[str]:
    """Return how often a forward pass calls each module."""
    calls: Counter[str] = Counter()
    hooks = [
        model.get_submodule(path).register_forward_pre_hook(lambda *_, path=path: calls.update([path]))
        for path in paths
    ]
    try:
        call(model, batch)
    finally:
        for hook in hooks:
            hook.remove()
    return calls
