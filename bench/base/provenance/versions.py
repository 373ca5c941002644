"""Declared versions of what decides a result: each method, each task, and the protocols that all trials share.

A version is raised when the same settings would give other results. A trial's key has the version and not the source,
so that a mended comment makes nobody run anything again; only a plugin that declares no version has its source there.
``versions.json`` holds each version with the digest of the source that it was last stated for. A test fails where the
source has another digest by now; ``tools/versions.py`` puts the file right.
"""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from pathlib import Path

from .sources import has_module, source_digest

FILE = Path(__file__).with_name("versions.json")


@dataclass(frozen=True)
class Part:
    """Code with a version of its own.

    Attributes
    ----------
    version
        Raised with its results.
    roots, within
        Its modules, as for :func:`.sources.source_digest`.
    """

    version: int
    roots: tuple[str, ...]
    within: tuple[str, ...]

    @property
    def digest(self) -> str:
        """Digest of its source."""
        return source_digest(self.roots, self.within)


#: What all trials share. A trial's key has all four versions.
PROTOCOLS = {
    # how networks are made: our own architectures, and the loading of weights
    "models": Part(1, ("models",), ("models",)),
    # how a budget becomes sizes, and a plan a smaller model
    "compression": Part(
        1,
        ("methods.plan", "methods.lifecycle.session", "methods.lifecycle.calibration", "bench.suite.schema"),
        ("methods.plan", "methods.lifecycle", "methods.linear_layers", "methods.contract", "methods.numerics"),
    ),
    # how a model is trained, and in which order a trial does what
    "training": Part(
        1,
        (
            "bench.training.train",
            "bench.training.train_baseline",
            "bench.planning.build",
            "bench.planning.choice",
            "bench.running.run_trial",
        ),
        (
            "bench.training",
            "bench.planning.build",
            "bench.planning.choice",
            "bench.suite.recipe",
            "bench.base.runtime",
            "bench.base.devices",
        ),
    ),
    # how a model is deployed, counted and timed
    "measuring": Part(
        1,
        (
            "bench.measure",
            "bench.suite.measure",
            "bench.suite.form_name",
            "methods.lifecycle.deploy",
            "methods.lifecycle.counting",
            "methods.lifecycle.storage",
        ),
        (
            "bench.measure",
            "bench.base.machine",
            "methods.lifecycle",
            "methods.linear_layers",
            "methods.numerics",
            "methods.contract",
        ),
    ),
}
#: What a method's and a task's own imports are followed into.
WITHIN_METHOD = ("methods.catalogue", "methods.contract", "methods.numerics")
WITHIN_TASK = ("bench.tasks", "bench.data")


def protocol_versions() -> dict[str, int]:
    """Return the version of each protocol, by name."""
    return {name: part.version for name, part in PROTOCOLS.items()}


def protocol_digests(*names: str) -> dict[str, str]:
    """Return the digest of the source of some protocols, of all if none is named."""
    return {name: PROTOCOLS[name].digest for name in names or PROTOCOLS}


def method_part(module: str, version: int) -> Part:
    """Return one of our methods as a part; ``module`` is its class's ``__module__``."""
    return Part(version, (module.partition(".")[2],), WITHIN_METHOD)


def task_part(module: str, version: int) -> Part:
    """Return one of our tasks as a part; ``module`` is its class's ``__module__``.

    The modules that load its data are found by walking a folder, not by import, so that folder is a root as well.
    """
    module = module.partition(".")[2]
    data = f"bench.data.{module.split('.')[2]}"
    return Part(version, (module, data) if has_module(data) else (module,), WITHIN_TASK)


@functools.cache
def recorded_versions() -> dict[str, dict[str, int | str]]:
    """Return ``version`` and ``digest`` of each part as committed, by ``method:svd``, ``task:detection``, ``training``.

    Reading them takes no import of a method or a task.
    """
    return json.loads(FILE.read_text(encoding="utf-8"))["parts"]


def method_versions() -> dict[str, int]:
    """Return the versions of our own methods by name."""
    prefix = "method:"
    return {
        name.removeprefix(prefix): int(part["version"])
        for name, part in recorded_versions().items()
        if name.startswith(prefix)
    }
