"""The adaptive rank penalty (yu2021, eqs. 7 and 8): pulls the unfoldings of conv weights towards low-rank subspaces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ...numerics.linear import leading_eigenvectors, refreshed_basis
from ...numerics.unfolding import Unfolding, apply_short, short_gram, shortest, stack_weights, unstack_weights
from .regulariser import Regulariser


class RankPenalty(Regulariser):
    """``λ/2 ‖BBᵀF − F‖²``, summed over the unfoldings ``F`` of all layers, with strengths that follow the violation.

    ``B`` spans the leading singular vectors of ``F``, on whichever side of it is shorter, and is constant in the
    gradient, ``λ(F − BBᵀF)``. After each step ``λ ← min(λ + η·‖BBᵀF − F‖², M)``; the paper prints a maximum, but a cap
    is meant. Each block of a multi-group unfolding has its own ``B`` and ``λ``.

    No step decomposes an unfolding. Value and gradient are computed together, from one product with a small matrix.
    ``B`` is tracked by subspace iteration on the Gram matrix, and computed exactly from it now and then.
    Layers of one shape are handled in one batch.

    Parameters
    ----------
    weights
        Conv weights ``(n, c, kh, kw)``, trained by the caller.
    unfoldings
        The unfoldings of each weight, with the ranks they are to have.
    eta, max_strength
        ``η`` and ``M``.
    refresh
        Steps between two iterations that let ``B`` follow the weights.
    exact
        Steps between two exact computations of ``B``.
    """

    def __init__(
        self,
        weights: Sequence[Tensor],
        unfoldings: Sequence[Sequence[Unfolding]],
        *,
        eta: float,
        max_strength: float,
        refresh: int,
        exact: int,
    ) -> None:
        self.eta, self.max_strength, self.refresh, self.exact = eta, max_strength, refresh, exact
        batches: dict[tuple[Any, ...], list[Tensor]] = {}
        places: list[tuple[tuple[Any, ...], int]] = []  # of each weight, its batch and its number there
        for weight, wanted in zip(weights, unfoldings, strict=True):
            key = (weight.shape, weight.dtype, weight.device, *wanted)
            members = batches.setdefault(key, [])
            places.append((key, len(members)))
            members.append(weight)
        made = {key: _Batch(members, key[3:]) for key, members in batches.items()}
        self._batches = list(made.values())
        self._places = [(made[key], number) for key, number in places]
        self._steps = 0
        self._seen = False  # whether the penalty was asked for in this step
        self._refreshed = self._exact = -1  # steps of the last ones

    def penalty(self) -> Tensor | None:
        """Return the penalty at the current weights, None without any; subspaces are refreshed when they are due."""
        if not self._batches:
            return None
        exact = self._exact < 0 or self._steps - self._exact >= self.exact
        due = exact or self._steps - self._refreshed >= self.refresh
        for batch in self._batches:
            batch.refresh = ("exact" if exact else "track") if due else None
        if due:
            self._refreshed = self._steps
        if exact:
            self._exact = self._steps
        self._seen = True
        weights = [weight for batch in self._batches for weight in batch.weights]
        return _ValueAndGradient.apply(self._batches, *weights)  # pyright: ignore[reportReturnType]

    def after_step(self) -> None:
        """Let every strength grow by the violation seen in the last `penalty`, up to the cap."""
        if not self._seen:
            return
        self._seen = False
        self._steps += 1
        for mode in self._modes():
            mode.strength = (mode.strength + self.eta * mode.violation).clamp(max=self.max_strength)

    def violations(self) -> Tensor:
        """Return ``‖BBᵀF − F‖²`` of every block at the last `penalty`: by shape, unfolding, layer and group.

        Empty before the first.
        """
        return torch.cat([mode.violation for mode in self._modes()] or [torch.zeros(0)])

    def strengths(self) -> Tensor:
        """Return ``λ`` of every block, in the order of `violations`."""
        return torch.cat([mode.strength for mode in self._modes()] or [torch.zeros(0)])

    def monitor(self) -> list[dict[str, list[float]]]:
        """Return each weight's strengths and, after the first `penalty`, violations.

        There is one of each block of each unfolding.
        """
        return [
            {"strength": shortest(torch.cat([mode.of("strength", number) for mode in batch.modes]))}
            | (
                {"violation": shortest(torch.cat(seen))}
                if (seen := [m.of("violation", number) for m in batch.modes if m.violation.numel()])
                else {}
            )
            for batch, number in self._places
        ]

    def state_dict(self) -> dict[str, Any]:
        modes = [{name: getattr(mode, name) for name in _Mode.CHANGED} for mode in self._modes()]
        return {"steps": self._steps, "refreshed": self._refreshed, "exact": self._exact, "modes": modes}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._steps, self._refreshed, self._exact = state["steps"], state["refreshed"], state["exact"]
        for mode, saved in zip(self._modes(), state["modes"], strict=True):
            for name in _Mode.CHANGED:
                setattr(mode, name, saved[name].to(mode.strength.device))

    def _modes(self) -> list[_Mode]:
        return [mode for batch in self._batches for mode in batch.modes]


class _ValueAndGradient(torch.autograd.Function):
    """The penalty's value and its gradient, computed together from the one large product that both need."""

    @staticmethod
    def forward(ctx: Any, batches: Sequence[_Batch], *weights: Tensor) -> Tensor:
        results = [batch.value_and_gradients() for batch in batches]
        ctx.gradients = [gradient for _, gradients in results for gradient in gradients]
        return torch.stack([value.to(weights[0].device) for value, _ in results]).sum()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        return None, *(gradient * grad_output.to(gradient) for gradient in ctx.gradients)


