"""A baseline: all that determines the weights of a trained dense model, its key, and those that ship with us."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch

from ..base.errors import BenchError, suggestion
from ..base.provenance import library_versions, source_hash, trial_key
from ..suite.recipe import Recipe
from ..suite.trial import Trial
from ..tasks import Task


@dataclass(frozen=True)
class Baseline:
    """Everything that determines a trained baseline.

    Attributes
    ----------
    model, task, data : str
        Names.
    recipe : Recipe
        How it is trained.
    seed : int
        Of the initial weights and of the training.
    threads : int, optional
        Threads of one operation on the CPU, as torch finds it where None. The last bits of the weights depend on it.
    task_options, model_kwargs : dict
        Beyond what the task says; JSON values.
    pretrained : bool or str
        Weights to start from, as for ``load_model``.
    devices : int
        How many train together: part of what decides, as batch-norm sees a share of a batch.
    """

    model: str
    task: str
    data: str
    recipe: Recipe
    seed: int = 0
    threads: int | None = None
    task_options: dict[str, Any] = field(default_factory=dict)
    model_kwargs: dict[str, Any] = field(default_factory=dict)
    pretrained: bool | str = False
    devices: int = 1

    @property
    def file_name(self) -> str:
        """``<model>--<data>.safetensors``, with what a file name cannot have replaced."""
        return f"{self.model}--{self.data}.safetensors".replace("/", "_").replace(":", "_")


def baseline_of(trial: Trial) -> Baseline:
    """Return the baseline that a trial starts from; its entry must have one."""
    assert trial.baseline is not None
    return Baseline(
        trial.model,
        trial.task,
        trial.resolved_data(),
        trial.baseline.recipe,
        seed=trial.seed,
        threads=trial.measure.threads,
        task_options=trial.task_options,
        model_kwargs=trial.model_options,
        pretrained=trial.resolved_pretrained(),
        devices=trial.devices,
    )


def baseline_key(baseline: Baseline, task: Task, start: str, device: str) -> str:
    """Return a key over all that a baseline's weights depend on.

    Parameters
    ----------
    baseline
        What is trained.
    task
        Its task.
    start
        Hash over the model's state before the training.
    device
        Name of the processor.
    """
    return trial_key(
        {
            "model": [baseline.model, baseline.model_kwargs, start],
            "task": [baseline.task, baseline.task_options, task.data_revision],
            "recipe": baseline.recipe.model_dump(mode="json"),
            "seed": baseline.seed,
            "source": source_hash(dense=True),
            "versions": library_versions(),
            "threads": torch.get_num_threads(),
            "device": [device, baseline.devices],
        }
    )


PACKAGED = (
    Baseline(
        "resnet8",
        "classification",
        "fashion-mnist-10k",
        Recipe(epochs=30, batch_size=64, optimizer="sgd", lr=0.2, weight_decay=5e-4, warmup_epochs=1),
        threads=2,
        task_options={"crop_padding": 1},
    ),
    Baseline(
        "edsr-r4f32x2",
        "super_resolution",
        "photographs",
        Recipe(epochs=13, batch_size=16, optimizer="adam", lr=2e-3, weight_decay=0, warmup_epochs=0.2),
        threads=2,
        task_options={"patch_size": 24, "patches_per_epoch": 4800},
    ),
)
"""The baselines whose weights ship with decompbench."""


def packaged_baseline(model: str, data: str | None = None) -> Baseline:
    """The packaged baseline of a model, to be trained again.

    Raises
    ------
    BenchError
        There is none; the message lists those there are.
    """
    for baseline in PACKAGED:
        if baseline.model == model and data in (None, baseline.data):
            return baseline
    known = [baseline.model for baseline in PACKAGED]
    listed = ", ".join(f"{baseline.model} on {baseline.data}" for baseline in PACKAGED)
    on_data = f" on {data}" if data else ""
    raise BenchError(
        f"No recipe ships for {model}{on_data}{suggestion(model, known)}. There is {listed}; "
        "for any other model give the task, the data and a recipe."
    )
