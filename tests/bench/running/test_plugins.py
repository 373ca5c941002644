"""Plugins reach every process: a suite whose model, data, method and task are a plugin's, with a baseline."""

import json
import os
import subprocess
import sys

import pytest

from decompbench.bench.base.process import run_in_process
from decompbench.common.plugins import Plugins

from ..factories import decompbench, decompbench_process, suite_content, write_suite
from .test_task_plugin import PLUGIN as TASK_AND_DATA

MODEL_AND_METHOD = '''
from dataclasses import dataclass

from torch import nn

from decompbench.methods import SVD, register
from decompbench.models import register_model


@register_model("my-net", image=(1, 8, 8))
class MyNet(nn.Sequential):
    def __init__(self, in_chans: int = 3, num_classes: int = 10, width: int = 8) -> None:
        convs = nn.Conv2d(in_chans, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, width, 3, padding=1)
        super().__init__(*convs, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, num_classes))


@register("my-svd")
@dataclass(frozen=True)
class MySVD(SVD):
    """The singular value decomposition under another name."""

    version = 3
'''


@pytest.fixture
def suite(tmp_path):
    """Write a suite of plugins alone, which lie beside it."""
    (tmp_path / "my_stripes.py").write_text(TASK_AND_DATA)
    (tmp_path / "my_networks.py").write_text(MODEL_AND_METHOD)
    content = suite_content(
        plugins=["my_stripes", "my_networks"],
        recipe={"epochs": 1},
        measure={"batch_sizes": [1], "seconds": 0.1, "threads": 1},
    )
    content["entries"][0] |= {
        "model": "my-net",
        "task": "counting",
        "data": "stripes-counting",
        "methods": ["my-svd"],
        "baseline": {"recipe": {"epochs": 1}},
    }
    return str(write_suite(tmp_path, content))


def test_every_process_knows_what_a_plugin_has(suite, tmp_path):
    planned = decompbench("plan", suite, "--json")
    assert planned.returncode == 0, planned.stderr
    results = tmp_path / "results"
    run = decompbench("run", suite, results=results)
    assert run.returncode == 0, run.stderr
    records = [json.loads(line) for line in run.records_file.read_text().splitlines()]
    assert [record["status"] for record in records] == ["ok", "ok"]
    assert {record["measured"]["start"]["source"] for record in records} == {"baseline"}
    assert {record["identity"]["model"]["version"].partition(" ")[0] for record in records} == {"source"}
    again = decompbench("run", suite, results=results)
    assert "0 of 2 trials to run" in again.stderr
    assert again.returncode == 0
    shown = decompbench("leaderboard", "tiny", results=results)
    assert "my-svd" in shown.stdout, shown.stderr
    unknown = decompbench("validate", results)
    assert unknown.returncode == 0
    assert "method my-svd is not at hand" in unknown.stdout


def test_validate_plans_again_with_the_plugins_it_is_given(suite, tmp_path):
    assert decompbench_process("run", suite, results=tmp_path / "results").returncode == 0
    command = [sys.executable, "-c", "from decompbench.bench.cli import main; main()", "validate", "results"]
    command += ["--plugin", "my_stripes", "--plugin", "my_networks"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the sizes of 2 were computed again" in done.stdout
    assert "not at hand" not in done.stdout


def test_a_changed_model_is_another_trial(suite, tmp_path):
    results = tmp_path / "results"
    assert decompbench("run", suite, results=results).returncode == 0
    text = (tmp_path / "my_networks.py").read_text()
    (tmp_path / "my_networks.py").write_text(text.replace("width: int = 8", "width: int = 4"))
    explained = decompbench("run", suite, "--explain", results=results)
    assert "2 trials would run" in explained.stdout
    assert "model.version" in explained.stdout


FIRST = """
import sys

from decompbench.bench.base.devices import run_on_devices


def tell(emit, name):
    emit("imported", "my_other" in sys.modules)


def tell_of_both(emit):
    tell(emit, "of the process")
    run_on_devices(emit, 2, "cpu", "my_first:tell", "of each device")
"""


def test_the_processes_of_a_process_import_them_too(tmp_path):
    (tmp_path / "my_first.py").write_text(FIRST)
    (tmp_path / "my_other.py").write_text("")
    told = []
    plugins = Plugins(("my_first", "my_other"), str(tmp_path))
    outcome = run_in_process("my_first:tell_of_both", (), lambda _, value: told.append(value), plugins=plugins)
    assert outcome.how == "ok", outcome.trace
    assert told == [True, True]


@pytest.mark.parametrize(
    ("text", "why"),
    [("import no_such_library", "ModuleNotFoundError"), ("1 / 0", "ZeroDivisionError"), ("exit(3)", "SystemExit")],
)
def test_one_that_cannot_be_imported_is_named(suite, tmp_path, text, why):
    (tmp_path / "my_networks.py").write_text(text)
    for verb in ("plan", "run"):
        done = decompbench(verb, suite, *(["--results", str(tmp_path / "results")] if verb == "run" else []))
        assert done.returncode == 2
        assert f"{suite}: plugins: cannot import 'my_networks'" in done.stderr
        assert why in done.stderr
        assert "Traceback" not in done.stderr


@pytest.fixture
def installed(tmp_path):
    """Install the plugins as pip does, with entry points; return the environment in which they are."""
    (tmp_path / "site" / "my_package").mkdir(parents=True)
    (tmp_path / "site" / "my_package" / "__init__.py").write_text("from . import stripes, networks\n")
    (tmp_path / "site" / "my_package" / "stripes.py").write_text(TASK_AND_DATA)
    (tmp_path / "site" / "my_package" / "networks.py").write_text(MODEL_AND_METHOD)
    information = tmp_path / "site" / "my_package-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: my_package\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text("[decompbench.plugins]\nmine = my_package\n")
    return os.environ | {"PYTHONPATH": str(tmp_path / "site"), "DECOMPBENCH_PLUGINS": "all"}


def test_installed_plugins_need_not_be_named(installed, suite, tmp_path):
    named = (tmp_path / "suite.yaml").read_text()
    (tmp_path / "suite.yaml").write_text(named.replace("plugins:\n- my_stripes\n- my_networks\n", ""))
    command = [sys.executable, "-c", "from decompbench.bench.cli import main; main()"]

    def call(*words, **changes):
        environment = installed | changes
        return subprocess.run([*command, *words], env=environment, capture_output=True, text=True, timeout=300)

    run = call("run", suite, "--results", str(tmp_path / "results"))
    assert run.returncode == 0, run.stderr
    for verb, name in (("methods", "my-svd"), ("models", "my-net"), ("data", "stripes-counting")):
        assert name in call(verb).stdout
        assert name not in call(verb, DECOMPBENCH_PLUGINS="none").stdout
    none = call("plan", suite, DECOMPBENCH_PLUGINS="none")
    assert none.returncode == 2
    assert "No task is called 'counting'" in none.stderr
