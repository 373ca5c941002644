"""The inference form of a model. Dense and compressed ones get the same treatment, so that they can be compared."""

from __future__ import annotations

import copy
import time
import warnings
from collections.abc import Collection, Mapping, Sequence
from statistics import median
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from ..contract.errors import MethodError, require
from ..contract.forward import first_argument, require_example, untouched_random_numbers
from ..contract.layers import CompressedConv2d
from ..contract.rewrite import compressed_layers, is_channels_last, replace_module
from ..numerics.linear import without_autocast
from ..plan.arguments import require_model
from .equivalence import Reference, copied, device_of, rounding_of, run_example, summary, tensors_in
from .fold import HOOKS, Fold, find_folds, has_hooks, wrong_folds

ROUNDS = 9
"""Timed rounds in which the forms of a layer take turns."""


@untouched_random_numbers()
def deploy(
    model: nn.Module,
    example: Tensor | tuple[Any, ...],
    *,
    forms: Literal["fastest", "compact"] = "fastest",
    dtype: torch.dtype | None = None,
) -> nn.Module:
    """Return a copy of ``model`` for inference that computes the same, up to rounding.

    Batch-norm is folded into the convolution before it, virtual weights are computed once, and of a layer's
    algebraically equal forms one is chosen. The dense form of a weight-space layer is always among them, so a layer
    is not slower than the one it replaced.

    That the result computes the same does not rest on the example's values. Each form is compared with its layer, and
    the whole with the model, on random inputs of the example's shapes, at several scales. A form that differs is left
    out with a warning, and a batch-norm stays where folding it would be wrong. The result keeps the class, the forward
    and the hooks of the model.

    Parameters
    ----------
    model
        Dense or compressed; left as it is.
    example
        Input of the shape, memory format and device that will be used; forms are timed on what it gives each layer.
    forms
        ``"fastest"`` times the forms of each layer here and now and takes the fastest; ``"compact"`` takes the form
        with the multiply-accumulates that the method promises, on which MACs are counted.
    dtype
        Precision that the caller will convert the model to, and that forms are timed in: another form may be fastest
        there. The result still has the model's own precision.

    Returns
    -------
    nn.Module
        In eval mode, its parameters without gradients. ``decompbench_forms`` maps each compressed layer's path to the
        name of its form. ``decompbench_folded`` tells whether every batch-norm right behind a convolution was folded
        (it needs a model that ``torch.fx`` can trace), and ``decompbench_unfolded`` maps the paths of those that were
        not to the reasons. A compressed layer that cannot be traced is kept whole, with a warning: the batch-norm
        behind it stays, all others are folded.

    Raises
    ------
    SettingError
        If an argument is of the wrong type.
    MethodError
        If the model cannot be copied, put in eval mode or run on the example, is compiled, or has layers whose sizes
        are not known yet.
    """
    require_model(model)
    require_example(example)
    require(forms in ("fastest", "compact"), f"forms is 'fastest' or 'compact', got {forms!r}")
    _require_deployable(model)
    deployed = _for_inference(model).requires_grad_(False)
    channels_last = any(map(is_channels_last, (*tensors_in(example), *model.parameters())))
    notes: list[str] = []
    with torch.no_grad(), without_autocast(device_of(model)):
        chosen = _choose_forms(deployed, example, forms, dtype, channels_last, notes)
        if channels_last:  # forms are new modules, in the default layout
            _to_channels_last(deployed)
        kept = _fold_batch_norm(deployed, model, list(chosen), example, notes)
    for note in notes:
        warnings.warn(note, stacklevel=3)  # where deploy was called, past the decorator
    vars(deployed).update(decompbench_forms=chosen, decompbench_folded=kept == {}, decompbench_unfolded=kept or {})
    return deployed


