"""Train a dense model and write its weights with all that made them: how the packaged weights come about."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from ..methods.tensor_file import write_tensors
from ..models import load_model
from ..models.weights import METADATA_KEY
from .errors import BenchError, suggestion
from .recipe import Recipe
from .runtime import RuntimeSettings, configure, seed_everything
from .tasks import create_task
from .train import TrainResult, train

LIBRARIES = ("torch", "timm")


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
    """

    model: str
    task: str
    data: str
    recipe: Recipe
    seed: int = 0
    threads: int | None = None
    task_options: dict[str, Any] = field(default_factory=dict)
    model_kwargs: dict[str, Any] = field(default_factory=dict)

    @property
    def file_name(self) -> str:
        """``<model>--<data>.safetensors``, with what a file name cannot have replaced."""
        return f"{self.model}--{self.data}.safetensors".replace("/", "_").replace(":", "_")


@dataclass(frozen=True)
class BaselineResult:
    """A written baseline.

    Attributes
    ----------
    path : Path
        The safetensors file.
    metrics : dict
        On the test data, after the last epoch.
    training : TrainResult
        What it took.
    """

    path: Path
    metrics: dict[str, float]
    training: TrainResult


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


def train_baseline(
    baseline: Baseline,
    out: str | Path,
    *,
    root: str | Path | None = None,
    device: str = "cpu",
    on_step: Callable[[int, int, int, float], Any] | None = None,
) -> BaselineResult:
    """Train a baseline and write it. The same baseline on the same machine gives the same file.

    Parameters
    ----------
    baseline : Baseline
        What to train; ``packaged_baseline("resnet8")`` for one of ours.
    out : str or Path
        The safetensors file, or a folder, in which it is called ``baseline.file_name``. ``models/pretrained``
        is where ``load_model(..., pretrained=True)`` looks.
    root : str or Path, optional
        Folder of the data, see ``bench.data``.
    device : str
        Where to train, such as ``cuda``. The packaged weights were trained on the CPU.
    on_step : callable, optional
        See ``train``.

    Raises
    ------
    BenchError
        The output cannot be written (said before training), or the data or an option is wrong.
    Diverged
        The training failed; nothing is written.
    """
    path = _writable(Path(out), baseline.file_name)
    task = create_task(baseline.task, baseline.data, root=root, **baseline.task_options)
    kwargs = task.model_kwargs() | baseline.model_kwargs
    configure(RuntimeSettings(threads=baseline.threads))
    seed_everything(baseline.seed)
    model = load_model(baseline.model, **kwargs).to(device)
    training = train(model, task, baseline.recipe, seed=baseline.seed, on_step=on_step)
    metrics = task.evaluate(model)
    content = {
        "model": baseline.model,
        "kwargs": kwargs,
        "task": baseline.task,
        "task_options": baseline.task_options,
        "data": task.data_name,
        "data_revision": task.data_revision,
        "recipe": baseline.recipe.model_dump(mode="json"),
        "seed": baseline.seed,
        "threads": torch.get_num_threads(),
        "device": torch.device(device).type,
        "steps": training.steps,
        "metrics": metrics,
        "versions": {library: metadata.version(library) for library in LIBRARIES},
    }
    state = {key: tensor.cpu().contiguous() for key, tensor in model.state_dict().items()}
    write_tensors(state, path, {METADATA_KEY: json.dumps(content, sort_keys=True)})
    return BaselineResult(path, metrics, training)


def _writable(out: Path, file_name: str) -> Path:
    """The file to write, having tried that its folder lets us."""
    path = out if out.suffix == ".safetensors" else out / file_name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        probe = path.with_suffix(".tmp")
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise BenchError(f"{path} cannot be written: {error.strerror or error}.") from error
    return path
