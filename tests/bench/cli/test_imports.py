"""Verbs that only show something import no library that trains, times or tests: told by the modules, not by a clock."""

import json
import os
import subprocess
import sys

import pytest

from decompbench.bench.cli import VERBS
from tests.places import RESULTS, ROOT

HEAVY = {"torch", "timm", "torchvision", "scipy", "accelerate", "skimage"}
#: What tables and suites need, and help does not.
TABLES = {"pandas", "numpy", "yaml"}
#: Runs the command line as the program does; its last line on standard error names the heavy modules imported.
PROBE = f"""
import json, sys
from decompbench.bench.cli import main
try:
    main()
finally:
    print(json.dumps(sorted({HEAVY | TABLES!r} & set(sys.modules))), file=sys.stderr)
"""
RECORDS = ("--results", str(RESULTS))
HELP = [("--help",), ("--version",), *((verb, "--help") for verb in VERBS)]
READING = [
    *(("leaderboard", *RECORDS, *how) for how in ((), ("--csv",), ("--markdown",), ("--latex",), ("--json",))),
    ("leaderboard", *RECORDS, "--published"),
    ("leaderboard", *RECORDS, "--html", "page"),
    ("compare", str(RESULTS), str(RESULTS)),
    ("compare", str(RESULTS), str(RESULTS), "--json"),
    ("tables", *RECORDS, "--out", "tables"),
    ("suites",),
    ("recipes",),
    ("recipes", "li2019-cifar10"),
]
#: What these show is read off code the first time, and kept.
KEPT = [
    ("methods",),
    ("methods", "tucker2"),
    ("models",),
    ("data",),
    ("published",),
    ("published", "--json"),
    ("rank", "--budget", "params=30%", *RECORDS),  # how many classes data has
    ("rank", "--budget", "params=30%", *RECORDS, "--json"),
]


def imported(*words, cwd):
    """Return which of those modules a call in a process of its own imports."""
    done = subprocess.run([sys.executable, "-c", PROBE, *words], cwd=cwd, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stderr.splitlines()[-1]))


@pytest.mark.parametrize("words", HELP, ids=" ".join)
def test_help_imports_nothing_but_itself(words, tmp_path):
    assert imported(*words, cwd=tmp_path) == set()


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_a_verb_that_reads_imports_nothing_heavy(words, tmp_path):
    assert not imported(*words, cwd=tmp_path) & HEAVY


@pytest.mark.parametrize("words", KEPT, ids=" ".join)
def test_a_verb_that_describes_code_imports_it_once(words, tmp_path):
    imported(*words, cwd=tmp_path)
    assert not imported(*words, cwd=tmp_path) & HEAVY


def test_planning_imports_torch_and_what_it_needs_of_it(tmp_path):
    """timm is imported where its optimisers were never listed: so ask twice."""
    code = (
        "import sys\nfrom decompbench.bench.planning.preview import preview\n"
        "from decompbench.bench.suite.load import load_suite\nfrom decompbench.bench.suite.trial import expand\n"
        "preview(lambda *event: None, expand(load_suite('quick')))\n"
        f"print(*sorted(({HEAVY!r} | {{'torch._dynamo', 'torchmetrics', 'fvcore', 'pandas'}}) & set(sys.modules)))"
    )
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["torch"]


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """Write the folder of an installed plugin, which processes have on their path, with a method of that summary."""
    monkeypatch.setenv("DECOMPBENCH_PLUGINS", "all")
    path = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")]))
    monkeypatch.setenv("PYTHONPATH", path)

    def install(summary):
        (tmp_path / "lonely.py").write_text(
            "from dataclasses import dataclass\n\nfrom decompbench.methods import SVD, register\n\n\n"
            f'@register("lonely")\n@dataclass(frozen=True)\nclass Lonely(SVD):\n    """{summary}"""\n'
        )
        metadata = tmp_path / "lonely-1.0.dist-info"
        metadata.mkdir(exist_ok=True)
        (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: lonely\nVersion: 1.0\n")
        (metadata / "entry_points.txt").write_text("[decompbench.methods]\nlonely = lonely:Lonely\n")

    return install


def listed():
    """Return the summaries of all methods, as a process of its own lists them, and its standard error."""
    code = "from decompbench.bench.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code, "methods", "--json"], capture_output=True, text=True, check=True)
    return {row["method"]: row["summary"] for row in json.loads(done.stdout)}, done.stderr


def test_an_installed_plugin_and_an_edited_method_show_at_once(plugin, tmp_path):
    assert "lonely" not in listed()[0]
    plugin("First words.")
    assert listed()[0]["lonely"] == "First words."
    plugin("Other words.")
    assert listed()[0]["lonely"] == "Other words."
    (tmp_path / "lonely.py").write_text("raise RuntimeError('broken')")
    for _ in range(2):  # it is not only told of once
        names, told = listed()
        assert "lonely" not in names
        assert "'lonely'" in told
        assert "broken" in told