def _require_deployable(model: nn.Module) -> None:
    """Raise `MethodError` for a model of which no copy could be changed."""
    if "_orig_mod" in model._modules:
        raise MethodError("the model is compiled: deploy the one that it was compiled from, model._orig_mod, and "
                          "compile the result")  # fmt: skip
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        if is_lazy(tensor):
            raise MethodError(f"the size of {name} is not known yet: call the model once before it is deployed")


def _for_inference(model: nn.Module, *, sharing: bool = False) -> nn.Module:
    """Return a copy in eval mode."""
    try:
        return copied(model, sharing=sharing).eval()
    except NotImplementedError as error:  # exported programs refuse
        raise MethodError(f"the model cannot be put in eval mode ({summary(error)}): deploy the one that it was made "
                          "from") from error  # fmt: skip


def _choose_forms(
    model: nn.Module, example: Any, forms: str, dtype: torch.dtype | None, channels_last: bool, notes: list[str]
) -> dict[str, str]:
    """Replace each compressed layer by one of its forms, and return the names of the forms by path."""
    paths: dict[CompressedConv2d, list[str]] = {}
    for path, layer in compressed_layers(model).items():
        paths.setdefault(layer, []).append(path)
    inputs = _inputs(copied(model, sharing=True), [names[0] for names in paths.values()], example) if paths else {}
    chosen: dict[str, str] = {}
    for layer, names in paths.items():
        path, x = names[0], inputs.get(names[0])
        # a layer whose weight is computed by a hook has the right one after a call
        reference = None if x is None else Reference(layer, x)
        candidates = _candidates(layer, forms == "compact" or x is None)
        for form in candidates.values():
            _carry_hooks(layer, form)
            if channels_last:
                _to_channels_last(form)
        if reference is not None:
            candidates = _right(candidates, layer, path, reference, notes)
        chosen[path], form = _fastest(candidates, x, dtype)
        for name in names:
            replace_module(model, name, form)
    return chosen


