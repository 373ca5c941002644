"""The sources of records to compare: a folder, a file, a git revision, or one machine's results."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ....common.names import suggestion
from ...base.errors import BenchError
from ...records.find import latest
from ...records.folders import Folders, as_folders, listed
from ...records.record import Record
from ...records.store import Damage, parse_records, read_records
from ...records.superseded import describe_superseded
from .revisions import NAMES_SHOWN, Repository

#: Where records lie below a folder of all results, of one suite, and of one suite on one machine.
LAYOUTS = ("*/*/records.jsonl", "*/records.jsonl", "records.jsonl")

Read = Callable[[], tuple[list[Record], list[Damage]]]


@dataclass(frozen=True)
class RecordSet:
    """The newest record of every trial from one place.

    Attributes
    ----------
    name
        As the user wrote it.
    source
        What the name stands for, in words.
    superseded
        How many superseded records are left out, in words.
    """

    name: str
    source: str
    records: list[Record]
    damages: list[Damage]
    superseded: str | None = None


@dataclass(frozen=True)
class _Source:
    words: str
    read: Read


def read_set(name: str, results: Folders, *, superseded: bool = False) -> RecordSet:
    """Read the set of records that ``name`` stands for, the last record of each trial.

    Parameters
    ----------
    name
        A results folder (of all suites, of one, or of one on one machine), a records file, the id of a machine in
        ``results``, a git revision of the repository that holds ``results``, or ``REVISION:PATH``.
    results
        Folder of all results, or several; they need not exist for a revision. Of several the first counts whose
        repository has the revision with records.
    superseded
        Take records of older versions of suites and methods where there are no newer ones.

    Raises
    ------
    BenchError
        It stands for nothing or for more than one thing, or has no readable record; the message says what there is.
    """
    folders = as_folders(results)
    repositories = [found for folder in folders if (found := Repository.around(folder)) is not None]
    found = [_from_path(name), _from_machine(name, folders), _from_revision(name, repositories)]
    sources = [source for source in found if source is not None]
    if not sources:
        raise BenchError(_unknown(name, folders, repositories))
    if len(sources) > 1:
        meanings = " and ".join(source.words for source in sources)
        raise BenchError(
            f"'{name}' is ambiguous: {meanings}; write ./{name} for the folder or file, {name}^0 for the revision, "
            f"{folders[0]}/SUITE/{name} for a machine"
        )
    (source,) = sources
    records, damages = source.read()
    if not records:
        damaged = f": {damages[0]}" if damages else ""
        raise BenchError(f"no readable record in {source.words}{damaged}")
    left_out = None if superseded else describe_superseded(records, "--superseded takes them")
    if superseded:
        chosen = sorted(latest(records, superseded=True), key=lambda r: (r.trial.suite_version, r.method.version))
    else:
        chosen = latest(records)
    if not chosen:
        raise BenchError(f"{source.words}: {left_out}")
    return RecordSet(name, source.words, chosen, damages, left_out)


def _from_path(name: str) -> _Source | None:
    path = Path(name)
    if path.is_file():
        return _Source(f"file {name}", lambda: read_records(path))
    files = _files(path)
    return _Source(f"folder {name}", lambda: _read_files(files)) if files else None


def _from_machine(name: str, folders: list[Path]) -> _Source | None:
    found = {folder: [file for file in _files(folder) if file.parent.name == name] for folder in folders}
    words = f"machine {name} in {listed([folder for folder, files in found.items() if files])}"
    files = [file for files in reversed(found.values()) for file in files]  # the first folder's last: the last counts
    return _Source(words, lambda: _read_files(files)) if files else None


def _from_revision(name: str, repositories: list[Repository]) -> _Source | None:
    revision, colon, path = name.partition(":")
    found: list[tuple[Repository, str, str]] = []
    for repository in repositories:
        commit = repository.commit(revision) if revision else None
        if commit is not None:
            found.append((repository, commit, posixpath.normpath(path.strip("/")) if colon else repository.path))
    if not found:
        return None
    with_records = (place for place in found if place[0].records_files(place[1], place[2]))
    repository, commit, path = next(with_records, found[0])
    words = f"{path} as of revision {revision}" + ("" if commit.startswith(revision) else f" ({commit[:12]})")
    return _Source(words, lambda: _read_revision(repository, revision, commit, path))


def _files(folder: Path) -> list[Path]:
    """Return the records files of a results folder, of the first layout that it has any of."""
    return next((files for layout in LAYOUTS if (files := sorted(folder.glob(layout)))), [])


def _read_files(files: list[Path]) -> tuple[list[Record], list[Damage]]:
    return _joined({file: read_records(file) for file in files})


def _read_revision(repository: Repository, revision: str, commit: str, path: str) -> tuple[list[Record], list[Damage]]:
    contents = repository.records_files(commit, path)
    if "" in contents:  # path names the file itself
        return parse_records(contents[""], Path(f"{revision}:{path}"))
    for layout in LAYOUTS:
        depth = len(PurePosixPath(layout).parts)
        files = {name: text for name, text in sorted(contents.items()) if len(PurePosixPath(name).parts) == depth}
        if files:
            return _joined(
                {name: parse_records(text, Path(f"{revision}:{path}/{name}")) for name, text in files.items()}
            )
    raise BenchError(f"no records in {path} as of revision {revision}; {_elsewhere(repository, commit)}")


def _joined(read: Mapping[object, tuple[list[Record], list[Damage]]]) -> tuple[list[Record], list[Damage]]:
    records = [record for some, _ in read.values() for record in some]
    return records, [damage for _, some in read.values() for damage in some]


def _elsewhere(repository: Repository, commit: str) -> str:
    paths = repository.records_paths(commit)
    if not paths:
        return "that revision has no records.jsonl anywhere"
    more = f" and {len(paths) - NAMES_SHOWN} more" if len(paths) > NAMES_SHOWN else ""
    return f"there are {', '.join(paths[:NAMES_SHOWN])}{more}"


def _unknown(name: str, folders: list[Path], repositories: list[Repository]) -> str:
    """Return the message for a name that stands for nothing, with what there is."""
    machines = sorted({file.parent.name for folder in folders for file in _files(folder)})
    revisions = list(dict.fromkeys(name for repository in repositories for name in repository.names()))
    nothing = f"'{name}' is no folder with records, no records file, no machine and no git revision"
    there = f"machines in {listed(folders)}: {', '.join(machines) or 'none'}"
    if not repositories:
        there += f"; no git repository holds {listed(folders)}"
    else:
        there += f"; branches and tags: {', '.join(revisions[:NAMES_SHOWN]) or 'none'}"
        if any(repository.is_shallow() for repository in repositories):
            there += " (the clone is shallow: 'git fetch --unshallow' brings older revisions)"
    return f"{nothing}{suggestion(name, [*machines, *revisions])}; {there}"
