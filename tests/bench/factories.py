"""Factories: tiny suites, made-up records and their parts, and calls of the command line."""

import contextlib
import io
import json
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import pytest
import yaml
from PIL import Image

from decompbench.bench.checks.validate.settings import suite_trial
from decompbench.bench.cli import main
from decompbench.bench.records.asked import AskedTrial
from decompbench.bench.records.checksum import sealed
from decompbench.bench.records.lines import read_line
from decompbench.bench.records.record import Measured, MethodInfo, Provenance, Record
from decompbench.bench.reports.text.latex import NEEDS
from decompbench.methods import list_methods, method_class
from tests.places import MACHINE, QUICK, RESULTS

HERE = Path(__file__).parent
#: Runs the command line in a process of its own, as the installed program would.
PROGRAM = [sys.executable, "-c", "from decompbench.bench.cli import main; main()"]


def suite_content(**changes):
    """Return a suite of two methods at one budget; ``changes`` replace top-level keys."""
    entry = {
        "model": "resnet8",
        "task": "classification",
        "data": "fashion-mnist-10k",
        "methods": ["svd", "tucker2"],
        "budgets": [{"params": 0.5}],
    }
    return {"name": "tiny", "entries": [entry], **changes}


def write_suite(folder, content=None, name="suite.yaml", **changes):
    """Write a suite file and return its path."""
    path = folder / name
    path.write_text(yaml.safe_dump(content or suite_content(**changes)))
    return path


def make_record(trial, status="ok", key=None, kind="weight-space", **measured):
    """Return a made-up record of a trial, or of a record's; ``measured`` are fields of ``Measured``."""
    trial = suite_trial(trial) if isinstance(trial, AskedTrial) else trial
    kind = "none" if trial.is_dense else kind
    info = MethodInfo(
        name=trial.method.name,
        label=trial.method.row,
        version=method_class(trial.method.name).version if trial.method.name in list_methods() else 1,
        kind=kind,
        paper="",
        summary="",
        settings={},
    )
    return Record(
        key=key or trial.name,
        name=trial.name,
        table=trial.table,
        status=status,
        trial=AskedTrial.model_validate(trial.model_dump(mode="json")),
        method=info,
        measured=Measured.model_validate(measured),
        identity=made_up_identity(trial),
        provenance=Provenance(sources={"training": "s", f"method:{trial.method.name}": "m"}),
        started="2024-01-01T00:00:00+00:00",
        seconds=1.0,
        machine="machine",
    )


def made_up_identity(trial):
    """Return the identity of a trial whose data and method are not looked at."""
    asked = trial.asked()
    asked["data"]["revision"] = "d"
    asked["task"]["version"] = asked["method"]["version"] = 1
    return json.loads(json.dumps(asked | {"protocols": {"training": 1}}))


def resealed(line):
    """Return a line of a records file that was changed, with the checksum of what it now says."""
    document = json.loads(line)
    del document["checksum"]
    return sealed(json.dumps(document, separators=(",", ":"), ensure_ascii=False)) + "\n" * line.endswith("\n")


def wait_for(condition, seconds=60.0):
    """Return the first true value of ``condition()``, asked again and again."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(0.05)
    raise AssertionError("it did not come to pass")


def is_gone(pid):
    """Whether a process has ended; one that its parent, or init, has yet to take note of has."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@dataclass(frozen=True)
class Run:
    """A finished call of the command line, and the folder its results went to."""

    returncode: int
    stdout: str
    stderr: str
    results: Path

    @property
    def records_file(self):
        (file,) = self.results.glob("*/*/records.jsonl")
        return file


def _arguments(arguments, results):
    words = [str(argument) for argument in arguments]
    return words if results is None else [*words, "--results", str(results)]


def decompbench(*arguments, results=None):
    """Call the command line in this process, which is quick, and return the finished :class:`Run`."""
    stdout, stderr = io.StringIO(), io.StringIO()
    code = 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["decompbench", *_arguments(arguments, results)])
        patch.setenv("COLUMNS", "300")
        with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
            try:
                main()
            except SystemExit as end:
                code = end.code
    return Run(int(code or 0), stdout.getvalue(), stderr.getvalue(), Path(results or "."))


def decompbench_process(*arguments, results=None, timeout=300):
    """Call the command line in a process of its own, as a user would, and return the finished :class:`Run`."""
    command = [*PROGRAM, *_arguments(arguments, results)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout)
    return Run(done.returncode, done.stdout, done.stderr, Path(results or "."))


def counts(weights):
    names = ("conv_weights", "conv_fc_weights", "parameters", "state", "bits", "disk", "macs")
    return {name: weights for name in (*names, "macs_formula", "macs_torch")} | {"not_counted": {}}


