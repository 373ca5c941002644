"""The loader: any model by name, with fresh or trained weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from ..common.names import either, nearest
from .checkpoint import load_into, read_state
from .errors import ModelSettingError, WeightsError
from .registry import family_of
from .weights import find_packaged, packaged_weights


def load_model(name: str, *, pretrained: bool | str | Path = False, **kwargs: Any) -> nn.Module:
    """Build a model by name, with fresh or trained weights, on the CPU and in training mode.

    Parameters
    ----------
    name : str
        One of ours (`list_models` has the patterns), such as ``resnet20``, ``resnet18-cifar``, ``vgg16-cifar``,
        ``densenet40``, ``edsr-r16f64x4`` or ``srresnet-x4``; ``timm/<name>`` or ``torchvision/<name>``.
    pretrained : bool, str or Path
        ``False``: fresh weights, drawn from torch's global generator. ``True``: the packaged weights, or for
        timm and torchvision the weights they download. The name of data with packaged weights
        (``"fashion-mnist-10k"``): those. One of torchvision's names for weights (``"IMAGENET1K_V1"``): those;
        timm's are told apart by the model's tag. A path: a safetensors file, or a state dict read with
        ``weights_only=True``.
    **kwargs
        JSON values passed to the model, such as ``in_chans`` and ``num_classes``. Packaged weights bring
        their own where they are not given.

    Returns
    -------
    torch.nn.Module
        With ``model.decompbench_ref = {"name": name, "kwargs": kwargs}``, from which it can be built again.

    Raises
    ------
    UnknownModelError
        No such model; the message gives the rule or the nearest names.
    ModelSettingError
        A keyword argument that the model does not take.
    WeightsError
        Weights that are not there or do not fit; the message lists the keys.

    Examples
    --------
    >>> model = load_model("resnet20", in_chans=1)
    >>> sum(parameter.numel() for parameter in model.parameters())
    269434
    """
    family = family_of(name)
    path: Path | None = None
    from_library: bool | str = False
    if isinstance(pretrained, str) and pretrained in family.weights_names(name):
        from_library = pretrained
    elif pretrained is True and family.own_weights:
        from_library = True
    elif pretrained is True or (isinstance(pretrained, str) and _names_packaged_data(pretrained)):
        packaged = find_packaged(name, None if pretrained is True else pretrained)
        kwargs = packaged.metadata.get("kwargs", {}) | kwargs
        path = packaged.path
    elif pretrained is not False:
        path = Path(pretrained)
    _check_json(name, kwargs)
    # Read before building: a wrong path is then reported at once, also where building takes long.
    state = None if path is None else _read(path, name)
    model = family.build(name, pretrained=from_library, **kwargs)
    if state is not None:
        load_into(model, state, source=str(path))
    # Past nn.Module's own __setattr__, whose annotation knows parameters and modules only.
    object.__setattr__(model, "decompbench_ref", {"name": name, "kwargs": kwargs})
    return model


def _names_packaged_data(text: str) -> bool:
    return text in {weights.data for weights in packaged_weights()}


def _read(path: Path, name: str) -> dict[str, Tensor]:
    try:
        return read_state(path)
    except WeightsError as error:
        if path.exists():
            raise
        own = [weights.data for weights in packaged_weights(name)]
        hint = f" Packaged for {name}, by the name of their data: {either(own)}." if own else ""
        family = family_of(name)
        if family.own_weights:
            named = family.weights_names(name)
            hint = f" From {family.source}.{' Names: ' + ', '.join(named) + '.' if named else ''}"
            near = nearest(path.name, named)
            hint += f" Did you mean {either(near)}?" if near else ""
        raise WeightsError(f"{error}{hint}") from error


def _check_json(name: str, kwargs: dict[str, Any]) -> None:
    try:
        json.dumps(kwargs, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ModelSettingError(
            f"{name}: keyword arguments must be JSON values, so that the model can be rebuilt: {error}"
        ) from error
