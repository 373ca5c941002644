"""Training: any model on any task by any recipe, with or without a method's hooks."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from ...methods.numerics.unfolding import Spectrum
from ..base.errors import BenchError
from ..base.runtime import accelerator
from ..suite.recipe import Recipe
from ..tasks import Task
from ..tasks.base import device_of
from .callbacks import NO_CALLBACKS, Callbacks
from .checkpoint import Checkpoint
from .hooks import NO_HOOKS, Hooks
from .loop import Diverged, Loop
from .step import Stepper
from .watch import beside

__all__ = ["Diverged", "TrainResult", "train"]


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
        penalty but with the distillation), ``lr`` (of its last step), ``seconds``, and what ``on_epoch`` returned.
    monitor : list of dict
        At up to 40 moments ``step``, ``epoch`` and ``layers``: what the hooks' ``monitor`` told.
    spectra : list of dict
        What the hooks' ``spectra`` told before the training and after it, see ``watch.beside``.
    converged : bool
        Whether it ended because the hooks' ``converged`` said so.
    compiled : bool
        Whether ``torch.compile`` was at work.
    notes : list of str
        What did not go as the recipe has it.
    """

    epochs: float
    steps: int
    seconds: float
    history: list[dict[str, Any]]
    converged: bool = False
    compiled: bool = False
    notes: list[str] = field(default_factory=list)
    monitor: list[dict[str, Any]] = field(default_factory=list)
    spectra: list[dict[str, Any]] = field(default_factory=list)


def train(
    model: nn.Module,
    task: Task,
    recipe: Recipe,
    *,
    seed: int = 0,
    hooks: Hooks = NO_HOOKS,
    teacher: nn.Module | None = None,
    callbacks: Callbacks = NO_CALLBACKS,
    checkpoint: Checkpoint | None = None,
) -> TrainResult:
    """Train a model in place, on the device it lies on.

    Parameters
    ----------
    model : nn.Module
        Keeps its memory format and its training or evaluation mode in the end. With ``ema`` it ends as the average.
    task : Task
        Batches and loss.
    recipe : Recipe
        Optimiser, schedule, length.
    seed : int
        Of the batches' order and augmentation and of dropout. The same seed gives the same weights on the
        CPU, at the same number of threads, where `base.runtime.configure` has chosen deterministic algorithms.
    hooks : Hooks, optional
        What a method does meanwhile: the session whose model this is. ``converged`` is asked after every step, on a GPU
        after every 20th.
    teacher : nn.Module, optional
        The model whose outputs are learnt from where the recipe has ``distill``; it is left as it is.
    callbacks : Callbacks, optional
        Told how the training goes.
    checkpoint : Checkpoint, optional
        Where the state is kept meanwhile. If it has one of this training, it goes on from there, to the very weights
        (on the CPU) that it would have had without the break.

    Raises
    ------
    BenchError
        The recipe has ``distill`` and there is no teacher, or the task cannot compare outputs.
    Diverged
        The loss or the penalty is not finite, where losses are read late, some steps have been taken since; or the
        model is not when training ends.
    """
    if recipe.distill is not None and teacher is None:
        raise BenchError("the recipe has 'distill', but there is no trained model to learn from: leave it out")
    steps_per_epoch = task.steps_per_epoch(recipe.batch_size)
    total = recipe.total_steps(steps_per_epoch)
    if not total:
        _require_finite(model, recipe, 0)
        return TrainResult(recipe.total_epochs, 0, 0.0, [])
    device = device_of(model)
    notes: list[str] = []

    def note(text: str) -> None:
        if text not in notes:
            notes.append(text)
            callbacks.on_note(text)

    helper = accelerator(device, recipe.precision)
    with _own_random_numbers(seed + helper.process_index, device), _training(model, recipe):
        steps = Stepper(model, task, recipe, helper, hooks=hooks, teacher=teacher, note=note)
        course = Loop(steps, total, seed, callbacks, checkpoint).run()
    _require_finite(model, recipe, course.done)
    spectra = beside((Spectrum(**one) for one in course.before), hooks.spectra())
    epochs = course.done / steps_per_epoch if course.converged else recipe.total_epochs
    return TrainResult(
        epochs,
        course.done,
        course.seconds,
        course.history,
        course.converged,
        steps.compiled,
        notes,
        course.monitor,
        spectra,
    )


def _require_finite(model: nn.Module, recipe: Recipe, steps: int) -> None:
    """Refuse a model that cannot be used: a loss is that of the weights before its step, so none tells of the last."""
    wrong = [name for name, tensor in model.state_dict().items() if not tensor.isfinite().all()]
    if wrong:
        raise Diverged(f"{', '.join(wrong[:3])} not finite after the last step,", math.ceil(recipe.total_epochs), steps)


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
