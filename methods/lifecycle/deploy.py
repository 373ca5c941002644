"""The inference form of a model. Dense and compressed ones get the same treatment, so that they can be compared."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from ..contract.errors import MethodError, require
from ..contract.forward import device_of, require_example, untouched_random_numbers
from ..contract.rewrite import compressed_layers, is_channels_last
from ..numerics.linear import without_autocast
from ..plan.arguments import require_module
from .inference.copies import copied, summary, to_run
from .inference.equivalence import Reference, rounding_of, tensors_in
from .inference.fold import Fold, Folding, find_folds, wrong_folds
from .inference.forms import choose_forms, to_channels_last
from .inference.inputs import run_example


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
        name of its form. ``decompbench_folded`` tells whether every batch-norm right behind a convolution was folded,
        both of torch's own classes (it needs a model that ``torch.fx`` can trace), and ``decompbench_unfolded`` maps
        the paths of those that were not to the reasons. A compressed layer that cannot be traced is kept whole, with a
        warning: the batch-norm behind it stays, all others are folded.

    Raises
    ------
    SettingError
        If an argument is of the wrong type.
    MethodError
        If the model cannot be copied, put in eval mode or run on the example, is compiled, or has layers whose sizes
        are not known yet.
    """
    require_module(model)
    require_example(example)
    require(forms in ("fastest", "compact"), f"forms is 'fastest' or 'compact', got {forms!r}")
    _require_deployable(model)
    channels_last = any(map(is_channels_last, (*tensors_in(example), *model.parameters())))
    notes: list[Warning] = []
    with torch.no_grad(), without_autocast(device_of(model)):
        # weights that are folded need not be copied
        changed = {id(tensor) for layer in compressed_layers(model).values() for tensor in layer.parameters()}
        made = _for_inference(model, [tensor for tensor in model.parameters() if id(tensor) not in changed])
        chosen = choose_forms(made, example, forms, dtype, channels_last, notes)
        kept = _fold_batch_norm(made, model, list(chosen), example, notes)
        theirs = {id(tensor) for tensor in model.parameters()}
        deployed = copied(made, [tensor for tensor in made.parameters() if id(tensor) not in theirs])
    for parameter in deployed.parameters():  # a scripted module has no requires_grad_ for all of them
        parameter.requires_grad_(False)
    if channels_last:  # forms are new modules, in the default layout
        to_channels_last(deployed)
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


def _for_inference(model: nn.Module, sharing: Iterable[Tensor]) -> nn.Module:
    """Return a copy in eval mode."""
    try:
        return copied(model, sharing).eval()
    except NotImplementedError as error:  # exported programs refuse
        raise MethodError(f"the model cannot be put in eval mode ({summary(error)}): deploy the one that it was made "
                          "from") from error  # fmt: skip


def _fold_batch_norm(
    deployed: nn.Module, model: nn.Module, paths: Collection[str], example: Any, notes: list[Warning]
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
        text = f"batch-norm behind {path} is not folded: torch.fx cannot trace its {kind} ({reason})"
        notes.append(UserWarning(text))
    folds = found.folds if found else []
    wrong: dict[str, str] = {}
    if folds or paths:
        wrong = _wrong_folds(deployed, model, found, paths, example, notes)
        for fold in folds:
            fold.put(deployed, folded=fold.norm[0] not in wrong)
    return {**found.kept, **wrong} if found else None


def _wrong_folds(
    deployed: nn.Module,
    model: nn.Module,
    found: Folding | None,
    paths: Collection[str],
    example: Any,
    notes: list[Warning],
) -> dict[str, str]:
    """Return the batch-norms that must not be folded, with the reasons, by comparing outputs with the model's."""
    folds = found.folds if found else []
    reference = Reference(_for_inference(model, model.parameters()), example)
    eps = rounding_of([*(fold.before[0] for fold in folds), *map(deployed.get_submodule, paths)])

    def difference(folded: Sequence[Fold], trial: nn.Module | None = None) -> str | None:
        trial = trial or to_run(deployed)
        for fold in folds:
            fold.put(trial, folded=fold in folded)
        return reference.difference(trial, eps)

    if reference.refusal:
        run_example(_for_inference(model, model.parameters()), example)
        reason = f"the model takes no random inputs of the example's shapes ({reference.refusal})"
    # the copy that was traced is at hand, but may be the worse for it
    elif (found and difference(folds, found.shown) is None) or difference(folds) is None:
        return {}
    elif (change := reference.difference(_for_inference(model, model.parameters()), eps)) is not None:
        reason = f"the model does not repeat itself: called twice with one input, {change}"
    elif (change := difference([])) is not None:
        reason = f"{change}, though each layer computes what it did: the model makes more of rounding"
    else:
        return wrong_folds(folds, difference)
    notes.append(UserWarning(
        "it cannot be checked on the whole model that the deployed one computes the same, and no batch-norm is folded: "
        f"{reason}"
    ))  # fmt: skip
    return {fold.norm[0]: reason for fold in folds}
