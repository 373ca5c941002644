"""Where the checkout has what tests look at, wherever a test lies."""

import atexit
import shutil
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
TOOLS = ROOT / "tools"
#: The machine that most committed records are of. Others may be contributed: a test that wants one names this one.
MACHINE = "intel-xeon-2c-7182ddc3"


def git_files(*options: str, below: str = "results") -> list[str]:
    """Return the files that ``git ls-files`` lists; none where there is no git or no repository."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", *options, "--", below]
    try:
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError):
        return []
    return [name for name in done.stdout.split("\0") if name]


def committed_results() -> Path:
    """Return the folder of results, or where more lies in it than git tracks a copy without that."""
    if not git_files("--others", "--exclude-standard"):
        return ROOT / "results"
    folder = Path(tempfile.mkdtemp(prefix="decompbench-tests-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for name in git_files("--cached"):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
    return folder / "results"


def copy_checkout(folder: Path) -> Path:
    """Clone the checkout and bring what is not committed along; return ``folder``."""
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", ROOT, folder], check=True)
    for name in git_files("--modified", "--others", "--exclude-standard", below="."):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
        else:
            (folder / name).unlink(missing_ok=True)
    return folder


RESULTS = committed_results()
QUICK = RESULTS / "quick" / MACHINE / "records.jsonl"
