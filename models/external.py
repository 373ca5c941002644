"""The models of timm and torchvision, built by their own factories. Both are imported when first asked for."""

from __future__ import annotations

import inspect
from abc import abstractmethod
from typing import Any

from torch import nn

from ..common.names import suggestion
from .errors import ModelSettingError, UnknownModelError, WeightsError
from .family import Family, ImageSize


class Library(Family):
    """All models of a library, under its name: ``timm/resnet18``."""

    name: str
    own_weights = True

    @property
    def prefix(self) -> str:
        """What stands before the library's own names."""
        return f"{self.name}/"

    def claims(self, name: str) -> bool:
        return name.startswith(self.prefix)

    def build(self, name: str, *, pretrained: bool | str, **kwargs: Any) -> nn.Module:
        bare = self.known(name)
        try:
            return self.create(bare, pretrained, **kwargs)
        except TypeError as error:
            raise ModelSettingError(f"{name} does not take {kwargs}: {error}") from error
        except (OSError, RuntimeError, ValueError) as error:
            if not pretrained:
                raise
            given = f" with {kwargs}" if kwargs else ""
            raise WeightsError(f"{self.name} could not give the weights of {bare}{given}: {error}") from error

    @abstractmethod
    def known(self, name: str) -> str:
        """Return a model's name without the prefix.

        Raises
        ------
        UnknownModelError
            The library has no such model; the message has the nearest names.
        """

    @abstractmethod
    def create(self, bare: str, pretrained: bool | str, **kwargs: Any) -> nn.Module:
        """Build a model by the library's own name for it.

        Raises
        ------
        TypeError
            It does not take the keyword arguments.
        OSError, RuntimeError, ValueError
            Its weights cannot be downloaded, or do not go with the keyword arguments.
        """

    def hint(self, bare: str, names: list[str]) -> str:
        """Return the nearest names in a suggestion, prefix included."""
        return suggestion(self.prefix + bare, (self.prefix + name for name in names))


class TimmModels(Library):
    """``timm/<name>``, any name of ``timm.create_model``, also with a tag (``resnet18.a1_in1k``)."""

    name = "timm"
    pattern = "timm/<name>"
    example = "timm/resnet18"
    source = "timm (pretrained=True downloads the weights of the tag)"

    def names(self) -> list[str]:
        import timm

        return timm.list_models()

    def defaults(self) -> dict[str, Any]:
        return {"in_chans": 3, "num_classes": 1000}

    def input_size(self, name: str) -> ImageSize | None:
        import timm

        config = timm.get_pretrained_cfg(name.removeprefix(self.prefix))
        return None if config is None else config.input_size

    def known(self, name: str) -> str:
        import timm

        bare = name.removeprefix(self.prefix)
        if not timm.is_model(bare):
            raise UnknownModelError(f"timm has no model {bare!r}{self.hint(bare, self.names())}.")
        try:
            timm.get_pretrained_cfg(bare)
        except RuntimeError as error:  # the architecture has no such tag
            architecture, _, tag = bare.partition(".")
            known = timm.list_pretrained(f"{architecture}.*")
            tags = ", ".join(full.removeprefix(f"{architecture}.") for full in known) or "none"
            raise UnknownModelError(
                f"timm's {architecture} has no tag {tag!r}{self.hint(bare, known)}; it has {tags}."
            ) from error
        return bare

    def create(self, bare: str, pretrained: bool | str, **kwargs: Any) -> nn.Module:
        import timm

        return timm.create_model(bare, pretrained=bool(pretrained), **kwargs)


class TorchvisionModels(Library):
    """``torchvision/<name>``, any name of ``torchvision.models.list_models()``."""

    name = "torchvision"
    pattern = "torchvision/<name>"
    example = "torchvision/resnet18"
    source = "torchvision (pretrained=True downloads its default weights, IMAGENET1K_V1 its first ones)"

    def names(self) -> list[str]:
        import torchvision

        return torchvision.models.list_models()

    def defaults(self) -> dict[str, Any]:
        return {"num_classes": 1000}

    def input_size(self, name: str) -> ImageSize | None:
        """Read off the size that the default weights want; detectors take images of any."""
        import torchvision

        transforms = torchvision.models.get_model_weights(name.removeprefix(self.prefix))["DEFAULT"].transforms()
        side = getattr(transforms, "crop_size", None) or getattr(transforms, "resize_size", None)
        return (3, side[0], side[0]) if side and len(side) == 1 else None  # a video's has two

    def weights_names(self, name: str) -> list[str]:
        """Names of torchvision's own, oldest first: ``IMAGENET1K_V1``, ``IMAGENET1K_V2``."""
        import torchvision

        return list(torchvision.models.get_model_weights(self.known(name)).__members__)

    def known(self, name: str) -> str:
        bare = name.removeprefix(self.prefix)
        if bare not in self.names():
            raise UnknownModelError(f"torchvision has no model {bare!r}{self.hint(bare, self.names())}.")
        return bare

    def create(self, bare: str, pretrained: bool | str, **kwargs: Any) -> nn.Module:
        import torchvision

        if kwargs.pop("in_chans", 3) != 3:
            raise TypeError("torchvision's models take 3 input channels; timm's take any number")
        parameters = inspect.signature(torchvision.models.get_model_builder(bare)).parameters
        if not pretrained and "weights_backbone" in parameters:
            kwargs = {"weights_backbone": None, **kwargs}  # a detector's is downloaded otherwise
        weights = "DEFAULT" if pretrained is True else pretrained or None
        return torchvision.models.get_model(bare, weights=weights, **kwargs)
