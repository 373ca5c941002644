"""Results folders: a user's own, and the reference that the repository commits. They are never one folder."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from ..base.errors import StoreError

#: Environment variable that names the folder of one's own results.
OWN_VARIABLE = "DECOMPBENCH_RESULTS"
#: Environment variable that names the reference, for those whose checkout lies elsewhere.
REFERENCE_VARIABLE = "DECOMPBENCH_REFERENCE"
#: The file that tells the reference from a folder of one's own: it lies in the former and is committed with it.
MARKER = "DECOMPBENCH_REFERENCE.md"
#: A folder of one's own beside a project, from the current folder.
LOCAL = Path("results")

#: One folder of results, or several: the records of the first count before those of the others.
Folders = Path | str | Sequence[Path | str]


def own_results() -> Path:
    """Return the folder of one's own results; it need not exist.

    It is ``$DECOMPBENCH_RESULTS``; without that ``results`` in the current folder, if a run has made it; else
    ``$XDG_DATA_HOME/decompbench/results``, by default in ``~/.local/share``.

    Raises
    ------
    StoreError
        There is neither of them, and no home folder.
    """
    if named := os.environ.get(OWN_VARIABLE):
        return Path(named).expanduser()
    if not is_reference(LOCAL) and any(LOCAL.glob("machines/*.json")):
        return LOCAL
    try:
        return Path(os.environ.get("XDG_DATA_HOME") or Path("~/.local/share").expanduser(), "decompbench", "results")
    except RuntimeError as error:
        raise StoreError(f"there is no folder for results: {error} Name one with {OWN_VARIABLE}=FOLDER") from None


def reference_results() -> Path | None:
    """Return the folder of the committed results, None where there is none.

    It is ``$DECOMPBENCH_REFERENCE``; without that ``results`` in the checkout that this code runs from. An installed
    package has none.

    Raises
    ------
    StoreError
        The variable names a folder that is no reference.
    """
    if named := os.environ.get(REFERENCE_VARIABLE):
        folder = Path(named).expanduser()
        if not (folder / MARKER).is_file():
            raise StoreError(f"{REFERENCE_VARIABLE}={named} is no reference: {MARKER} is not in it")
        return folder
    beside = Path(__file__).resolve().parents[2] / "results"
    return beside if (beside / MARKER).is_file() else None


def is_reference(folder: Path) -> bool:
    """Tell whether a folder is a reference or lies in one; it need not exist."""
    folder = folder.resolve()
    return any((one / MARKER).is_file() for one in (folder, *folder.parents))


def records_files(results: Folders, suite: str | None = None) -> list[Path]:
    """Return the records files of all machines, suite by suite; those of the first folder last, for the last counts.

    Parameters
    ----------
    results
        A results folder, or several.
    suite
        Only this suite's.
    """
    folders = as_folders(results)
    found = [
        (file.parent.parent.name, -number, file)
        for number, folder in enumerate(folders)
        for file in folder.glob(f"{suite or '*'}/*/records.jsonl")
    ]
    return [file for *_, file in sorted(found)]


def as_folders(results: Folders) -> list[Path]:
    """Return one folder or several as a list."""
    return [Path(results)] if isinstance(results, str | Path) else [Path(folder) for folder in results]


def listed(results: Folders) -> str:
    """Return the folders in the words of a message."""
    return " and ".join(str(folder) for folder in as_folders(results))


def only_in_reference(own: Path, reference: Path) -> frozenset[tuple[str, str]]:
    """Return suite and machine of the records that the reference has, where one's own folder has none of both."""
    places = [{(file.parts[-3], file.parts[-2]) for file in records_files(folder)} for folder in (reference, own)]
    return frozenset(places[0] - places[1])