class _Batch:
    """Weights of one shape, and the modes along which they are penalised."""

    def __init__(self, weights: Sequence[Tensor], unfoldings: Sequence[Unfolding]) -> None:
        self.weights = weights
        self.modes = [_Mode(unfolding, len(weights), weights[0].device) for unfolding in unfoldings]
        self.refresh: str | None = None

    def value_and_gradients(self) -> tuple[Tensor, list[Tensor]]:
        """Return the penalty of these weights, and its gradient with respect to each."""
        stacked = stack_weights([weight.detach() for weight in self.weights])
        value = stacked.new_zeros(())
        gradient: Tensor | None = None
        for mode in self.modes:
            mode.move(stacked.device)
            blocks = mode.unfolding.blocks(stacked)
            if self.refresh:
                mode.refresh(blocks, exact=self.refresh == "exact")
            residual = mode.residual(blocks)
            strength = mode.strength.to(residual.dtype)
            value += strength @ mode.violation.to(residual.dtype) / 2
            pull = mode.unfolding.fold(residual.mul_(strength[:, None, None]), stacked.shape)
            gradient = pull if gradient is None else gradient.add_(pull)
        assert gradient is not None
        return value, unstack_weights(gradient, self.weights)


class _Mode:
    """One unfolding of several weights of one shape: subspace, strength and violation of each block."""

    CHANGED = ("strength", "violation", "basis", "complement")
    """The tensors that steps change."""

    def __init__(self, unfolding: Unfolding, layers: int, device: torch.device) -> None:
        self.unfolding = unfolding
        self.strength = torch.zeros(layers * unfolding.groups, device=device)
        self.violation = torch.empty(0)  # none seen yet
        self.basis = torch.empty(0)  # (layers · N, d, rank), on the shorter side
        self.complement = torch.empty(0)  # I − BBᵀ, where one product with it is cheaper than two with B

    def of(self, name: str, layer: int) -> Tensor:
        """Return the strengths or the violations of one layer's blocks."""
        return getattr(self, name).unflatten(0, (-1, self.unfolding.groups))[layer]

    def move(self, device: torch.device) -> None:
        """Follow a model that has been moved since the session began."""
        if self.strength.device != device:
            self.strength, self.violation, self.basis, self.complement = (
                tensor.to(device) for tensor in (self.strength, self.violation, self.basis, self.complement)
            )

    def refresh(self, blocks: Tensor, *, exact: bool) -> None:
        gram = short_gram(blocks)
        rank = min(self.unfolding.block_rank, gram.shape[-1])
        self.basis = leading_eigenvectors(gram, rank)[1] if exact else refreshed_basis(gram, self.basis)
        if 2 * rank >= gram.shape[-1]:
            identity = torch.eye(gram.shape[-1], dtype=gram.dtype, device=gram.device)
            self.complement = identity - self.basis @ self.basis.mT

    def residual(self, blocks: Tensor) -> Tensor:
        """Return ``F − BBᵀF`` of every block and note its squared norm."""
        if self.complement.numel():
            residual = apply_short(self.complement, blocks)
        elif blocks.shape[-2] <= blocks.shape[-1]:
            residual = torch.baddbmm(blocks, self.basis, self.basis.mT @ blocks, alpha=-1)
        else:
            residual = torch.baddbmm(blocks, blocks @ self.basis, self.basis.mT, alpha=-1)
        self.violation = torch.linalg.vector_norm(residual, dim=(1, 2)).square().to(self.strength.dtype)
        return residual
