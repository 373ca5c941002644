"""Values that are kept until what they were made from changes."""

import os
import sys
import time

import pytest

from decompbench.bench.base.kept import kept


@pytest.fixture
def made():
    """How often the value was made."""
    return []


@pytest.fixture
def source(tmp_path, monkeypatch):
    """A file that the value is made from, in a cache of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    file = tmp_path / "source.py"
    file.write_text("1")
    return file


def ask(made, source, **options):
    """Return the value, as another run of the program would get it."""
    return kept("value", "imported_by_nobody", lambda: made.append(1) or {"made": (len(made), 0.1)}, **options)


def test_it_is_made_once_and_is_the_same_json_from_the_first_time_on(made, source):
    values = [ask(made, source, data=lambda: [source]) for _ in range(3)]
    assert values == [{"made": [1, 0.1]}] * 3


@pytest.mark.parametrize("change", ["content", "time", "gone"])
def test_a_changed_file_makes_it_anew(made, source, change):
    ask(made, source, data=lambda: [source])
    if change == "content":
        source.write_text("22")
    elif change == "time":
        os.utime(source, ns=(0, source.stat().st_mtime_ns - 10**9))
    else:
        source.unlink()
    assert ask(made, source)["made"][0] == 2


def test_an_imported_module_counts_as_its_file(made, source, monkeypatch):
    monkeypatch.syspath_prepend(str(source.parent))
    __import__("source")
    try:
        ask(made, source)
        source.write_text("22")
        ask(made, source)
    finally:
        del sys.modules["source"]
    assert len(made) == 2


def test_an_installation_makes_it_anew(made, source, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    ask(made, source)
    (tmp_path / "plugin-1.0.dist-info").mkdir()
    ask(made, source)
    (tmp_path / "plugin-1.0.dist-info").rename(tmp_path / "plugin-1.1.dist-info")
    ask(made, source)
    assert len(made) == 3
    ask(made, source)
    assert len(made) == 3


def test_a_file_changed_meanwhile_is_not_taken_for_the_one_that_was_read(made, source):
    def change():
        now = time.time_ns()
        os.utime(source, ns=(now, now))
        return [source]

    ask(made, source, data=change)
    ask(made, source)
    assert len(made) == 2


def test_what_is_imported_already_is_asked_itself_and_nothing_is_kept(made, source):
    for _ in range(2):
        kept("value", "decompbench.bench.base.kept", lambda: made.append(1))
    assert len(made) == 2
    assert not (source.parent / "cache").exists()


def test_an_incomplete_value_is_not_kept(made, source):
    ask(made, source, complete=lambda value: False)
    ask(made, source)
    ask(made, source)
    assert len(made) == 2


@pytest.mark.parametrize("content", ["", "{", "[]", '{"state": 1}', "\xff"])
def test_a_broken_file_is_ignored_and_replaced(made, source, content):
    ask(made, source)
    (file,) = (source.parent / "cache").rglob("*.json")
    file.write_bytes(content.encode("latin-1"))
    assert [ask(made, source)["made"][0] for _ in range(2)] == [2, 2]


def test_without_a_cache_folder_it_is_made(made, source):
    (source.parent / "cache").write_text("a file")
    assert [ask(made, source)["made"][0] for _ in range(2)] == [1, 2]
