"""The optimiser step: forward and backward pass, in parts and on several devices where that is asked for."""

from __future__ import annotations

import contextlib
import copy
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from ..base.errors import BenchError
from ..suite.recipe import Recipe
from ..tasks import Task
from .ema import MovingAverage
from .hooks import Hooks
from .optim import create_optimizer, create_scheduler


class Stepper:
    """A model with its optimiser, schedule and moving average.

    Parameters
    ----------
    model, task, recipe, hooks, teacher
        As in ``train``.
    accelerator
        For the device the model lies on.
    note
        Told what does not go as the recipe has it.

    Attributes
    ----------
    compiled : bool
        Whether the forward pass is compiled.
    """

    def __init__(
        self,
        model: nn.Module,
        task: Task,
        recipe: Recipe,
        accelerator: Accelerator,
        *,
        hooks: Hooks,
        teacher: nn.Module | None,
        note: Callable[[str], Any],
    ) -> None:
        self.model, self.task, self.recipe, self.accelerator = model, task, recipe, accelerator
        self.hooks, self.note = hooks, note
        self.teacher = _frozen_copy(teacher, recipe) if teacher is not None and recipe.distill else None
        optimizer = create_optimizer(recipe, model)
        self.scheduler = create_scheduler(recipe, optimizer, task.steps_per_epoch(recipe.batch_size))
        self.optimizer = accelerator.prepare_optimizer(optimizer)
        self.parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        self.average = MovingAverage(model, recipe.ema.decay, use_warmup=recipe.ema.warmup) if recipe.ema else None
        self.several = accelerator.num_processes > 1
        self.forward: Callable[..., Any] = self._shared(model) if self.several else model
        self.compiled = False
        self._to_compile = recipe.compile

    @property
    def lr(self) -> float:
        """The learning rate of the next step."""
        return self.optimizer.param_groups[0]["lr"]

    def step(self, images: Any, target: Any, number: int) -> Tensor:
        """Take one step and return loss and penalty, ``(2,)``, without waiting for them.

        Parameters
        ----------
        images, target
            The whole batch; each of several devices takes its share of it.
        number
            Of the step, from 1.
        """
        total = extra = torch.zeros((), device=images.device)
        parts = list(self._parts(images, target))
        for index, (inputs, wanted, weight) in enumerate(parts):
            last = index == len(parts) - 1
            loss = self._loss(inputs, wanted)
            loss = loss if weight == 1 else weight * loss
            if last and (penalty := self.hooks.penalty()) is not None:
                extra = penalty
            with contextlib.nullcontext() if last else self._apart():
                self.accelerator.backward(loss + extra)
            total = total + loss.detach()
        if self.recipe.clip_grad is not None:
            self.accelerator.clip_grad_norm_(self.parameters, self.recipe.clip_grad)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.hooks.after_step()
        if self.average is not None:
            self.average.update(self.model, step=number)
        self.scheduler.step_update(number)
        return torch.stack((total.float(), extra.detach().float()))

    def end(self) -> None:
        """Put the average in the model's place and take off what was wrapped around the model."""
        if self.average is not None:
            self.average.copy_to(self.model)
        if self.several:
            self.accelerator.unwrap_model(self.forward, keep_fp32_wrapper=False, keep_torch_compile=False)

    def state_dict(self) -> dict[str, Any]:
        """Return all that steps change."""
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.accelerator.scaler.state_dict() if self.accelerator.scaler else {},
            "average": self.average.module.state_dict() if self.average is not None else {},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state; the schedule follows from the number of the next step."""
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.accelerator.scaler:
            self.accelerator.scaler.load_state_dict(state["scaler"])
        if self.average is not None:
            self.average.module.load_state_dict(state["average"])

    def _loss(self, images: Tensor, target: Any) -> Tensor:
        """Return the loss of a part of the batch, mixed with the distance to the teacher's output if there is one."""
        if self.recipe.channels_last and images.ndim == 4:
            images = images.to(memory_format=torch.channels_last)
        if self._to_compile:
            self._to_compile = False
            self._compile(images, target)
        with self.accelerator.autocast():
            output = self.forward(images)
            loss = self.task.loss(output, target)
            if self.recipe.distill is None or self.teacher is None:
                return loss
            with torch.no_grad():
                taught = self.teacher(images)
            distance = self.task.distillation_loss(output, taught, self.recipe.distill.temperature)
            return (1 - self.recipe.distill.weight) * loss + self.recipe.distill.weight * distance

    def _compile(self, images: Tensor, target: Any) -> None:
        """Compile the forward pass if forward and backward pass of a copy, which is compiled first, go well."""
        twin = copy.deepcopy(self.model)
        try:
            with torch.random.fork_rng(devices=[images.device] if images.is_cuda else []), self.accelerator.autocast():
                self.task.loss(torch.compile(twin)(images), target).backward()
        except Exception as error:  # whatever a compiler does not like
            reason = " ".join(str(error).strip().split("\n\n")[0].split())
            self.note(f"torch.compile failed, training goes on without it: {type(error).__name__}: {reason}")
        else:
            self.forward = torch.compile(self.forward)
            self.compiled = True

    def _parts(self, images: Any, target: Any) -> Iterator[tuple[Any, Any, float]]:
        """Yield inputs, targets and weight of each part of this device's share of a batch.

        The weights make the mean over devices of the sums over parts the mean over the batch.
        """
        count, devices = len(images), self.accelerator.num_processes
        pieces = devices * self.recipe.accumulate
        if pieces == 1:
            yield images, target, 1.0
            return
        if count < pieces:
            raise BenchError(f"a batch of {count} inputs cannot be shared by {devices} devices in {pieces} parts")
        ends = [count * piece // pieces for piece in range(pieces + 1)]
        first = self.accelerator.process_index * self.recipe.accumulate
        for start, end in itertools.pairwise(ends[first : first + self.recipe.accumulate + 1]):
            yield images[start:end], target[start:end], (end - start) * devices / count

    def _shared(self, model: nn.Module) -> nn.Module:
        """Return the model with its gradients averaged over the devices.

        Integer buffers, such as the indices of shared filters, are alike everywhere and stay so: they are not sent
        around, which not every backend can do with 16 bits.
        """
        whole = [name for name, buffer in model.named_buffers() if not buffer.is_floating_point()]
        DistributedDataParallel._set_params_and_buffers_to_ignore_for_model(model, whole)
        return self.accelerator.prepare_model(model)

    def _apart(self) -> Any:
        """A context in which gradients are not yet averaged over the devices."""
        return self.accelerator.no_sync(self.forward) if self.several else contextlib.nullcontext()


def _frozen_copy(teacher: nn.Module, recipe: Recipe) -> nn.Module:
    """Return a copy of a teacher in evaluation mode and in the recipe's memory format."""
    copied = copy.deepcopy(teacher).eval().requires_grad_(False)
    if recipe.channels_last:
        copied.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    return copied
