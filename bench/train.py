"""The training loop: any model, any task, any recipe, with or without a method's penalty."""

from __future__ import annotations

import copy
import itertools
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from .errors import BenchError
from .recipe import Recipe
from .runtime import accelerator
from .tasks import Task
from .tasks.base import device_of


class Diverged(RuntimeError):
    """The loss is no longer a finite number.

    Attributes
    ----------
    epoch, step : int
        Where, counted from 1; ``step`` over the whole training.
    loss : float
        NaN or infinite.
    """

    def __init__(self, epoch: int, step: int, loss: float) -> None:
        super().__init__(f"the loss is {loss} in epoch {epoch}, step {step}")
        self.epoch = epoch
        self.step = step
        self.loss = loss


@dataclass(frozen=True)
class TrainResult:
    """What a training took.

    Attributes
    ----------
    epochs : float
        As the recipe has it, or less where training had converged before.
    steps : int
        Optimiser steps.
    seconds : float
        Wall time of the loop.
    history : list of dict
        Per epoch ``epoch`` (from 1), ``loss`` and ``penalty`` (means over its steps, the loss without the
        penalty but with the distillation), ``lr`` (of its last step) and ``seconds``.
    converged : bool
        Whether it ended because ``converged`` said so.
    """

    epochs: float
    steps: int
    seconds: float
    history: list[dict[str, float]]
    converged: bool = False


def train(
    model: nn.Module,
    task: Task,
    recipe: Recipe,
    *,
    seed: int,
    teacher: nn.Module | None = None,
    penalty: Callable[[], Tensor] | None = None,
    after_step: Callable[[], Any] | None = None,
    converged: Callable[[], bool] | None = None,
    on_step: Callable[[int, int, int, float], Any] | None = None,
) -> TrainResult:
    """Train a model in place, on the device it lies on.

    Parameters
    ----------
    model : nn.Module
        Keeps its memory format and its training or evaluation mode in the end.
    task : Task
        Batches and loss.
    recipe : Recipe
        Optimiser, schedule, length.
    seed : int
        Of the batches' order and augmentation and of dropout. The same seed gives the same weights on the
        CPU, at the same number of threads.
    teacher : nn.Module, optional
        The model whose outputs are learnt from where the recipe has ``distill``; it is left as it is.
    penalty : callable, optional
        A scalar added to the loss, such as ``session.penalty``.
    after_step : callable, optional
        Called after every optimiser step, such as ``session.after_step``.
    converged : callable, optional
        Asked after every step whether training may end before the recipe does, such as ``session.converged``.
    on_step : callable, optional
        Called as ``on_step(epoch, step, steps_total, loss)`` after every step, epoch and step counted from 1.

    Raises
    ------
    BenchError
        The recipe has ``distill`` and there is no teacher, or the task cannot compare outputs.
    Diverged
        The loss or the penalty is not finite.
    """
    if recipe.distill is not None and teacher is None:
        raise BenchError("the recipe has 'distill', but there is no trained model to learn from: leave it out")
    steps_per_epoch = task.steps_per_epoch(recipe.batch_size)
    total = recipe.total_steps(steps_per_epoch)
    history: list[dict[str, float]] = []
    started = time.perf_counter()
    epochs, steps, ended = recipe.total_epochs, total, False
    if total:
        with _own_random_numbers(seed, device_of(model)), _training(model, recipe):
            loop = _Loop(model, task, recipe, total, teacher, penalty, after_step, converged, on_step)
            generator = torch.Generator().manual_seed(seed)
            for epoch in range(1, math.ceil(total / steps_per_epoch) + 1):
                history.append(loop.epoch(epoch, generator))
                if loop.has_converged:
                    epochs, steps, ended = loop.done / steps_per_epoch, loop.done, True
                    break
    return TrainResult(epochs, steps, time.perf_counter() - started, history, ended)


