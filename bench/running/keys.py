"""A trial's identity, what was asked for, and its provenance, with what it is made.

The key is a hash over the identity alone. Settings that are at their defaults are left out of it, so that a new option
changes no key; a default that changes raises a version.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import torch

from ...methods import Method, method_class
from ...models import plugin_module
from ..base.provenance.software import code_revision, declared_version, is_ours, library_versions, plugin_digest
from ..base.provenance.versions import method_part, protocol_digests, protocol_versions, task_part
from ..base.runtime import device_name
from ..records.record import Provenance
from ..suite.trial import Trial
from ..tasks import Task
from ..training.baseline import model_source

Document = dict[str, Any]


def identity_of(trial: Trial, task: Task, weights: str | None, method: Method | None) -> Document:
    """Return what a trial asks for, ready for JSON.

    Parameters
    ----------
    trial
        Its settings, as the suite has them.
    task
        Its task with its data.
    weights
        SHA-256 over the state of the pretrained model; None where weights are drawn by the seed.
    method
        The method with all its settings; None where it could not be made.
    """
    asked = trial.asked()
    start = asked["weights"]["start"] if trial.baseline is not None else asked["weights"]
    if weights is not None:
        start["sha256"] = weights
    asked["model"] |= model_source(trial.model)
    asked["data"]["revision"] = task.data_revision
    asked["task"]["version"] = declared_version(type(task))
    asked["method"]["version"] = None
    if method is not None:
        asked["method"] |= {"settings": _not_default(method), "version": declared_version(type(method))}
    if others := sorted(trial.method.names - {trial.method.name}):
        asked["method"]["others"] = {name: declared_version(method_class(name)) for name in others}
    asked["protocols"] = protocol_versions()
    return json.loads(json.dumps(asked))  # tuples become lists, as they are when a record has been read


def _not_default(method: Method) -> Document:
    defaults = type(method)().settings()
    return {name: value for name, value in method.settings().items() if value != defaults[name]}


def provenance_of(trial: Trial, task: Task) -> Provenance:
    """Return with what a trial is made in this process, whose global settings are the trial's."""
    return Provenance(
        libraries=library_versions(),
        sources=protocol_digests() | dict(_own_digests(trial, task)),
        revision=code_revision(),
        threads=torch.get_num_threads(),
        processor=device_name(trial.device, trial.devices),
    )


def _own_digests(trial: Trial, task: Task) -> Iterator[tuple[str, str]]:
    """Yield name and digest of a plugin's model, of the task and of each method at work."""
    if (module := plugin_module(trial.model)) is not None:
        yield f"model:{trial.model}", plugin_digest(module)
    module = type(task).__module__
    yield f"task:{trial.task}", task_part(module, 0).digest if is_ours(module) else plugin_digest(module)
    for name in sorted(trial.method.names):
        module = method_class(name).__module__
        yield f"method:{name}", method_part(module, 0).digest if is_ours(module) else plugin_digest(module)


def changes(before: Any, after: Any, place: str = "") -> Iterator[str]:
    """Yield what differs between two documents, such as ``recipe.epochs 1 → 2``."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name in sorted(before.keys() | after.keys()):
            yield from changes(before.get(name), after.get(name), f"{place}.{name}" if place else name)
    elif before != after:
        yield f"{place} {_shown(before)} → {_shown(after)}"


def _shown(value: Any) -> str:
    """Return a value for people; what is not there stands at its default."""
    if value is None:
        return "default"
    text = str(value)
    return text if len(text) <= 20 else f"{text[:12]}…"
