"""The folding of batch-norm: in the inference form its scale and shift lie in the layer before it.

Which pairs may be folded follows from the graph that ``torch.fx`` traces. The graph is looked at and not run: the model
keeps its own forward, and all that hangs on its modules.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import Graph, Node

from ...contract.forward import first_argument
from ...contract.layers import CompressedConv2d
from ...contract.rewrite import replace_module
from .copies import to_run
from .inputs import run_example
from .tracing import has_hooks, traced, untraceable

LAYERS: dict[type[nn.Module], tuple[type[nn.Module], int]] = {
    nn.Conv1d: (nn.BatchNorm1d, 3),
    nn.Conv2d: (nn.BatchNorm2d, 4),
    nn.Conv3d: (nn.BatchNorm3d, 5),
    nn.Linear: (nn.BatchNorm1d, 2),
}
"""Layers that a batch-norm can be folded into, with its class and the dimensions of what lies between the two."""
NORMS = tuple({norm for norm, _ in LAYERS.values()})


@dataclass(eq=False)
class Fold:
    """A batch-norm and the layer before it that takes it up.

    Attributes
    ----------
    layer, norm
        Paths of the two, under all their names.
    before, after
        The two modules, and the folded layer with what is left of the batch-norm.
    """

    layer: Sequence[str]
    norm: Sequence[str]
    before: tuple[nn.Module, nn.Module]
    after: tuple[nn.Module, nn.Module]

    def put(self, model: nn.Module, *, folded: bool) -> None:
        """Put the folded or the original modules into a model."""
        for paths, module in zip((self.layer, self.norm), self.after if folded else self.before, strict=True):
            for path in paths:
                replace_module(model, path, module)


@dataclass
class Folding:
    """What can be folded in a model.

    Attributes
    ----------
    folds
        The pairs.
    kept
        Paths of the batch-norms that stay, though they are right behind a layer, with the reasons.
    whole
        Modules that the graph goes around since they cannot be traced, with the reasons.
    shown
        The copy of the model that was traced.
    """

    folds: list[Fold]
    kept: dict[str, str]
    whole: dict[str, str]
    shown: nn.Module


def find_folds(model: nn.Module, paths: Collection[str], example: Any) -> Folding | None:
    """Return what can be folded in a model in eval mode; None if ``torch.fx`` cannot trace it.

    Parameters
    ----------
    model
        It is not changed.
    paths
        Modules that are traced through if they can be, so that a batch-norm behind one is folded into its last
        convolution. One that cannot be is gone around.
    example
        Input of the model; arguments that it leaves out have their defaults.
    """
    whole: dict[str, str] = {}
    shown, graph = traced(model, whole, example)
    if graph is None and (whole := untraceable(model, paths)):
        shown, graph = traced(model, whole, example)
    return None if graph is None else _Search(model, shown, graph, whole, example).result()


class _Search:
    """The search for pairs in the graph of a model.

    Parameters
    ----------
    model
        The model, whose modules the folds hold.
    shown
        Its copy that was traced.
    graph
        The graph of the copy.
    whole
        See `Folding`.
    example
        Input of the model.
    """

    def __init__(self, model: nn.Module, shown: nn.Module, graph: Graph, whole: dict[str, str], example: Any) -> None:
        self.model, self.shown, self.whole, self.example = model, shown, whole, example
        self.names: dict[nn.Module, list[str]] = defaultdict(list)
        for path, module in model.named_modules(remove_duplicate=False):
            self.names[module].append(path)
        self.calls: dict[str, list[Node]] = defaultdict(list)
        self.read: set[nn.Module] = set()
        for node in graph.nodes:
            path = str(node.target)
            if node.op == "call_module":
                self.calls[path].append(node)
            elif node.op == "get_attr":
                self.read.add(model.get_submodule(path.rpartition(".")[0]))
        self.inside = {part: path for path in self.calls for part in self._parts_of(path)}

    def _parts_of(self, path: str) -> Iterator[nn.Module]:
        """Yield what lies inside a module that the graph goes around, where it may be called unseen."""
        module = self.model.get_submodule(path)
        return (part for part in module.modules() if part is not module)

    def result(self) -> Folding:
        """Return the pairs, and the reasons why others are none."""
        found = Folding([], {}, self.whole, self.shown)
        for path in self.calls:
            norm = self.model.get_submodule(path)
            sources = [self._source(node) for node in self.calls[path]]
            layer_path = next(filter(None, sources), None)
            if type(norm) not in NORMS or layer_path is None:
                continue
            layer = self.model.get_submodule(layer_path)
            fold = self._obstacle(layer_path, path, sources) or folded(layer, norm)
            if isinstance(fold, str):
                found.kept[path] = fold
            else:
                after = (fold, nn.Identity())
                found.folds.append(Fold(self.names[layer], self.names[norm], (layer, norm), after))
        for part, path in self.inside.items():
            if isinstance(part, NORMS) and has_hooks(self.model.get_submodule(path)):
                found.kept[self.names[part][0]] = f"{path}, which it lies in, has hooks"
        return found

    def _source(self, node: Node) -> str | None:
        """Return the path of the layer that a batch-norm is called on; None if it is called on something else."""
        given = node.args[0] if node.args else node.kwargs.get("input")
        if isinstance(given, Node) and given.op == "call_module":
            path = str(given.target)
            module = self.model.get_submodule(path)
            # a compressed layer answers as the convolution it replaces
            return path if isinstance(module, tuple(LAYERS)) and not isinstance(module, CompressedConv2d) else None
        return None

    def _obstacle(self, layer_path: str, norm_path: str, sources: list[str | None]) -> str | None:
        """Return why a pair cannot be folded, as far as its place in the model says so."""
        layer, norm = self.model.get_submodule(layer_path), self.model.get_submodule(norm_path)
        users = [list(node.users) for node in self.calls[layer_path]]
        alone = all(len(own) == 1 and own[0] in self.calls[norm_path] for own in users)
        if not alone:
            return f"what {layer_path} puts out is used elsewhere, too"
        if set(sources) != {layer_path}:
            return f"it is applied to more than what {layer_path} puts out"
        if self.shown.get_submodule(norm_path).training:
            return "it is in training mode, and uses the statistics of each batch"
        for path, module in ((layer_path, layer), (norm_path, norm)):
            if has_hooks(module):
                return f"{path} has hooks"
            if module in self.read:
                return f"a tensor of {path} is read from outside"
            if module in self.inside:
                return f"{path} lies in {self.inside[module]}, too, where its calls are not seen"
            if any(callable(value) for value in vars(module).values()):
                return f"a method of {path} has been replaced"
        if (kind := LAYERS.get(type(layer))) is None:
            return f"{layer_path} is a {type(layer).__name__}, and not of a class of torch's own"
        if kind[0] is nn.BatchNorm1d and self._dimensions(norm_path) != {kind[1]}:
            return "it is applied along another dimension than that of the layer's outputs"
        return None

    def _dimensions(self, path: str) -> set[int]:
        """Return the numbers of dimensions of what a module is called on."""
        model, seen = to_run(self.model), set[int]()
        model.get_submodule(path).register_forward_pre_hook(
            lambda _, args, kwargs: seen.add(first_argument(args, kwargs).dim()), with_kwargs=True
        )
        run_example(model, self.example)
        return seen


def folded(layer: nn.Module, norm: nn.Module) -> nn.Module | str:
    """Return a layer that computes what ``layer`` and the batch-norm behind it do, or why there is none.

    Parameters
    ----------
    layer
        A convolution ``(n, c / G, ...)`` that is not transposed, or a linear layer ``(n, c)``.
    norm
        In eval mode, of ``n`` channels.
    """
    assert isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d)
    mean, variance = norm.running_mean, norm.running_var
    if mean is None or variance is None:
        return "it has no running statistics, and uses those of each batch"
    weight, bias = layer._parameters.get("weight"), layer._parameters.get("bias")
    if weight is None:
        return "the weight of its layer is computed"
    # one rounding at the end: half precision would round at every step
    scale = (variance.double() + norm.eps).rsqrt()
    if norm.weight is not None:
        scale = scale * norm.weight.double()
    shift = -mean.double() * scale if bias is None else (bias.double() - mean.double()) * scale
    if norm.bias is not None:
        shift = shift + norm.bias.double()
    wide = torch.promote_types(weight.dtype, torch.float32)
    new = (weight.to(wide) * scale.to(wide).view(-1, *[1] * (weight.dim() - 1))).to(weight.dtype)
    shift = shift.to(weight.dtype)
    # other types have the range of the scale
    if not _finite(shift) or (weight.dtype == torch.float16 and not _finite(new)):
        return f"folded, its weights would be too large for {weight.dtype}"
    fused = copy.copy(layer)
    fused._parameters = {
        "weight": nn.Parameter(new, requires_grad=False),
        "bias": nn.Parameter(shift, requires_grad=False),
    }
    return fused


def _finite(tensor: Tensor) -> bool:
    return bool(tensor.isfinite().all())


def wrong_folds(folds: Sequence[Fold], difference: Callable[[Sequence[Fold]], str | None]) -> dict[str, str]:
    """Return the batch-norms that must not be folded after all, with the reasons, found by halving.

    Parameters
    ----------
    folds
        Some pairs.
    difference
        Says what is wrong when these are folded and no others; None: nothing.
    """
    wrong: dict[str, str] = {}
    right: list[Fold] = []

    def add(some: Sequence[Fold]) -> None:
        found = difference([*right, *some])
        if found is None:
            right.extend(some)
        elif len(some) == 1:
            wrong[some[0].norm[0]] = f"folded, {found}"
        else:
            add(some[: len(some) // 2])
            add(some[len(some) // 2 :])

    if folds:
        add(folds)
    return wrong
