"""The learning curves of a training: the quality on training and test data after each epoch."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable

import torch
from torch import nn

from ..base.devices import is_first
from ..tasks import Task
from ..tasks.base import TaskError, device_of

#: Part of the training data that is evaluated, the same for every epoch and seed.
TRAINING_SHARE = 0.1


def measure_curves(task: Task) -> Callable[[int, nn.Module], dict[str, float]]:
    """Return a function that measures a model after an epoch, as ``Callbacks.on_epoch`` is called.

    It returns ``train_<metric>`` and ``test_<metric>`` for every metric of the task, both measured alike: without
    augmentation, in evaluation mode. One that is not finite is left out. The state of torch's random numbers stays, and
    so does the model.

    Parameters
    ----------
    task
        With metrics; its training data is cut by `Task.validation_split`, and trained on as a whole all the same.
    """
    data = {"test": task}
    with contextlib.suppress(TaskError):  # too few images for a tenth of them
        data = {"train": task.validation_split(TRAINING_SHARE), **data}

    def measure(epoch: int, model: nn.Module) -> dict[str, float]:
        if not is_first():
            return {}
        device = device_of(model)
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            return {
                f"{name}_{metric}": float(value)
                for name, part in data.items()
                for metric, value in part.evaluate(model).items()
                if math.isfinite(value)
            }

    return measure
