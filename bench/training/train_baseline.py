"""Train a dense model and write its weights with all that made them.

So come about the packaged weights, and those that an entry of a suite asks for by ``baseline``; the latter are kept in
the cache under a key over all they depend on.
"""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock
from torch import nn

from ...methods.lifecycle.tensor_file import write_tensors
from ...models import load_model, read_weights_metadata
from ...models.checkpoint import load_into, read_state
from ...models.errors import WeightsError
from ...models.weights import METADATA_KEY
from ..base.devices import is_first, run_on_devices
from ..base.errors import BenchError
from ..base.events import Emit
from ..base.files import baseline_file, checkpoint_file, remove_checkpoint, require_writable
from ..base.provenance import library_versions, source_hash, trial_key
from ..base.runtime import RuntimeSettings, configure, device_name, seed_everything
from ..measure import state_sha256
from ..suite.recipe import Recipe
from ..suite.schema import Limits
from ..suite.trial import Trial
from ..tasks import Task, create_task
from .checkpoint import Checkpoint
from .train import Diverged, TrainResult, train
from .watch import UNWATCHED, Watch, report_to

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


def train_baseline(
    baseline: Baseline,
    out: str | Path,
    *,
    root: str | Path | None = None,
    device: str = "cpu",
    watch: Watch = UNWATCHED,
    checkpoint_seconds: float = Limits().checkpoint_seconds,
) -> BaselineResult:
    """Train a baseline and write it. The same baseline on the same machine gives the same file.

    A training that was ended goes on where it was.

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
    watch : Watch, optional
        Who follows the training.
    checkpoint_seconds : float
        How often the state is kept at least.

    Raises
    ------
    BenchError
        The output cannot be written (said before training), or the data or an option is wrong.
    Diverged
        The training failed, or the quality it led to is not a finite number; nothing is written.
    """
    path = _writable(Path(out), baseline.file_name)
    task = create_task(baseline.task, baseline.data, root=root, **baseline.task_options)
    kwargs = task.model_kwargs() | baseline.model_kwargs
    configure(RuntimeSettings(threads=baseline.threads))
    seed_everything(baseline.seed)
    model = load_model(baseline.model, pretrained=baseline.pretrained, **kwargs)
    key = baseline_key(baseline, task, state_sha256(model), device_name(device, baseline.devices))
    model.to(device)
    checkpoint = Checkpoint(checkpoint_file(key), key, checkpoint_seconds)
    try:
        training = train(model, task, baseline.recipe, seed=baseline.seed, watch=watch, checkpoint=checkpoint)
        if not is_first():
            return BaselineResult(path, {}, training)
        metrics = task.evaluate(model)
        _require_quality(task, metrics, training)
    except Diverged:
        remove_checkpoint(key)  # it would only lead there again
        raise
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
        "state_sha256": state_sha256(model),
    }
    state = {key: tensor.cpu().contiguous() for key, tensor in model.state_dict().items()}
    write_tensors(state, path, {METADATA_KEY: json.dumps(content, sort_keys=True)})
    remove_checkpoint(key)
    return BaselineResult(path, metrics, training)


def _require_quality(task: Task, metrics: dict[str, float], training: TrainResult) -> None:
    """Refuse a model whose main metric is not a finite number; a task of size alone has none."""
    main = task.metrics[0].name if task.metrics else None
    if main is not None and not math.isfinite(metrics[main]):
        what = f"{main} is {metrics[main]} after the training, which ended"
        raise Diverged(what, math.ceil(training.epochs), training.steps)


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


def train_trial_baseline(emit: Emit, trial: Trial, key: str) -> None:
    """Train the baseline of a trial into the cache, unless it is there; one of several runs does, the others wait.

    Parameters
    ----------
    emit
        As for ``execute``.
    trial
        Any trial that starts from it.
    key
        Of the baseline.
    """
    path = baseline_file(key)
    path.parent.mkdir(parents=True, exist_ok=True)
    emit("stage", "waiting for another run that trains the same baseline")
    emit("waiting", True)
    with FileLock(path.with_suffix(".lock")):
        emit("waiting", False)
        if path.exists():
            return
        emit("stage", "training the baseline")
        if trial.devices > 1:
            run_on_devices(emit, trial.devices, trial.device, ".training.train_baseline:train_to_file", trial, path)
        else:
            train_to_file(emit, trial, path)


def train_to_file(emit: Emit, trial: Trial, path: Path) -> None:
    """Train the baseline of a trial and write it."""
    try:
        train_baseline(
            baseline_of(trial),
            path,
            device=trial.device,
            watch=report_to(emit),
            checkpoint_seconds=trial.limits.checkpoint_seconds,
        )
    except Diverged as error:
        emit("verdict", ("diverged", f"the baseline: {error}"))


def load_baseline(model: nn.Module, key: str) -> dict[str, Any]:
    """Give a model the weights of a baseline in the cache and return what was written with them.

    Raises
    ------
    WeightsError
        There is none, it cannot be read, or it does not hold the weights that were written; the model is unchanged.
    """
    path = baseline_file(key)
    state, twin = read_state(path), copy.deepcopy(model)
    load_into(twin, state, source=str(path))
    try:
        made = read_weights_metadata(path)
    except ValueError:
        made = {}
    if state_sha256(twin) != made.get("state_sha256"):
        raise WeightsError(f"{path} does not hold the weights that were written: their SHA-256 differs.")
    load_into(model, state, source=str(path))
    return made


def load_if_trained(model: nn.Module, key: str, note: Callable[[str], Any]) -> None:
    """Give a model the weights of a baseline if they are in the cache.

    A file that cannot be read is put aside, and ``note`` is told: the baseline is missing then, and trained anew.
    """
    path = baseline_file(key)
    if not path.exists():
        return
    try:
        load_baseline(model, key)
    except WeightsError as error:
        aside = path.with_suffix(".damaged")
        path.replace(aside)
        note(f"{error} It is put aside as {aside.name}, and the baseline is trained anew.")


def _writable(out: Path, file_name: str) -> Path:
    """The file to write, having tried that its folder lets us."""
    path = out if out.suffix == ".safetensors" else out / file_name
    try:
        require_writable(path.parent)
    except OSError as error:
        raise BenchError(f"{path} cannot be written: {error.strerror or error}.") from error
    return path