def planned(ratio, note=None):
    sizes = {"weights": 1, "dense_weights": 1, "macs": 1, "dense_macs": 1, "bits": 1, "dense_bits": 1}
    return sizes | {"budget_ratio": ratio, "compressed_layers": 1, "layers": 1, "note": note}


def latency(ratio, other_load=0.0, folded=True):
    return {
        "batch_size": 1,
        "calls": 1,
        "milliseconds": [ratio],
        "dense_milliseconds": [1.0],
        "median": ratio,
        "dense_median": 1.0,
        "quartiles": (ratio, ratio),
        "dense_quartiles": (1.0, 1.0),
        "ratio": ratio,
        "ratio_interval": (ratio - 0.1, ratio + 0.1),
        "threads": 2,
        "form": "eager",
        "noise": ["load"] if other_load else [],
        "device": "cpu",
        "other_load": other_load,
        "forms": {},
        "macs": 1,
        "folded": True,
        "dense_folded": folded,
    }


def measured(final, weights=100, higher=True, deployed=None, **more):
    return {
        "metric": "top1",
        "unit": "%",
        "higher_is_better": higher,
        "quality": {"start": {"top1": 90.0}, "finished": {"top1": final}, "deployed": {"top1": deployed or final}},
        "counts": counts(weights),
        "dense_counts": counts(1000),
        "latency": [latency(0.5)],
        **more,
    }


def short_suite(folder, methods, **changes):
    """Write a suite of trials of a second on a few images, at the methods' own settings."""
    for index, kind in enumerate(("dark", "light")):
        for part in ("train", "test"):
            (folder / "images" / part / kind).mkdir(parents=True)
            for number in range(4):
                pixels = np.full((16, 16, 3), 100 * index + 10 * number, np.uint8)
                Image.fromarray(pixels).save(folder / "images" / part / kind / f"{number}.png")
    content = suite_content(measure={"batch_sizes": [1], "seconds": 0.1, "threads": 1})
    content["entries"][0] |= {"methods": methods, "budgets": [], "data": "imagefolder:images"}
    plugin = HERE / "bad_methods.py"
    (folder / plugin.name).write_text(plugin.read_text())
    return write_suite(folder, content | {"plugins": [plugin.stem]} | changes)


def line_of(document):
    """Return a record's document as a line of a records file."""
    return sealed(json.dumps(document, ensure_ascii=False)) + "\n"


def write_machine_results(folder, machine, records=5, **changes):
    """Write the first committed records of ``quick`` as if another machine had made them; return the records file.

    ``changes`` replace members of every record.
    """
    file = folder / "quick" / machine / "records.jsonl"
    file.parent.mkdir(parents=True, exist_ok=True)
    lines = QUICK.read_bytes().splitlines()[:records]
    documents = [read_line(line)[0] | {"machine": machine} | changes for line in lines]
    file.write_text("".join(map(line_of, documents)))
    description = json.loads((RESULTS / "machines" / f"{MACHINE}.json").read_text())
    (folder / "machines").mkdir(exist_ok=True)
    (folder / "machines" / f"{machine}.json").write_text(json.dumps(description | {"id": machine}, indent=2) + "\n")
    return file


#: A sign that LaTeX reads as its own, unless a backslash makes it one to print.
SPECIAL = re.compile(r"(?<!\\)[%&$#_~^]")


def check_latex(text):
    """Assert that LaTeX could read it: environments and braces closed, and as many cells in each row as columns."""
    assert text.startswith(NEEDS)
    body = "\n".join(line for line in text.splitlines() if not line.startswith("%"))
    plain = re.sub(r"\\[{}%&#_$]", "", body)
    depth = 0
    for sign in plain:
        depth += {"{": 1, "}": -1}.get(sign, 0)
        assert depth >= 0
    assert depth == 0
    opened = []
    for what, name in re.findall(r"\\(begin|end)\{([a-z*]+)\}", body):
        if what == "begin":
            opened.append(name)
        else:
            assert opened.pop() == name
    assert opened == []
    for table in body.split(r"\begin{table*}")[1:]:
        (columns,) = re.findall(r"\\begin\{tabular\}\{([lr]+)\}", table)
        rows = [line for line in table.splitlines() if line.endswith(r" \\")]
        assert rows
        for row in rows:
            assert len(re.findall(r"(?<!\\)&", row)) == len(columns) - 1, row
        math_signs = re.sub(r"(?<!\\)\$[^$]*(?<!\\)\$", "", table)
        for line in math_signs.splitlines():
            inner = line.replace(" & ", " ")
            assert not SPECIAL.search(inner.replace("!}{%", "")), line
