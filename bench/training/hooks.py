"""The hooks of a training: what a method does while its model is trained."""

from __future__ import annotations

from typing import Any, Protocol

from torch import Tensor

from ...methods.numerics.unfolding import Spectrum


class Hooks(Protocol):
    """A method's part in a training. A `Session` of ``decompbench.methods`` has all of it.

    Hooks of one's own derive from this class and define what they need; the rest does nothing.
    """

    def penalty(self) -> Tensor | None:
        """Return a scalar to add to the loss of a step; None for nothing."""
        return None

    def after_step(self) -> object:
        """Act on the model after a step of the optimiser."""

    def converged(self) -> bool:
        """Return whether training may end before the recipe does."""
        return False

    def monitor(self) -> dict[str, dict[str, list[float]]]:
        """Return, by layer path, numbers that the training's record keeps of some moments; they tell how it goes."""
        return {}

    def spectra(self) -> list[Spectrum]:
        """Return singular values of which the training's record keeps those before it and those after it."""
        return []

    def state_dict(self) -> dict[str, Any]:
        """Return what training changes beside the model: numbers, tensors, strings, lists and mappings."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from such a state."""


class _NoHooks(Hooks):
    """Hooks that all do nothing."""


NO_HOOKS = _NoHooks()
"""The hooks of a training without a method."""
