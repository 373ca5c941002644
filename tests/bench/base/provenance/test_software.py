"""Declared versions of classes, digests of plugins, and keys."""

from __future__ import annotations

import sys

import pytest

from decompbench.bench.base.provenance import software as provenance
from decompbench.bench.base.provenance.software import declared_version, key_of
from decompbench.methods import SVD

MODULE = """
from decompbench.methods import SVD

class Inherits(SVD):
    strength = 1.0

class Declares(SVD):
    version = 7
"""


@pytest.fixture
def foreign(tmp_path, monkeypatch):
    """Return a function that imports a module of a stranger's with other text each time."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def imported(text):
        (tmp_path / "foreign.py").write_text(text)
        sys.modules.pop("foreign", None)
        provenance.plugin_digest.cache_clear()
        provenance.folder_digest.__globals__["module_digest"].cache_clear()
        __import__("foreign")
        return sys.modules["foreign"]

    yield imported
    sys.modules.pop("foreign", None)


def test_ours_and_strangers_declare_their_versions(foreign):
    assert declared_version(SVD) == SVD.version
    assert declared_version(foreign(MODULE).Declares) == 7


def test_a_stranger_who_declares_none_has_the_digest_of_the_source(foreign):
    """Also one that inherits the version of a method of ours: what it adds is not declared."""
    before = declared_version(foreign(MODULE).Inherits)
    assert str(before).startswith("source ")
    assert declared_version(foreign(f"# changed\n{MODULE}").Inherits) == before
    assert declared_version(foreign(MODULE.replace("1.0", "2.0")).Inherits) != before


def test_a_key_is_of_values_in_any_order():
    assert key_of({"a": 1, "b": [1, {"c": None}]}) == key_of({"b": [1, {"c": None}], "a": 1})
    assert key_of({"a": 1}) != key_of({"a": 2})
    with pytest.raises(ValueError, match="JSON compliant"):
        key_of({"a": float("nan")})
