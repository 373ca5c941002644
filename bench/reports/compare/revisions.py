"""Files of a git revision, read from the repository's objects: nothing is checked out."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from ...base.errors import BenchError

#: Branches and tags that an error message names.
NAMES_SHOWN = 8


class RevisionError(BenchError):
    """Something that git was asked for and does not have."""


@dataclass(frozen=True)
class Repository:
    """The git repository that a folder lies in.

    Attributes
    ----------
    folder
        A folder of its working tree, which exists.
    path
        Of the folder that was asked for, from the top of the working tree; it need not exist.
    """

    folder: Path
    path: str

    @classmethod
    def around(cls, folder: Path) -> Repository | None:
        """Return the repository that ``folder`` lies in; None where it lies in none, or there is no git."""
        wanted = folder.absolute()
        existing = next((one for one in (wanted, *wanted.parents) if one.is_dir()), None)
        if existing is None:
            return None
        prefix = _git(existing, "rev-parse", "--show-prefix")
        if prefix is None:
            return None
        path = Path(prefix.decode().strip(), wanted.relative_to(existing))
        return cls(existing, path.as_posix())

    def commit(self, name: str) -> str | None:
        """Return the hash of the commit that ``name`` (a branch, a tag, ``HEAD~3``) stands for, None if it is none."""
        return self._resolved(f"{name}^{{commit}}")

    def records_files(self, commit: str, path: str) -> dict[str, bytes]:
        """Return the content of every ``records.jsonl`` below a folder, or of the one file that ``path`` names.

        Parameters
        ----------
        commit
            A commit's hash.
        path
            From the top of the working tree.

        Returns
        -------
        dict
            By path from ``path`` on; empty where there is none.
        """
        found = self._resolved(f"{commit}:{'' if path == '.' else path}")
        if found is None:
            return {}
        if self._output("cat-file", "-t", found).strip() == b"blob":
            return {"": self._output("cat-file", "blob", found)}
        return {name: self._output("cat-file", "blob", f"{found}:{name}") for name in self._named_records(found)}

    def records_paths(self, commit: str) -> list[str]:
        """Return the path of every ``records.jsonl`` in a commit."""
        return self._named_records(commit)

    def names(self) -> list[str]:
        """Return branches and tags, those with the newest commits first."""
        wanted = ("refs/heads", "refs/tags", "refs/remotes")
        listed = self._output("for-each-ref", "--format=%(refname:short)", "--sort=-committerdate", *wanted)
        return listed.decode().split()

    def is_shallow(self) -> bool:
        """Tell whether older revisions were left out when the repository was cloned."""
        return self._output("rev-parse", "--is-shallow-repository").strip() == b"true"

    def _named_records(self, tree: str) -> list[str]:
        names = self._output("ls-tree", "-r", "-z", "--full-tree", "--name-only", tree).decode().split("\0")
        return [name for name in names if Path(name).name == "records.jsonl"]

    def _resolved(self, expression: str) -> str | None:
        found = _git(self.folder, "rev-parse", "--verify", "--quiet", "--end-of-options", expression)
        return None if found is None else found.decode().strip()

    def _output(self, *arguments: str) -> bytes:
        found = _git(self.folder, *arguments)
        if found is None:
            raise RevisionError(f"git {' '.join(arguments[:2])} failed in {self.folder}")
        return found


def _git(folder: Path, *arguments: str) -> bytes | None:
    """Return what git prints; None where it fails or is not installed."""
    try:
        done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout
