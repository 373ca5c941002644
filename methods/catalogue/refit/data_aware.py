"""The base class of methods whose layers can be refitted to activations after the closed form."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from ...contract.errors import require
from ...contract.layers import FactoredConv2d
from ...contract.method import Method
from ...contract.spec import ConvSpec
from .last_link import LastLink, refit_last
from .whitened import refit_whitened

Refit = Literal["none", "ridge", "whitened", "whitened-ridge"]
"""Ways to refit; `DataAware` says what each is."""


@dataclass(frozen=True, kw_only=True)
class DataAware(Method):
    """A method that can refit its layers to activations after the closed form.

    Layers are refitted from shallow to deep, on output positions drawn at random from each of the first ``samples``
    calibration inputs; sums are kept in double precision. As it stands it is for layers that are `FactoredConv2d`; for
    others a method overrides `last_link`, and `whiten` where its form has a closed form for that.

    Parameters
    ----------
    refit
        ``"none"`` looks at weights alone. ``"ridge"`` fits weight and bias of the last conv by least squares: from its
        input in the compressed network to the original network's output. ``"whitened"`` decomposes the weight such that
        the error of the *output* is least, given the second moment of the layer's input in the compressed network
        (about the mean where the layer has a bias, which then takes up the mean's error): of a layer with several
        groups, each group's block on its own. ``"whitened-ridge"`` is the one and then the other. All but ``"none"``
        need calibration.
    samples
        How many inputs of the network are used, whatever the size of the batches.
    positions
        How many output positions of each input at most; drawn anew for every layer.
    damping
        ``λ``, relative to the mean square of the features: ``"ridge"`` adds ``λ ‖A − A₀‖²`` for the change of the last
        conv's weight from its closed form ``A₀``, so that no ``λ`` makes the fit worse than the closed form;
        ``"whitened"`` adds ``λ`` to the diagonal of the second moment, and tends to the closed form for white inputs as
        ``λ`` grows.
    """

    refit: Refit = "none"
    samples: int = 512
    positions: int = 16
    damping: float = 1e-3

    def __post_init__(self) -> None:
        require(self.samples >= 1, f"{self.name}: samples is at least 1 input, got {self.samples}")
        require(self.positions >= 1, f"{self.name}: positions is at least 1 of each input, got {self.positions}")
        require(self.damping > 0, f"{self.name}: damping is positive, got {self.damping}")

    @property
    def calibration_samples(self) -> int:
        return 0 if self.refit == "none" else self.samples

    def last_link(self, layer: nn.Module) -> LastLink:
        """Return the convolution of a replacement that ``"ridge"`` fits."""
        assert isinstance(layer, FactoredConv2d)
        return LastLink.of(layer.first, layer.second)

    def whiten(
        self,
        layer: nn.Module,
        conv: nn.Conv2d,
        activations: Iterable[tuple[Tensor, Tensor]],
        generator: torch.Generator,
    ) -> None:
        """Set the factors of a replacement to the ``"whitened"`` ones."""
        assert isinstance(layer, FactoredConv2d)
        refit_whitened(layer, conv, activations, self.positions, self.damping, generator)

    def refit_layer(
        self,
        layer: nn.Module,
        conv: nn.Conv2d,
        spec: ConvSpec,
        activations: Iterable[tuple[Tensor, Tensor]],
        generator: torch.Generator,
    ) -> None:
        if self.refit.startswith("whitened"):
            self.whiten(layer, conv, activations, generator)
        if self.refit.endswith("ridge"):
            refit_last(self.last_link(layer), activations, self.positions, self.damping, generator)
