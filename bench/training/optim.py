"""The optimiser and the learning-rate schedule of a recipe: timm's."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from ...common.names import suggestion
from ..base.errors import SuiteError
from ..base.kept import kept
from ..suite.recipe import Recipe

if TYPE_CHECKING:
    from timm.scheduler.scheduler import Scheduler

#: Learning rate a warm-up starts from, as a part of the recipe's.
WARMUP_START = 0.01


class OptimizerError(SuiteError):
    """An optimiser that timm does not have."""


def require_optimizer(recipe: Recipe) -> None:
    """Make sure that timm has the recipe's optimiser.

    Raises
    ------
    OptimizerError
        It has none of that name; the message has the nearest names.
    """
    known = _optimizers()
    if recipe.optimizer not in known:
        raise OptimizerError(f"timm has no optimizer '{recipe.optimizer}'{suggestion(recipe.optimizer, known)}")


def create_optimizer(recipe: Recipe, model: nn.Module) -> torch.optim.Optimizer:
    """Return timm's optimiser over the model's trainable parameters.

    Raises
    ------
    OptimizerError
        timm has none of that name.
    """
    from timm.optim import create_optimizer_v2  # pyright: ignore[reportPrivateImportUsage]

    require_optimizer(recipe)
    return create_optimizer_v2(
        model,
        opt=recipe.optimizer,
        lr=recipe.lr,
        weight_decay=recipe.weight_decay,
        momentum=recipe.momentum,
        filter_bias_and_bn=not recipe.decay_all,
    )


def create_scheduler(recipe: Recipe, optimizer: torch.optim.Optimizer, steps_per_epoch: int) -> Scheduler | Repeated:
    """Return timm's scheduler; call ``step_update(steps done)`` after every step."""
    from timm.scheduler import create_scheduler_v2  # pyright: ignore[reportPrivateImportUsage]

    steps: dict[str, Any] = {"step_on_epochs": False, "updates_per_epoch": 1}
    # timm's multistep divides one step before a milestone, by a convention that it keeps for old schedules' sake.
    milestones = [round(epoch * steps_per_epoch) + 1 for epoch in recipe.milestones]
    scheduler, _ = create_scheduler_v2(
        optimizer,
        # Without milestones, multistep stays where it is: older versions of timm have no 'constant'.
        sched="cosine" if recipe.schedule == "cosine" else "multistep",
        num_epochs=recipe.cycle_steps(steps_per_epoch),
        decay_milestones=milestones,
        decay_rate=recipe.decay_rate if recipe.schedule == "step" else 1.0,
        warmup_epochs=round(recipe.warmup_epochs * steps_per_epoch),
        warmup_lr=WARMUP_START * recipe.lr,
        **steps,
    )
    assert scheduler is not None  # only sched="none" gives none
    return scheduler if recipe.cycle_count == 1 else Repeated(scheduler, recipe.cycle_steps(steps_per_epoch))


class Repeated:
    """A scheduler that starts anew after every ``steps`` steps."""

    def __init__(self, scheduler: Scheduler, steps: int) -> None:
        self.scheduler = scheduler
        self.steps = steps

    def step_update(self, num_updates: int) -> None:
        self.scheduler.step_update(num_updates % self.steps)


@functools.cache
def _optimizers() -> list[str]:
    """Return timm's names; they are kept, as planning needs timm for nothing else."""
    return kept("optimizers", "timm", _list_optimizers)


def _list_optimizers() -> list[str]:
    from timm.optim import list_optimizers  # pyright: ignore[reportPrivateImportUsage]

    return [str(optimizer) for optimizer in list_optimizers()]
