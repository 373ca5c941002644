"""A dense model trained from a recipe, and its weights written with all that made them.

The packaged weights are made so, and those that an entry of a suite asks for by ``baseline``.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

import torch
from filelock import FileLock

from ...common.files import require_writable
from ...methods.lifecycle.tensor_file import write_tensors
from ...models import load_model
from ...models.weights import METADATA_KEY
from ..base.cache import baseline_file, checkpoint_file, remove_checkpoint
from ..base.devices import is_first, run_on_devices
from ..base.errors import BenchError
from ..base.events import Emit
from ..base.model import score_to_json
from ..base.provenance.software import key_of, library_versions
from ..base.provenance.versions import protocol_digests
from ..base.runtime import RuntimeSettings, configure, seed_everything
from ..measure import state_sha256
from ..suite.schema import Limits
from ..suite.trial import Trial
from ..tasks import Task, create_task
from .baseline import Baseline, baseline_key, baseline_of
from .callbacks import NO_CALLBACKS, Callbacks, report_to
from .checkpoint import Checkpoint
from .train import Diverged, TrainResult, train


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
    callbacks: Callbacks = NO_CALLBACKS,
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
    callbacks : Callbacks, optional
        Told how the training goes.
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
    key = baseline_key(baseline, task, state_sha256(model) if baseline.pretrained else None, device)
    made_with = {"libraries": library_versions(), "sources": protocol_digests("models", "training")}
    model.to(device)
    checkpoint = Checkpoint(checkpoint_file(key), f"{key} with {key_of(made_with)}", checkpoint_seconds)
    try:
        training = train(model, task, baseline.recipe, seed=baseline.seed, callbacks=callbacks, checkpoint=checkpoint)
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
        "metrics": {name: None if math.isnan(value) else score_to_json(value) for name, value in metrics.items()},
        "versions": made_with["libraries"],
        "sources": made_with["sources"],
        "state_sha256": state_sha256(model),
    }
    state = {key: tensor.cpu().contiguous() for key, tensor in model.state_dict().items()}
    write_tensors(state, path, {METADATA_KEY: json.dumps(content, sort_keys=True)})
    remove_checkpoint(key)
    return BaselineResult(path, metrics, training)


def _require_quality(task: Task, metrics: dict[str, float], training: TrainResult) -> None:
    """Refuse a model whose main metric is not a finite number; a task of size alone has none."""
    main = task.metrics[0] if task.metrics else None
    if main is not None and not main.tells(metrics[main.name]):
        what = f"{main.name} is {metrics[main.name]} after the training, which ended"
        raise Diverged(what, math.ceil(training.epochs), training.steps)


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
            callbacks=report_to(emit),
            checkpoint_seconds=trial.limits.checkpoint_seconds,
        )
    except Diverged as error:
        emit("verdict", ("diverged", f"the baseline: {error}"))


def _writable(out: Path, file_name: str) -> Path:
    """The file to write, having tried that its folder lets us."""
    path = out if out.suffix == ".safetensors" else out / file_name
    try:
        require_writable(path.parent)
    except OSError as error:
        raise BenchError(f"{path} cannot be written: {error.strerror or error}.") from error
    return path
