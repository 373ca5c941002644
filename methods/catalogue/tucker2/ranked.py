"""The method that ranks are chosen for while it trains: what the choice asks of it, which `Tucker2` answers."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Literal

from torch import Tensor

from ...contract.spec import ConvSpec
from ...numerics.unfolding import Unfolding
from ..refit.data_aware import DataAware


class RankedMethod(DataAware):
    """A method with a pair of ranks ``(r_in, r_out)`` for each layer, in its setting ``ranks``."""

    learn: Literal["arp", "nuclear", "lc"] | None
    energy: float
    epsilon: float
    refresh: int
    shrink: float
    alpha: float

    @abstractmethod
    def layer_groups(self, spec: ConvSpec) -> tuple[int, int]:
        """Return the blocks ``(N_in, N_out)`` of one layer's coefficients."""

    @abstractmethod
    def layer_ranks(self, spec: ConvSpec) -> tuple[int, int]:
        """Return ``(r_in, r_out)`` of one layer."""

    @abstractmethod
    def is_pair(self, spec: ConvSpec) -> bool:
        """Return whether a layer becomes a truncated SVD of the smaller rank."""

    @abstractmethod
    def unfoldings(self, spec: ConvSpec) -> list[Unfolding]:
        """Return what has to be of low rank for a layer to decompose without loss."""

    @abstractmethod
    def ranks_by_energy(self, weight: Tensor, spec: ConvSpec) -> tuple[int, int]:
        """Return the smallest ranks that keep the fraction ``energy`` of each unfolding's squared norm."""

    @abstractmethod
    def lc_schedule(self) -> dict[str, Any]:
        """Return the settings of `LearningCompression`."""
