"""The method whose layers have a rank on either side: what a choice of ranks asks of it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence

from torch import Tensor

from ...contract.spec import ConvSpec
from ...numerics.unfolding import Unfolding
from ..learning.regulariser import Regulariser
from ..refit.data_aware import DataAware


class RankedMethod(DataAware):
    """A method with a setting ``ranks``, ``(r_in, r_out)`` of one layer, that training can choose."""

    @abstractmethod
    def layer_groups(self, spec: ConvSpec) -> tuple[int, int]:
        """Return the blocks ``(N_in, N_out)`` of the two sides of one layer."""

    @abstractmethod
    def layer_ranks(self, spec: ConvSpec) -> tuple[int, int]:
        """Return ``(r_in, r_out)`` of one layer, multiples of its groups."""

    @abstractmethod
    def is_pair(self, spec: ConvSpec) -> bool:
        """Return whether a layer is a truncated SVD of the smaller rank."""

    @abstractmethod
    def unfoldings(self, spec: ConvSpec) -> list[Unfolding]:
        """Return what has to be of low rank for a layer to decompose without loss."""

    @abstractmethod
    def ranks_by_energy(self, weight: Tensor, spec: ConvSpec) -> tuple[int, int]:
        """Return the smallest ``(r_in, r_out)`` that keep a fraction of the squared norm of each unfolding."""

    @abstractmethod
    def regulariser(
        self,
        weights: Sequence[Tensor],
        unfoldings: Sequence[Sequence[Unfolding]],
        project: Callable[[], list[Tensor]],
    ) -> Regulariser:
        """Return what layers are trained under.

        Parameters
        ----------
        weights, unfoldings
            Conv weights ``(n, c, kh, kw)``, and what is to be of low rank in each.
        project
            Returns the dense weights that their decompositions of this moment stand for.
        """
