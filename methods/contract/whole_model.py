"""The whole-model method: one that makes a network smaller as a whole and not a layer at a time, such as pruning."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import torch
from torch import nn

from .cost import Cost, Skip
from .method import Kind, Method
from .spec import ConvSpec


class WholeModelMethod(Method):
    """A method whose sizes only the whole network tells: an author writes `shrink` instead of the two functions.

    A plan has `shrink` change a copy of the network and reads the sizes off it, so that nothing is promised that is not
    kept. What a user cannot ask of such a method: settings for single layers (``overrides``).
    """

    @abstractmethod
    def shrink(
        self, model: nn.Module, example: tuple[Any, ...], kept: frozenset[str], generator: torch.Generator
    ) -> None:
        """Make ``model`` smaller in place.

        Every convolution and linear layer keeps its path. Their shapes may depend on the settings, ``kept`` and the
        network's structure only, never on values: a saved model is built again before its weights are read.

        Parameters
        ----------
        model
            In any mode, which stays. Parameters that are replaced by smaller ones keep their ``requires_grad``.
        example
            The arguments of a forward pass. Tensors have random values.
        kept
            Paths of the convolutions that are to keep their weights' shape, because they are not selected.
        generator
            Source of random numbers.

        Raises
        ------
        MethodError
            If the network cannot be made smaller so; the message says why.
        """

    @property
    def kind(self) -> Kind:
        # no dense weight of the old shape is equal to what is left
        return "architectural"

    def layer_cost(self, spec: ConvSpec) -> Cost | Skip:
        return Skip(f"{self.name} makes networks smaller as a whole: a layer alone has no cost")

    def compress_layer(self, conv: nn.Conv2d, spec: ConvSpec, generator: torch.Generator) -> nn.Module:
        raise TypeError(f"{self.name} makes networks smaller as a whole, not a layer at a time")
