"""Models of timm and torchvision, built by their own factories. Both are imported when first asked for."""

from __future__ import annotations

import inspect
from types import MappingProxyType
from typing import Any

from torch import nn

from .errors import ModelSettingError, UnknownModelError, WeightsError, nearest
from .family import Family, ImageSize


class TimmModels(Family):
    """``timm/<name>``, any name of ``timm.create_model``, also with a tag (``resnet18.a1_in1k``)."""

    prefix = "timm/"
    pattern = "timm/<name>"
    example = "timm/resnet18"
    kwargs = MappingProxyType({"in_chans": 3, "num_classes": 1000})
    source = "timm (pretrained=True downloads the weights of the tag)"
    own_weights = True

    def claims(self, name: str) -> bool:
        return name.startswith(self.prefix)

    def names(self) -> list[str]:
        import timm

        return timm.list_models()

    def input_size(self, name: str) -> ImageSize | None:
        import timm

        config = timm.get_pretrained_cfg(name.removeprefix(self.prefix))
        return None if config is None else config.input_size

    def build(self, name: str, *, pretrained: bool | str, **kwargs: Any) -> nn.Module:
        import timm

        bare = name.removeprefix(self.prefix)
        if not timm.is_model(bare):
            raise UnknownModelError(
                f"timm has no model {bare!r}.{_nearest_with_prefix(self.prefix, bare, self.names())}"
            )
        self._check_tag(bare)
        try:
            return timm.create_model(bare, pretrained=bool(pretrained), **kwargs)
        except TypeError as error:
            raise ModelSettingError(f"{name} does not take {kwargs}: {error}") from error
        except (OSError, RuntimeError) as error:
            if not pretrained:
                raise
            raise WeightsError(f"timm could not give the weights of {bare}: {error}") from error

    def _check_tag(self, bare: str) -> None:
        """Refuse a tag that the architecture does not have."""
        import timm

        try:
            timm.get_pretrained_cfg(bare)
        except RuntimeError as error:
            architecture, _, tag = bare.partition(".")
            known = timm.list_pretrained(f"{architecture}.*")
            hint = _nearest_with_prefix(self.prefix, bare, known)
            tags = ", ".join(full.removeprefix(f"{architecture}.") for full in known) or "none"
            raise UnknownModelError(f"timm's {architecture} has no tag {tag!r}; it has {tags}.{hint}") from error


class TorchvisionModels(Family):
    """``torchvision/<name>``, any name of ``torchvision.models.list_models()``."""

    prefix = "torchvision/"
    pattern = "torchvision/<name>"
    example = "torchvision/resnet18"
    kwargs = MappingProxyType({"num_classes": 1000})
    source = "torchvision (pretrained=True downloads its default weights, IMAGENET1K_V1 its first ones)"
    own_weights = True

    def claims(self, name: str) -> bool:
        return name.startswith(self.prefix)

    def names(self) -> list[str]:
        import torchvision

        return torchvision.models.list_models()

    def input_size(self, name: str) -> ImageSize | None:
        """Read off the size that the default weights want; detectors take images of any."""
        import torchvision

        transforms = torchvision.models.get_model_weights(name.removeprefix(self.prefix))["DEFAULT"].transforms()
        side = getattr(transforms, "crop_size", None) or getattr(transforms, "resize_size", None)
        return (3, side[0], side[0]) if side and len(side) == 1 else None  # a video's has two

    def weights_names(self, name: str) -> list[str]:
        """Names of torchvision's own, oldest first: ``IMAGENET1K_V1``, ``IMAGENET1K_V2``."""
        import torchvision

        return list(torchvision.models.get_model_weights(self._known(name)).__members__)

    def build(self, name: str, *, pretrained: bool | str, **kwargs: Any) -> nn.Module:
        import torchvision

        bare = self._known(name)
        if kwargs.pop("in_chans", 3) != 3:
            raise ModelSettingError(f"{name}: torchvision's models take 3 input channels; timm's take any number.")
        if (
            not pretrained
            and "weights_backbone" in inspect.signature(torchvision.models.get_model_builder(bare)).parameters
        ):
            kwargs = {"weights_backbone": None, **kwargs}  # a detector's is downloaded otherwise
        weights = "DEFAULT" if pretrained is True else pretrained or None
        try:
            return torchvision.models.get_model(bare, weights=weights, **kwargs)
        except TypeError as error:
            raise ModelSettingError(f"{name} does not take {kwargs}: {error}") from error
        except (OSError, ValueError) as error:
            if not pretrained:
                raise
            raise WeightsError(f"torchvision could not give the weights of {bare} with {kwargs}: {error}") from error

    def _known(self, name: str) -> str:
        """Return a model's name without the prefix; refuse what torchvision does not have."""
        bare = name.removeprefix(self.prefix)
        if bare not in self.names():
            hint = _nearest_with_prefix(self.prefix, bare, self.names())
            raise UnknownModelError(f"torchvision has no model {bare!r}.{hint}")
        return bare


def _nearest_with_prefix(prefix: str, bare: str, names: list[str]) -> str:
    return nearest(prefix + bare, (prefix + known for known in names))
