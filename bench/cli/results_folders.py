"""The results folder that a verb takes: the one typed, or one's own and the reference, told on standard error."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path

from ..base.errors import BenchError
from ..records.folders import MARKER, is_reference, only_in_reference, own_results, records_files, reference_results


@dataclass(frozen=True)
class ResultsRead:
    """The folders that a verb reads.

    Attributes
    ----------
    folders
        The first one's records count before the second's.
    reference
        Suite and machine of what is there of the reference only, where that is shown without having been asked for.
    """

    folders: tuple[Path, ...]
    reference: frozenset[tuple[str, str]] = frozenset()


def folder_to_write(typed: Path | None, *, write_reference: bool = False) -> Path:
    """Return the folder that results go to.

    Parameters
    ----------
    typed
        What ``--results`` says, None without it.
    write_reference
        Allow the reference, if it was typed.

    Raises
    ------
    BenchError
        It is the reference.
    """
    folder = own_results() if typed is None else typed
    if not (write_reference and typed is not None):
        refuse_reference(folder)
    if typed is None:
        _tell(f"results go to {folder}")
    return folder


def refuse_reference(folder: Path) -> None:
    """Make sure that a folder to write to is not the reference.

    Raises
    ------
    BenchError
        It is, or lies in it.
    """
    if is_reference(folder):
        raise BenchError(
            f"{folder} is the reference: it has committed results ({MARKER} tells so), and none of yours. Without "
            "--results yours go to a folder of your own; 'decompbench contribute' adds them to the reference"
        )


def folders_to_read(typed: Path | None, suite: str | None = None, *, beside: bool = False) -> ResultsRead:
    """Return the folders that results are read from.

    Parameters
    ----------
    typed
        What ``--results`` says: then that and nothing else.
    suite
        A suite's name: what the choice goes by. Default: all suites.
    beside
        Take the reference beside one's own results. Otherwise it is taken only where there are none of one's own.
    """
    if typed is not None:
        return ResultsRead((typed,))
    own, reference = own_results(), reference_results()
    if reference is None or is_reference(own):
        _tell(f"results: {own}")
        return ResultsRead((own,))
    both = ResultsRead((own, reference), only_in_reference(own, reference))
    of_own, of_reference = (bool(records_files(folder, suite)) for folder in both.folders)
    if of_own and of_reference and beside:
        _tell(f"results: {own}, beside the reference, {reference}")
        return both
    if of_own:
        _tell(f"results: {own}")
        return ResultsRead((own,))
    if not of_reference:
        return both  # to be told what there is
    of_suite = f" of {suite}" if suite else ""
    _tell(f"no results{of_suite} of your own in {own}: taking the reference, {reference}")
    return replace(both, folders=(reference,))


def has_reference(suite: str) -> bool:
    """Tell whether the reference has records of a suite."""
    reference = reference_results()
    return reference is not None and bool(records_files(reference, suite))


def folders_of_names(typed: Path | None) -> list[Path]:
    """Return the folders in which machines and git revisions are looked for by name: one's own, then the reference."""
    if typed is not None:
        return [typed]
    return list(dict.fromkeys(folder for folder in (own_results(), reference_results()) if folder is not None))


def _tell(line: str) -> None:
    print(line, file=sys.stderr)
