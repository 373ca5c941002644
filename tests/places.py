"""Folders of the checkout that tests look at, whatever folder a test lies in."""

import atexit
import shutil
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
TOOLS = ROOT / "tools"
#: The machine whose committed records tests look at, whatever others are contributed.
MACHINE = "amd-epyc-2c-3b15458c-34bc8c"
#: Machines whose records are the reference: that of `quick`, and the one before it.
REFERENCES = (MACHINE, "intel-xeon-2c-7182ddc3")


def git_files(*options: str, folder: Path = ROOT) -> list[str]:
    """Return the files in a folder that ``git ls-files`` lists; none where there is no git or no repository."""
    command = ["git", "-C", str(folder), "ls-files", "-z", *options]
    try:
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError):
        return []
    return [name for name in done.stdout.split("\0") if name]


def copied(names: list[str], folder: Path) -> Path:
    """Return a copy of a folder that has some of its files and no others; it is removed at the end."""
    copy = Path(tempfile.mkdtemp(prefix="decompbench-tests-"))
    atexit.register(shutil.rmtree, copy, ignore_errors=True)
    for name in names:
        if (folder / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / name, copy / name)
    return copy


def copy_checkout(folder: Path) -> Path:
    """Clone the checkout and bring what is not committed along; return ``folder``."""
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", ROOT, folder], check=True)
    for name in git_files("--modified", "--others", "--exclude-standard"):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
        else:
            (folder / name).unlink(missing_ok=True)
    return folder


_FOLDER = ROOT / "results"
_TRACKED = git_files(folder=_FOLDER)
_LEFT_THERE = git_files("--others", "--exclude-standard", folder=_FOLDER)
_OF_OTHERS = [
    name for name in _TRACKED if Path(name).name == "records.jsonl" and Path(name).parent.name not in REFERENCES
]
#: All committed results, without what a user left between them.
COMMITTED = copied(_TRACKED, _FOLDER) if _LEFT_THERE else _FOLDER
#: Those without records of other machines than `REFERENCES`.
RESULTS = copied([name for name in _TRACKED if name not in _OF_OTHERS], _FOLDER) if _OF_OTHERS else COMMITTED
QUICK = RESULTS / "quick" / MACHINE / "records.jsonl"
