"""Tests pass on any machine: none sees the user's plugins or settings, or results of other machines."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.bench.factories import write_machine_results
from tests.places import REFERENCES, ROOT, copy_checkout

FOREIGN = ("a-laptop-1c-00000000-000000", "z-laptop-4c-0a1b2c3d-9f3a1c")
SHOWS_PLACES = """
from tests.places import COMMITTED, RESULTS
for folder in (COMMITTED, RESULTS):
    print(*sorted({path.parent.name for path in folder.rglob("records.jsonl")}))
"""


def pytest_passes(*arguments, cwd=ROOT, **variables):
    """Run pytest in a process of its own, in the environment of a user who has set ``variables``."""
    hidden = {name for name in os.environ if name.startswith(("DECOMPBENCH_", "XDG_", "PYTEST_"))}
    environment = {name: value for name, value in os.environ.items() if name not in hidden} | variables
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]


@pytest.fixture
def stranger(tmp_path):
    """A folder with a plugin as pip installs it: a module, and metadata that announce its method."""
    (tmp_path / "stranger.py").write_text(
        "from dataclasses import dataclass\n"
        "from decompbench.methods import Method, Skip, register\n"
        "@register('a-stranger')\n"
        "@dataclass(frozen=True)\n"
        "class Stranger(Method):\n"
        "    '''It compresses nothing.'''\n"
        "    def layer_cost(self, spec):\n"
        "        return Skip('never')\n"
        "    def compress_layer(self, conv, spec, generator):\n"
        "        return conv\n"
    )
    information = tmp_path / "stranger-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text("[decompbench.methods]\na-stranger = stranger:Stranger\n")
    return tmp_path


def test_a_foreign_plugin_is_not_seen(stranger):
    visible = "from decompbench.methods import list_methods; print(list_methods())"
    environment = os.environ | {"PYTHONPATH": str(stranger), "DECOMPBENCH_PLUGINS": "all"}
    listed = subprocess.run(
        [sys.executable, "-c", visible], env=environment, capture_output=True, text=True, check=True
    )
    assert "a-stranger" in listed.stdout, "it is installed"
    tests = ["tests/regressions/test_micro.py", "tests/methods/contract/test_registry.py"]
    pytest_passes(*tests, PYTHONPATH=str(stranger))


def test_nothing_of_the_users_is_read_or_written():
    folders = ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "DECOMPBENCH_RESULTS")
    for name in folders:
        assert Path(os.environ[name]).is_relative_to(tempfile.gettempdir()), name
    assert not {"DECOMPBENCH_MACHINE", "DECOMPBENCH_DATA", "DECOMPBENCH_REFERENCE"} & os.environ.keys()


@pytest.fixture
def checkout(tmp_path):
    """A clone with records of two other machines, as ``contribute`` and older versions wrote them."""
    folder = copy_checkout(tmp_path / "checkout")
    for machine in FOREIGN:
        write_machine_results(folder / "results", machine, records=46)
    return folder


def machines_seen(checkout):
    """Return the machines whose records tests in a checkout see: all, and those of single tests."""
    command = [sys.executable, "-c", SHOWS_PLACES]
    done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=True)
    return [line.split() for line in done.stdout.splitlines()]


def test_records_that_lie_between_the_committed_ones_are_not_seen(checkout):
    assert machines_seen(checkout) == [[*REFERENCES], [*REFERENCES]]


def test_contributed_records_break_nothing(checkout):
    subprocess.run([sys.executable, "tools/tables.py"], cwd=checkout, check=True, capture_output=True)
    subprocess.run(["git", "add", "results", "README.md", "docs"], cwd=checkout, check=True)
    assert machines_seen(checkout) == [[FOREIGN[0], *REFERENCES, FOREIGN[1]], [*REFERENCES]]
    pytest_passes("tests/test_docs.py", "-k", "tables or page or leaderboards", cwd=checkout)
