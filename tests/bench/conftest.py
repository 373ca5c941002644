"""Tiny suites, made-up records, and one real run of the packaged suite ``smoke`` that many tests look at."""

import contextlib
import io
import json
import subprocess
import sys
import tarfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from decompbench.bench.cli import main
from decompbench.bench.record import Measured, MethodInfo, Record
from decompbench.bench.seal import sealed
from decompbench.bench.suite_file import load_suite
from decompbench.bench.trial import expand
from decompbench.methods import list_methods, method_class

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
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
    """Return a made-up record of a trial; ``measured`` are fields of ``Measured``."""
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
        trial=trial,
        method=info,
        measured=Measured.model_validate(measured),
        fingerprint={"source": "s", "data": "d", "versions": {}, "weights": "w"},
        started="2024-01-01T00:00:00+00:00",
        seconds=1.0,
        machine="machine",
        software={},
    )


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


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory):
    """A cache of the tests' own; processes that are started have it, too."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("XDG_CACHE_HOME", str(folder))
        yield folder / "decompbench"


@pytest.fixture
def image_folder(tmp_path):
    """``train`` with 3 + 2 and ``test`` with 2 + 1 colour images of 6x4 in the classes cat and dog."""
    generator = np.random.default_rng(0)
    for which, counts in (("train", (3, 2)), ("test", (2, 1))):
        for label, count in zip(("cat", "dog"), counts, strict=True):
            folder = tmp_path / "pets" / which / label
            folder.mkdir(parents=True)
            for index in range(count):
                pixels = generator.integers(0, 256, (4, 6, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{index}.png")
    return tmp_path / "pets"


@pytest.fixture
def trials(tmp_path):
    """Three trials: dense, and two methods at one budget."""
    return expand(load_suite(str(write_suite(tmp_path))))


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


@pytest.fixture(scope="session")
def smoke(tmp_path_factory):
    """The suite ``smoke``, really run once into a folder of its own; nobody writes there."""
    run = decompbench_process("run", "smoke", results=tmp_path_factory.mktemp("smoke"))
    assert run.returncode == 0, run.stdout + run.stderr
    return run


@pytest.fixture(scope="session")
def super_resolution_images(shared, tmp_path_factory):
    """Set5 with published low-resolution images."""
    archive = shared("data/sr-images.tar")
    folder = tmp_path_factory.mktemp("sr")
    with tarfile.open(archive) as tar:
        tar.extractall(folder, [member for member in tar if "Set5/" in member.name], filter="data")
    return folder
