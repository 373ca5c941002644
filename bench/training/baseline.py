"""The baseline: a dense model's training with all that determines its weights, its key, and those that ship with us."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ...common.names import suggestion
from ...models import plugin_module
from ..base.errors import BenchError
from ..base.provenance.software import declared_version, key_of, plugin_digest
from ..base.provenance.versions import protocol_versions
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


def baseline_key(baseline: Baseline, task: Task, weights: str | None, device: str) -> str:
    """Return the key of a baseline: of what is asked for. What its weights were made with stands in their file.

    Parameters
    ----------
    baseline
        What is trained.
    task
        Its task.
    weights
        SHA-256 over the state of the pretrained model that the training starts from; None for one drawn by the seed.
    device
        ``cpu``, ``cuda`` or ``cuda:N``.
    """
    protocols = protocol_versions()
    return key_of(
        {
            "model": {"name": baseline.model, "options": baseline.model_kwargs, **model_source(baseline.model)},
            "weights": weights,
            "task": {"name": baseline.task, "version": declared_version(type(task)), "options": baseline.task_options},
            "data": task.data_revision,
            "recipe": baseline.recipe.model_dump(mode="json", exclude_defaults=True),
            "seed": baseline.seed,
            "threads": baseline.threads,
            "device": [device.partition(":")[0], baseline.devices],
            "protocols": {name: protocols[name] for name in ("models", "training")},
        }
    )


def model_source(name: str) -> dict[str, str]:
    """Return what tells a plugin's model from another of the same name, its source; nothing for any other model."""
    module = plugin_module(name)
    return {} if module is None else {"version": f"source {plugin_digest(module)}"}


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
