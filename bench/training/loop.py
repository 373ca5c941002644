"""The loop of a training: epochs of steps, with a look at the losses and a checkpoint now and then."""

from __future__ import annotations

import dataclasses
import itertools
import math
import time
from dataclasses import dataclass, field
from typing import Any

import torch
from accelerate.utils import gather_object
from torch import Tensor

from ..tasks.base import device_of
from .callbacks import Callbacks
from .checkpoint import Checkpoint
from .step import Stepper
from .watch import moments

READ_EVERY = {"cpu": 1}
"""Steps between two looks at the losses; 20 on other devices, where a look has to wait for the device."""


class Diverged(RuntimeError):
    """The training came to something that is not a finite number.

    Parameters
    ----------
    what
        What is not, to begin the message.
    epoch, step
        Where, counted from 1; ``step`` over the whole training.
    loss
        NaN or infinite; NaN where not the loss was looked at.
    """

    def __init__(self, what: str, epoch: int, step: int, loss: float = math.nan) -> None:
        super().__init__(f"{what} in epoch {epoch}, step {step}")
        self.epoch = epoch
        self.step = step
        self.loss = loss


@dataclass
class Course:
    """How far a training has come.

    Attributes
    ----------
    epoch
        From 1.
    position, losses, penalties, epoch_seconds
        Of this epoch: steps done, sums over them, time.
    done, seconds, history, converged
        Of all.
    lr
        Of the last step.
    monitor
        What the method told at some moments: ``step``, ``epoch`` and ``layers``.
    before
        Singular values before the first step.
    """

    epoch: int = 1
    position: int = 0
    done: int = 0
    losses: float = 0.0
    penalties: float = 0.0
    lr: float = 0.0
    epoch_seconds: float = 0.0
    seconds: float = 0.0
    history: list[dict[str, Any]] = field(default_factory=list)
    converged: bool = False
    monitor: list[dict[str, Any]] = field(default_factory=list)
    before: list[dict[str, Any]] = field(default_factory=list)


