"""Declared versions: a changed source has a raised version, or somebody stated that results are the same."""

from __future__ import annotations

import json
import runpy

import pytest

from decompbench.bench.base.provenance import versions
from decompbench.bench.base.provenance.sources import import_closure
from decompbench.bench.base.provenance.versions import method_versions, recorded_versions
from decompbench.methods import list_methods, method_class
from tests.places import ROOT, TOOLS

TOOL = runpy.run_path(str(TOOLS / "versions.py"))


def test_every_part_is_as_it_was_declared():
    """Raise the version of a part whose results change; else say that they are the same, as the message says."""
    assert TOOL["findings"]() == {}


def test_every_method_task_and_protocol_of_ours_is_recorded():
    own = {name for name in list_methods() if method_class(name).__module__.startswith("decompbench.")}
    assert method_versions() == {name: method_class(name).version for name in own}
    tasks = {name for name in recorded_versions() if name.startswith("task:")}
    assert tasks == {"task:classification", "task:detection", "task:size", "task:super_resolution"}
    assert recorded_versions().keys() >= {"models", "compression", "training", "measuring"}


def test_no_code_that_decides_a_result_is_in_no_digest():
    """What is found by walking a folder, or imported through a package's face, is easily left out."""
    reached = {
        module for part in TOOL["present_parts"]().values() for module in import_closure(part.roots, part.within)
    }
    decides = ("methods", "models", "bench/data", "bench/tasks", "bench/training", "bench/measure")
    others = {"methods.authoring", "bench.training.baseline"}  # another face; the keys of baselines
    missing = {
        name
        for folder in decides
        for path in (ROOT / folder).rglob("*.py")
        if path.name != "__init__.py" and "conformance" not in path.parts
        if (name := ".".join(path.relative_to(ROOT).with_suffix("").parts)) not in reached | others
    }
    assert missing == set()


@pytest.fixture
def recorded(tmp_path, monkeypatch):
    """A copy of the recorded versions, which the tool works on; returns a function that changes one part of it."""
    copied = tmp_path / "versions.json"
    copied.write_text(versions.FILE.read_text())
    monkeypatch.setattr(versions, "FILE", copied)
    monkeypatch.setitem(TOOL["write"].__globals__, "FILE", copied)

    def change(name, **values):
        content = json.loads(copied.read_text())
        content["parts"][name] |= values
        copied.write_text(json.dumps(content))
        recorded_versions.cache_clear()

    yield change
    recorded_versions.cache_clear()


def test_another_source_of_the_same_version_fails_and_says_what_to_do(recorded):
    recorded("method:svd", digest="of before")
    (said,) = TOOL["findings"]().values()
    assert "raise its version" in said
    assert "--same svd" in said
    assert TOOL["write"](set()) != []  # writing is no way around a decision
    assert TOOL["findings"]() != {}
    assert TOOL["write"]({"svd"}) == []
    assert TOOL["findings"]() == {}


def test_a_raised_version_is_recorded_and_a_lowered_one_refused(recorded):
    recorded("method:svd", version=0, digest="of before")
    assert TOOL["findings"]()["method:svd"] == "has version 1 now"
    assert TOOL["write"](set()) == []
    assert TOOL["findings"]() == {}
    recorded("method:svd", version=5)
    assert "lower than the recorded 5" in TOOL["findings"]()["method:svd"]
    assert TOOL["write"](set()) != []