class _Loop:
    """What the steps of one training share."""

    def __init__(
        self,
        model: nn.Module,
        task: Task,
        recipe: Recipe,
        total: int,
        teacher: nn.Module | None,
        penalty: Callable[[], Tensor] | None,
        after_step: Callable[[], Any] | None,
        converged: Callable[[], bool] | None,
        on_step: Callable[[int, int, int, float], Any] | None,
    ) -> None:
        self.model, self.task, self.recipe, self.total = model, task, recipe, total
        self.penalty, self.after_step, self.on_step = penalty, after_step, on_step
        self.converged, self.has_converged = converged, False
        self.teacher = _frozen_copy(teacher, recipe) if teacher is not None and recipe.distill else None
        self.device = device_of(model)
        self.accelerator = accelerator(self.device, recipe.precision)
        optimizer = recipe.create_optimizer(model)
        self.scheduler = recipe.create_scheduler(optimizer, task.steps_per_epoch(recipe.batch_size))
        self.optimizer = self.accelerator.prepare_optimizer(optimizer)
        self.parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        self.done = 0

    def epoch(self, epoch: int, generator: torch.Generator) -> dict[str, float]:
        """Train one epoch, or what of it is left to the total; return its line of the history."""
        started = time.perf_counter()
        first, losses, penalties, lr = self.done, 0.0, 0.0, 0.0
        batches = self.task.train_batches(self.recipe.batch_size, generator, self.device)
        for images, target in itertools.islice(batches, self.total - self.done):
            lr = self.optimizer.param_groups[0]["lr"]
            loss, extra = self.step(images, target)
            self.done += 1
            if not math.isfinite(loss + extra):
                raise Diverged(epoch, self.done, loss + extra)
            losses += loss
            penalties += extra
            self.scheduler.step_update(self.done)
            if self.on_step is not None:
                self.on_step(epoch, self.done, self.total, loss)
            if self.converged is not None and self.converged():
                self.has_converged = True
                break
        steps = self.done - first
        return {
            "epoch": epoch,
            "loss": losses / steps,
            "penalty": penalties / steps,
            "lr": lr,
            "seconds": time.perf_counter() - started,
        }

    def step(self, images: Tensor, target: Tensor) -> tuple[float, float]:
        """One optimiser step; return loss and penalty. Nothing is changed where they are not finite."""
        if self.recipe.channels_last and images.ndim == 4:
            images = images.to(memory_format=torch.channels_last)
        with self.accelerator.autocast():
            output = self.model(images)
            loss = self.distilled(self.task.loss(output, target), output, images)
        extra = self.penalty() if self.penalty is not None else loss.new_zeros(())
        values = loss.item(), extra.item()
        if math.isfinite(sum(values)):
            self.accelerator.backward(loss + extra)
            if self.recipe.clip_grad is not None:
                self.accelerator.clip_grad_norm_(self.parameters, self.recipe.clip_grad)
            self.optimizer.step()
            self.optimizer.zero_grad()
            if self.after_step is not None:
                self.after_step()
        return values

    def distilled(self, loss: Tensor, output: Tensor, images: Tensor) -> Tensor:
        """Return the task's loss, mixed with the distance to the teacher's output where there is a teacher."""
        distill = self.recipe.distill
        if distill is None or self.teacher is None:
            return loss
        with torch.no_grad():
            taught = self.teacher(images)
        distance = self.task.distillation_loss(output, taught, distill.temperature)
        return (1 - distill.weight) * loss + distill.weight * distance


def _frozen_copy(teacher: nn.Module, recipe: Recipe) -> nn.Module:
    """Return a copy of a teacher in evaluation mode and in the recipe's memory format."""
    copied = copy.deepcopy(teacher).eval().requires_grad_(False)
    if recipe.channels_last:
        copied.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    return copied


@contextmanager
def _own_random_numbers(seed: int, device: torch.device) -> Iterator[None]:
    """Seed torch's global generators, as dropout draws from them, and put their state back afterwards."""
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield


@contextmanager
def _training(model: nn.Module, recipe: Recipe) -> Iterator[None]:
    """Training mode and the recipe's memory format; both are put back afterwards."""
    modes = [(module, module.training) for module in model.modules()]
    formats = [(tensor, tensor.stride()) for tensor in model.parameters() if tensor.ndim == 4]
    model.train()
    if recipe.channels_last:
        model.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training
        for tensor, strides in formats:
            if tensor.stride() != strides:
                tensor.data = torch.empty_strided(
                    tensor.shape, strides, dtype=tensor.dtype, device=tensor.device
                ).copy_(tensor.data)