class Loop:
    """Epochs of steps, with a look at the losses and a state on disk now and then.

    Parameters
    ----------
    steps
        Takes the steps.
    total
        Number of steps.
    seed
        Of the batches.
    callbacks, checkpoint
        As in ``train``.
    """

    def __init__(
        self, steps: Stepper, total: int, seed: int, callbacks: Callbacks, checkpoint: Checkpoint | None
    ) -> None:
        self.steps, self.total, self.callbacks, self.checkpoint = steps, total, callbacks, checkpoint
        self.device = device_of(steps.model)
        self.read_every = READ_EVERY.get(self.device.type, 20)
        self.unread: list[Tensor] = []
        self.generator = torch.Generator().manual_seed(seed)
        self.course = Course()
        self.steps_per_epoch = steps.task.steps_per_epoch(steps.recipe.batch_size)
        self.moments = moments(total, self.steps_per_epoch)
        self.epoch_start = self.generator.get_state()
        self.clock = self.kept = time.perf_counter()
        self.age = 0.0  # of what is kept, in s; the first process's, so that all agree on it

    def run(self) -> Course:
        """Train to the end, from where the checkpoint is."""
        self.course.before = [dataclasses.asdict(spectrum) for spectrum in self.steps.hooks.spectra()]
        self._restore()
        while self.course.done < self.total and not self.course.converged:
            self._take_steps()
            self._end_epoch()
        if self.course.position:  # gone on from a state that was kept between the last step and here
            self._end_epoch()
        if not self.course.monitor or self.course.monitor[-1]["step"] != self.course.done:
            self._look_at_layers()
        self.steps.end()
        self._count_seconds()
        return self.course

    def _take_steps(self) -> None:
        """Take the steps of one epoch, or what is left of them."""
        course, recipe = self.course, self.steps.recipe
        self.epoch_start = self.generator.get_state()
        batches = self.steps.task.train_batches(recipe.batch_size, self.generator, self.device)
        batches = itertools.islice(batches, course.position, course.position + self.total - course.done)
        for images, target in batches:
            course.lr = self.steps.lr
            course.done += 1
            course.position += 1
            self.unread.append(self.steps.step(images, target, course.done))
            if course.done in self.moments:
                self._look_at_layers()
            if course.done % self.read_every == 0:
                self._read()
                if course.converged:
                    break
        self._read()

    def _end_epoch(self) -> None:
        """Write the epoch's line of the history, and keep the state unless that was done a moment ago."""
        course = self.course
        self._count_seconds()
        course.history.append(
            {
                "epoch": course.epoch,
                "loss": course.losses / course.position,
                "penalty": course.penalties / course.position,
                "lr": course.lr,
                "seconds": course.epoch_seconds,
                **self.callbacks.on_epoch(course.epoch, self.steps.model),
            }
        )
        self.clock = time.perf_counter()  # what a look at the model takes is no time of training
        course.epoch, course.position = course.epoch + 1, 0
        course.losses = course.penalties = course.epoch_seconds = 0.0
        self.epoch_start = self.generator.get_state()
        if self.checkpoint is not None and self.age >= min(self.checkpoint.epoch_seconds, self.checkpoint.seconds):
            self._keep()

    def _read(self) -> None:
        """Look at the losses of the steps since the last time, ask whether that is enough, keep the state if it is due.

        Raises
        ------
        Diverged
            One of them is not finite.
        """
        if not self.unread:
            return
        course, values = self.course, torch.stack(self.unread)
        self.unread = []
        self.age = time.perf_counter() - self.kept
        enough = self.steps.hooks.converged()
        if self.steps.several:  # all do what the first process finds
            helper = self.steps.accelerator
            found = values.new_tensor([[self.age, enough]]) * helper.is_main_process
            values = helper.reduce(torch.cat((values, found)), "mean")
            assert isinstance(values, Tensor)
            self.age, enough = helper.num_processes * values[-1, 0].item(), bool(values[-1, 1] > 0)
            values = values[:-1]
        read = values.tolist()
        for step, (loss, extra) in enumerate(read, start=course.done - len(read) + 1):
            if not math.isfinite(loss + extra):
                raise Diverged(f"the loss is {loss + extra}", course.epoch, step, loss + extra)
            course.losses += loss
            course.penalties += extra
        self.callbacks.on_step(course.epoch, course.done, self.total, read[-1][0])
        course.converged = enough
        if self.checkpoint is not None and self.age >= self.checkpoint.seconds:
            self._keep()

    def _look_at_layers(self) -> None:
        """Keep what the method tells at this moment, if it tells anything."""
        if layers := self.steps.hooks.monitor():
            done = self.course.done
            self.course.monitor.append({"step": done, "epoch": done / self.steps_per_epoch, "layers": layers})

    def _keep(self) -> None:
        """Write the state."""
        assert self.checkpoint is not None
        self._count_seconds()
        random = [_random_state(self.device)]
        if self.steps.several:
            random = gather_object(random)
        state = {
            "course": dataclasses.asdict(self.course),
            "steps": self.steps.state_dict(),
            "session": self.steps.hooks.state_dict(),
            "epoch_start": self.epoch_start,
            "random": random,
        }
        if self.steps.accelerator.is_main_process:
            self.checkpoint.write(state, self.steps.note)
        self.kept, self.age = time.perf_counter(), 0.0

    def _restore(self) -> None:
        """Go on from the state on disk, if there is one of this training."""
        saved = self.checkpoint.read(self.steps.note) if self.checkpoint is not None else None
        if saved is None:
            return
        self.course = Course(**saved["course"])
        self.callbacks.on_resume(self.course.done, self.total)
        self.steps.load_state_dict(saved["steps"])
        self.steps.hooks.load_state_dict(saved["session"])
        self.generator.set_state(saved["epoch_start"])
        _set_random_state(saved["random"][self.steps.accelerator.process_index], self.device)

    def _count_seconds(self) -> None:
        """Add the time since the last count to that of the epoch and of all."""
        now = time.perf_counter()
        self.course.epoch_seconds += now - self.clock
        self.course.seconds += now - self.clock
        self.clock = now


def _random_state(device: torch.device) -> dict[str, Tensor]:
    """Return the state of torch's global generators."""
    state = {"cpu": torch.get_rng_state()}
    return state | {"cuda": torch.cuda.get_rng_state(device)} if device.type == "cuda" else state


def _set_random_state(state: dict[str, Tensor], device: torch.device) -> None:
    torch.set_rng_state(state["cpu"])
    if device.type == "cuda":
        torch.cuda.set_rng_state(state["cuda"], device)
