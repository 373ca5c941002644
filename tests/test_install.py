"""A built wheel holds everything: installed into an empty environment, it runs from any directory."""

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from decompbench.bench.suite.load import packaged_suites
from tests.places import ROOT, copy_checkout


def run(*command, cwd):
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """A virtual environment with nothing but our wheel; its dependencies are borrowed from this one."""
    folder = tmp_path_factory.mktemp("install")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
    # a build from a copy: setuptools would leave its build folder in the checkout
    copy_checkout(folder / "source")
    run(*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, folder / "source", cwd=folder)
    (wheel,) = folder.glob("*.whl")
    run(sys.executable, "-m", "venv", "--without-pip", folder / "env", cwd=folder)
    python = folder / "env" / "bin" / "python"
    run(*pip, "--python", python, "install", "--no-deps", "--no-index", wheel, cwd=folder)
    site = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder).strip())
    # a path file adds the folder only: the editable install in it, itself a path file, stays out
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib"))
    return folder / "env" / "bin"


def test_the_command_runs_from_another_directory(environment, tmp_path):
    assert "leaderboard" in run(environment / "decompbench", "--help", cwd=tmp_path)


def test_the_wheel_and_not_the_checkout_is_imported(environment, tmp_path):
    code = "import decompbench.methods, decompbench.models, decompbench.bench as b; print(b.__file__)"
    assert str(environment.parent) in run(environment / "python", "-c", code, cwd=tmp_path)


def test_data_files_are_shipped(environment, tmp_path):
    command = environment / "decompbench"
    suites = {suite["name"] for suite in json.loads(run(command, "suites", "--json", cwd=tmp_path))}
    assert suites == set(packaged_suites())
    assert json.loads(run(command, "published", "--paper", "yu2021", "--format", "json", cwd=tmp_path))
    code = """
from decompbench.bench.data import load_classification
from decompbench.models import load_model
print(len(load_classification("fashion-mnist-10k").train_images))
load_model("resnet8", pretrained=True, in_chans=1)
load_model("edsr-r4f32x2", pretrained=True)
from decompbench.bench.reports.page.build import SCRIPTS, STATIC
assert all((STATIC / name).is_file() for name in (*SCRIPTS, "page.html", "style.css"))
"""
    assert run(environment / "python", "-c", code, cwd=tmp_path).strip() == "10000"
    licences = [path.name for path in environment.parent.rglob("*LICENSE*") if "fashion" in path.name]
    assert licences, "the data's licence goes with the data"


def test_installed_results_are_ones_own_and_there_is_no_reference(environment, tmp_path):
    code = "from decompbench.bench.records import folders; print(folders.own_results(), folders.reference_results())"
    assert run(environment / "python", "-c", code, cwd=ROOT).split() == [os.environ["DECOMPBENCH_RESULTS"], "None"]


def test_it_is_typed(environment):
    markers = {path.parent.name for path in environment.parent.rglob("py.typed") if "decompbench" in path.parts}
    assert markers == {"bench", "common", "methods", "models"}


@pytest.mark.skipif(os.name != "posix", reason="the Makefile needs a POSIX shell")
def test_ci_runs_the_readmes_two_commands_in_their_order_and_nothing_else():
    script = (ROOT / ".ci" / "run").read_text()
    lines = [line for line in script.splitlines() if line and not line.startswith("#")]
    assert lines == [
        "set -euo pipefail",
        'cd "$(dirname "$0")/.."',
        'before="$(git status --porcelain)"',
        'DECOMPBENCH_MACHINE=another-machine XDG_DATA_HOME="$(mktemp -d)" make leaderboard',
        'test "$(git status --porcelain)" = "$before" || '
        '{ echo "make leaderboard left traces in the checkout" >&2; exit 1; }',
        "make test",
    ]
    readme = (ROOT / "README.md").read_text()
    assert -1 < readme.index("$ make leaderboard") < readme.index("$ make test")


@pytest.mark.skipif(os.name != "posix", reason="the Makefile needs a POSIX shell")
@pytest.mark.parametrize(("made", "code"), [("", 0), ("results/quick/mine.txt", 1)])
def test_ci_stops_where_the_first_command_leaves_traces(tmp_path, made, code):
    """With a ``make`` that only notes what it is called for."""
    checkout = copy_checkout(tmp_path / "checkout")
    make = tmp_path / "bin" / "make"
    make.parent.mkdir()
    make.write_text(f'#!/bin/sh\necho "$@ on $DECOMPBENCH_MACHINE" >> {tmp_path}/calls\ntouch {made or tmp_path}\n')
    make.chmod(0o755)
    environment = os.environ | {"PATH": f"{make.parent}:{os.environ['PATH']}"}
    done = subprocess.run([checkout / ".ci" / "run"], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    calls = (tmp_path / "calls").read_text().splitlines()
    assert calls == ["leaderboard on another-machine", "test on "][: 1 if made else 2]
    assert ("left traces" in done.stderr) == bool(made)