def _inputs(model: nn.Module, paths: Collection[str], example: Any) -> dict[str, Tensor]:
    """Return what each layer sees first when ``example`` goes through the model."""
    seen: dict[str, Tensor] = {}

    def keep(path: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        # inside the model, autocast may have changed the type
        weight = next(model.get_submodule(path).parameters(), None)
        x = first_argument(args, kwargs)
        seen.setdefault(path, x if weight is None else x.to(weight.dtype))

    for path in paths:
        model.get_submodule(path).register_forward_pre_hook(
            lambda _, args, kwargs, path=path: keep(path, args, kwargs), with_kwargs=True
        )
    run_example(model, example)
    return seen


def _candidates(layer: CompressedConv2d, compact: bool) -> dict[str, nn.Module]:
    """Return the forms to choose from, in inference mode."""
    if any(has_hooks(part) for part in layer.modules() if part is not layer):
        return {"layer": layer}  # a form would be without what hangs on the inner modules
    forms = {"compact": layer.compact()} if compact else layer.forms()
    return {name: form.eval().requires_grad_(False) for name, form in forms.items()}


def _carry_hooks(layer: nn.Module, form: nn.Module) -> None:
    """Put the hooks of a layer on what stands for it."""
    if form is not layer:
        for name in HOOKS:
            getattr(form, name).update(getattr(layer, name))


def _right(
    candidates: Mapping[str, nn.Module], layer: nn.Module, path: str, reference: Reference, notes: list[str]
) -> dict[str, nn.Module]:
    """Return the forms that compute what the layer does; the layer itself if there are none."""
    eps = rounding_of([layer])
    right: dict[str, nn.Module] = {}
    for name, form in candidates.items():
        found = None if form is layer else reference.difference(form, eps)
        if found is None:
            right[name] = form
        else:
            notes.append(f"the form {name!r} of {path}, a {type(layer).__name__}, is left out: it does not compute "
                         f"what the layer does ({found})")  # fmt: skip
    return right or {"layer": layer}


def _to_channels_last(module: nn.Module) -> None:
    for tensor in (*module.parameters(), *module.buffers()):
        if tensor.dim() == 4 and tensor.layout is torch.strided:
            tensor.data = tensor.data.contiguous(memory_format=torch.channels_last)


def _fastest(forms: Mapping[str, nn.Module], x: Tensor | None, dtype: torch.dtype | None) -> tuple[str, nn.Module]:
    """Time the forms in turn on ``x``, in precision ``dtype`` if it is given, and return the one of least median."""
    if len(forms) == 1 or x is None:
        return next(iter(forms.items()))
    timed = forms
    if dtype is not None:
        x = x.to(dtype)
        converted = {name: copy.deepcopy(form).to(dtype) for name, form in forms.items()}
        timed = {name: form for name, form in converted.items() if _runs(form, x)}
        if not timed:  # an error then comes when the model is run in this precision
            return next(iter(forms.items()))
    times: dict[str, list[float]] = {name: [] for name in timed}
    for round_ in range(ROUNDS + 1):
        for name, module in timed.items():
            _synchronise(x.device)
            start = time.perf_counter()
            module(x)
            _synchronise(x.device)
            if round_:  # the first round warms up
                times[name].append(time.perf_counter() - start)
    name = min(times, key=lambda name: median(times[name]))
    return name, forms[name]


def _runs(module: nn.Module, x: Tensor) -> bool:
    """Return whether a module runs on ``x``: not every operation has a kernel for every precision."""
    try:
        module(x)
    except (RuntimeError, NotImplementedError):
        return False
    return True


def _synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _fold_batch_norm(
    deployed: nn.Module, model: nn.Module, paths: Collection[str], example: Any, notes: list[str]
) -> dict[str, str] | None:
    """Fold batch-norm where that is right, and compare the whole with the model.

    Returns
    -------
    dict of str to str
        The batch-norms that stay behind a layer, with the reasons; None if ``torch.fx`` cannot trace the model.
    """
    found = find_folds(deployed, paths, example)
    for path, reason in (found.whole if found else {}).items():
        kind = type(deployed.get_submodule(path)).__name__
        notes.append(f"batch-norm behind {path} is not folded: torch.fx cannot trace its {kind} ({reason})")
    folds = found.folds if found else []
    wrong: dict[str, str] = {}
    if folds or paths:
        wrong = _wrong_folds(deployed, model, folds, paths, example, notes)
        for fold in folds:
            fold.put(deployed, folded=fold.norm[0] not in wrong)
    return {**found.kept, **wrong} if found else None


def _wrong_folds(
    deployed: nn.Module,
    model: nn.Module,
    folds: Sequence[Fold],
    paths: Collection[str],
    example: Any,
    notes: list[str],
) -> dict[str, str]:
    """Return the batch-norms that must not be folded, with the reasons, by comparing outputs with the model's."""
    reference = Reference(_for_inference(model, sharing=True), example)
    changed = [fold.before[0] for fold in folds] + [deployed.get_submodule(path) for path in paths]
    eps = rounding_of(changed)

    def difference(folded: Sequence[Fold]) -> str | None:
        for fold in folds:
            fold.put(deployed, folded=fold in folded)
        return reference.difference(copied(deployed, sharing=True), eps)

    if reference.refusal:
        run_example(_for_inference(model, sharing=True), example)
        reason = f"the model takes no random inputs of the example's shapes ({reference.refusal})"
    elif difference(folds) is None:
        return {}
    elif (found := reference.difference(_for_inference(model, sharing=True), eps)) is not None:
        reason = f"the model does not repeat itself: called twice with one input, {found}"
    elif (found := difference([])) is not None:
        reason = f"{found}, though each layer computes what it did: the model makes more of rounding"
    else:
        return wrong_folds(folds, difference)
    notes.append(f"it cannot be checked on the whole model that the deployed one computes the same, and no batch-norm "
                 f"is folded: {reason}")  # fmt: skip
    return {fold.norm[0]: reason for fold in folds}
