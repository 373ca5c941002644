"""The choice of linear layers: those that no plan can touch, those left alone unless asked for, and those in parts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor, nn

from ..contract.settings.select import Select
from ..contract.spec import ATTENTION, LINEAR, ConvSpec, has_own_weight
from .split import chosen_split, split_spec

FUSED = re.compile(r"(.*_)?(w?qkv|c_attn|query_key_value|(?<!query_)(?P<two>kv|key_value))(_proj)?", re.IGNORECASE)
"""Names that libraries give to one matrix of several attention projections; ``two`` of these have two."""
FAST_PATH = ("linear1", "linear2")
"""Children of `nn.TransformerEncoderLayer` whose weights its fused kernel reads, without calling them."""


@dataclass(frozen=True)
class LinearChoice:
    """The layers of a model with what is said of its linear ones.

    Attributes
    ----------
    specs
        All layers in their order; a linear layer that is cut into parts is its parts.
    refused
        By path, why a linear layer cannot be compressed.
    left
        By path, why a linear layer is left alone unless an override names it.
    split
        Parts of each linear layer that is cut into more than one.
    """

    specs: tuple[ConvSpec, ...]
    refused: Mapping[str, str] = field(default_factory=dict)
    left: Mapping[str, str] = field(default_factory=dict)
    split: Mapping[str, int] = field(default_factory=dict)


def choose_linears(
    model: nn.Module, specs: Sequence[ConvSpec], split: Mapping[str, int], select: Select
) -> LinearChoice:
    """Look at every linear layer of a model.

    Parameters
    ----------
    model, specs
        The model and its traced layers.
    split
        By glob pattern, into how many parts a linear layer is cut; 1 compresses a fused projection as it is.
    select
        Tells whether the classifier is left alone.

    Raises
    ------
    SettingError
        See `chosen_split`.
    """
    parts = chosen_split(specs, split)
    modules, holders = dict(model.named_modules()), _holders(model)
    refused: dict[str, str] = {}
    left: dict[str, str] = {}
    for spec in specs:
        if not spec.is_linear:
            continue
        if reason := _why_not(spec, modules, holders):
            refused[spec.path] = reason
        elif spec.path not in parts and (fused := FUSED.fullmatch(name := spec.path.rpartition(".")[2])):
            number = 2 if fused["two"] else 3
            left[spec.path] = (
                f"fused attention projections: split *.{name} in {number} compresses each, in 1 all as one matrix"
            )
    if select.skip_classifier:
        for spec in _classifiers(specs):
            left.setdefault(spec.path, "classifier: the last layer, and linear; skip_classifier=False takes it, too")
    whole = {path for path, module in modules.items() if path not in refused and has_own_weight(module)}
    cut = {path: number for path, number in parts.items() if number > 1 and path in whole}
    all_specs = [part for spec in specs for part in split_spec(spec, cut.get(spec.path, 1))]
    left |= {f"{path}.{part}": left[path] for path, number in cut.items() if path in left for part in range(number)}
    return LinearChoice(tuple(all_specs), refused, left, cut)


def _classifiers(specs: Sequence[ConvSpec]) -> list[ConvSpec]:
    """Return the last layer that is called if it is linear, and those before it that are its like, as of two heads.

    Their inputs are not as many as their outputs: so none of them feeds another.
    """
    called = sorted((spec for spec in specs if spec.position >= 0), key=lambda spec: spec.position)
    if not called or called[-1].type != LINEAR:
        return []
    *before, last = called
    found = [last]
    while before and last.in_channels != last.out_channels and _shape(before[-1]) == _shape(last):
        found.append(before.pop())
    return found


def _shape(spec: ConvSpec) -> tuple[str, int, int]:
    return spec.type, spec.in_channels, spec.out_channels


def _holders(model: nn.Module) -> dict[int, list[str]]:
    """Return, by ``id``, the names under which modules hold each parameter."""
    holders: dict[int, list[str]] = {}
    for path, module in model.named_modules():
        for name, parameter in module.named_parameters(path, recurse=False):
            holders.setdefault(id(parameter), []).append(name)
    return holders


def _why_not(spec: ConvSpec, modules: Mapping[str, nn.Module], holders: Mapping[int, Sequence[str]]) -> str | None:
    """Return why the weight of a linear layer is not for a method to replace; None if it is."""
    if spec.type == f"{LINEAR}: {ATTENTION}":
        return f"a bare parameter of {ATTENTION}, which calls no linear layer for it"
    above, _, name = spec.path.rpartition(".")
    module, parent = modules[spec.path], modules.get(above)
    if isinstance(parent, nn.MultiheadAttention):
        return f"{ATTENTION} reads its weight and never calls it"
    if isinstance(parent, nn.TransformerEncoderLayer) and name in FAST_PATH:
        return "the fast path of torch.nn.TransformerEncoderLayer reads its weight and does not call it"
    if spec.type != LINEAR:
        return f"a {spec.type.partition(': ')[2]} may compute more than a linear layer"
    if not has_own_weight(module):
        return None  # the planner says so of any layer
    weight = module.get_parameter("weight")
    if type(weight) is not nn.Parameter or type(weight.data) is not Tensor:
        return f"its weight is a {type(weight.data).__name__} and not a plain tensor"
    if not weight.is_floating_point():
        return f"its weight is of {str(weight.dtype).removeprefix('torch.')} and not floating-point"
    others = [other for other in holders[id(weight)] if other != f"{spec.path}.weight"]
    return f"its weight is {others[0]}, too" if others else None
