"""Outcomes of a sweep in a file, so that an interrupted one goes on where it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ...base.errors import StoreError
from ...base.provenance.software import declared_version, key_of, library_versions
from ...base.provenance.sources import source_digest
from .outcome import ModelOutcome


def sweep_key(methods: dict[str, dict[str, Any]], layers: str = "conv") -> str:
    """Return what all outcomes of a sweep depend on but the model: methods, settings, layers, sources, libraries."""
    from ....methods import method_class

    return key_of(
        {
            "methods": methods,
            "layers": layers,
            "versions": {name: declared_version(method_class(name)) for name in methods},
            "source": source_digest(("methods", "models", "bench.checks.sweep.check"), ()),
            "libraries": library_versions(),
        }
    )


class KeptOutcomes:
    """Outcomes in a file, one JSON document a line.

    Parameters
    ----------
    path
        The file; it need not exist yet.
    key
        From `sweep_key`: outcomes of other methods, sources or libraries are passed over.

    Raises
    ------
    StoreError
        If the file cannot be read, or has something else in it.
    """

    def __init__(self, path: Path, key: str) -> None:
        self.path, self.key = path, key
        self._found: dict[str, ModelOutcome] = {}
        try:
            lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
            for line in lines:
                document = json.loads(line)
                if document["key"] == key:
                    outcome = ModelOutcome.from_json(document["outcome"])
                    self._found[outcome.model] = outcome
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StoreError(f"cannot read {path} as outcomes of a sweep: {type(error).__name__}: {error}") from error

    def find(self, model: str) -> ModelOutcome | None:
        """Return the outcome of a model; None if there is none, or something failed, which may not fail again."""
        outcome = self._found.get(model)
        return outcome if outcome is not None and outcome.ok else None

    def add(self, outcome: ModelOutcome) -> None:
        """Append an outcome to the file.

        Raises
        ------
        StoreError
            If it cannot be written.
        """
        line = json.dumps({"key": self.key, "outcome": outcome.to_json()}, ensure_ascii=False)
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(line + "\n")
        except OSError as error:
            raise StoreError(f"cannot write {self.path}: {error.strerror or error}") from error
