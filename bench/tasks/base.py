"""The task: data, loss and metrics of one kind of problem. Each of ours has a file of its own."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from ..base.errors import BenchError


class TaskError(BenchError):
    """An unknown task, an option it does not have, or a model that does not fit it."""


class UnknownTaskError(TaskError):
    """No task has this name."""


class TaskOptions(BaseModel):
    """Options of a task; each task has its own subclass."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


@dataclass(frozen=True)
class Metric:
    """One of the numbers that ``Task.evaluate`` measures.

    Attributes
    ----------
    name : str
        Key in what ``evaluate`` returns.
    unit : str
        ``%``, ``dB``, ... or empty.
    higher_is_better : bool
        Direction.
    shown : bool
        Whether tables have a column for it where it is not the main one.
    """

    name: str
    unit: str
    higher_is_better: bool
    shown: bool = False

    def tells(self, value: float) -> bool:
        """Whether a value tells how good a model is: a finite one does, and an infinite one that none is better than.

        The PSNR of a perfect image is infinite; an infinite loss is that of a model that has diverged.
        """
        return math.isfinite(value) or value == (math.inf if self.higher_is_better else -math.inf)


@dataclass(frozen=True)
class Outline:
    """The demands of a task on a model: enough to plan with, also where the data is not on this machine.

    Attributes
    ----------
    model_kwargs : dict
        As ``Task.model_kwargs``.
    example_shape : tuple of int
        Of one input, ``(c, h, w)``: ``Task.example`` has it after the batch size.
    """

    model_kwargs: dict[str, Any]
    example_shape: tuple[int, ...]


class Task(ABC):
    """Data, loss and metrics of one kind of problem. A task does not change once it is made.

    A subclass in a module of this package, or of a suite's ``plugins``, decorated with ``@register_task``, is a task:
    no other file names it.
    """

    name: ClassVar[str]
    version: ClassVar[int | None] = None
    """Part of what identifies a trial. It is raised by a change to the task that changes results: how data is read and
    augmented, the loss, a metric. Changed data has another ``data_revision`` and needs no other version. A task that
    declares none is identified by a digest of its source, so that every change counts."""
    metrics: tuple[Metric, ...]
    """What ``evaluate`` returns; the first is the main one. They may depend on the data; without any nothing is
    scored."""
    options_type: ClassVar[type[TaskOptions]]
    data: Any
    """What the model is trained and tested on; it has a ``name`` and a ``revision``, a hash over all of it."""

    @classmethod
    @abstractmethod
    def from_data(cls, data: str, root: str | Path | None, options: Any) -> Self:
        """Load the data of that name and make the task, ``options`` being an ``options_type``."""

    @classmethod
    def outline(cls, data: str, root: str | Path | None, options: Any) -> Outline:
        """Return the task's demands on a model; the arguments are those of ``from_data``.

        This default loads the data. A task whose options, and the data's name, tell enough should not.

        Raises
        ------
        DataError
            No data has the name; or it is needed, and not there.
        """
        task = cls.from_data(data, root, options)
        return Outline(task.model_kwargs(), tuple(task.example().shape[1:]))

    @property
    def data_name(self) -> str:
        """Name of the data."""
        return self.data.name

    @property
    def data_revision(self) -> str:
        """Hash over the data."""
        return self.data.revision

    @abstractmethod
    def model_kwargs(self) -> dict[str, Any]:
        """What ``load_model`` needs to know: channels, classes."""

    @abstractmethod
    def example(self, batch_size: int = 1) -> Tensor:
        """An input batch as the model gets it, float, always the same one; for tracing and timing."""

    @abstractmethod
    def steps_per_epoch(self, batch_size: int) -> int:
        """Number of batches ``train_batches`` yields."""

    @abstractmethod
    def train_batches(
        self, batch_size: int, generator: torch.Generator, device: torch.device | str = "cpu"
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """One epoch of augmented ``(input, target)`` batches on ``device``.

        All random numbers come from ``generator``, which lies on the CPU; the batches are thus the same on
        any device.
        """

    def calibration_batches(
        self, samples: int, seed: int, device: torch.device | str = "cpu", batch_size: int = 64
    ) -> Iterator[Tensor]:
        """Training inputs without targets, for methods that look at activations: the first of a shuffled epoch.

        Parameters
        ----------
        samples : int
            How many inputs; there are no more than an epoch has.
        seed : int
            Which ones, and how they are augmented.
        device
            Where they are wanted.
        batch_size : int
            Inputs in a batch, at most.
        """
        generator = torch.Generator().manual_seed(seed)
        left = samples
        for inputs, _ in self.train_batches(min(samples, batch_size), generator, device):
            yield inputs[:left]
            left -= len(inputs)
            if left <= 0:
                return

    @abstractmethod
    def loss(self, output: Any, target: Tensor) -> Tensor:
        """Training loss, a scalar.

        Parameters
        ----------
        output
            What the model returns in training mode: a tensor, or several where the task has it so.
        target : Tensor
            From ``train_batches``, ``(b, ...)``.
        """

    def distillation_loss(self, output: Any, teacher_output: Any, temperature: float) -> Tensor:
        """Distance of a model's output to its teacher's for the same input, a scalar to be minimised.

        Parameters
        ----------
        output, teacher_output
            Gradients flow into the first only.
        temperature : float
            Softens what is compared, where that is a distribution.

        Raises
        ------
        TaskError
            The task has no such distance.
        """
        raise TaskError(f"the task {self.name} does not say how to learn from a teacher: leave 'distill' out")

    @abstractmethod
    def evaluate(self, model: nn.Module) -> dict[str, float]:
        """Measure the metrics on the test data, on the device the model lies on.

        The model is in evaluation mode meanwhile. Outputs that are not finite give metrics that are NaN, as an infinite
        one may be a score.
        """

    @abstractmethod
    def validation_split(self, fraction: float = 0.1, seed: int = 0) -> Self:
        """The same task with its test data cut from the training data, for choosing settings.

        Parameters
        ----------
        fraction : float
            Part of the training data to test on, in (0, 1).
        seed : int
            Which part.
        """


def check_fraction(fraction: float) -> None:
    """Refuse a fraction outside (0, 1)."""
    if not 0 < fraction < 1:
        raise TaskError(f"The validation split is a fraction between 0 and 1, not {fraction}.")


def device_of(model: nn.Module) -> torch.device:
    """Where the model lies: the device of its first parameter or buffer, the CPU where it has none."""
    for tensor in (*model.parameters(), *model.buffers()):
        return tensor.device
    return torch.device("cpu")
