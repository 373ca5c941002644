"""The part of a machine's id that is drawn once for each installation, and kept with the user's settings.

Machines that are alike have the same processor, cores and memory. What tells them apart is this part. Where several
share a home folder, each has its own.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import secrets
from pathlib import Path

from ..errors import StoreError

#: Environment variable that names the machine, in place of the id made here.
MACHINE_VARIABLE = "DECOMPBENCH_MACHINE"
#: Ends the id of a machine on which no drawn part can be kept.
UNKEPT = "unkept"
#: Has a number that the system draws for itself when it is installed; Linux only.
SYSTEM_ID = Path("/etc/machine-id")


def settings_folder() -> Path:
    """Return ``$XDG_CONFIG_HOME/decompbench``, by default ``~/.config/decompbench``.

    Raises
    ------
    OSError
        There is no home folder, as in a container for a user whom it does not know.
    """
    try:
        return Path(os.environ.get("XDG_CONFIG_HOME") or Path("~/.config").expanduser(), "decompbench")
    except RuntimeError as error:
        raise OSError(str(error)) from None


def identity_file() -> Path:
    """Return the file that keeps this machine's drawn part: ``machine.json``, or ``machine-<digits>.json``.

    The digits follow from the system's own number, where it has one. They stay on the machine: no record has them.
    """
    try:
        number = SYSTEM_ID.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        number = ""
    digits = hashlib.sha256(f"decompbench {number}".encode()).hexdigest()[:8]
    known = re.fullmatch(r"[0-9a-f]{32}", number)
    return settings_folder() / (f"machine-{digits}.json" if known else "machine.json")


def drawn_part() -> str:
    """Return the six digits drawn for this machine; they are drawn now if they never were.

    Processes that ask at once get the same. Where the digits can be kept nowhere it is ``unkept``, see
    `identity_problem`.

    Raises
    ------
    StoreError
        The file that keeps them has something else in it.
    """
    try:
        return _kept()
    except OSError:
        return UNKEPT


def identity_problem() -> str | None:
    """Return why the drawn part cannot be kept and what to do about it; None where it is kept or not needed."""
    if os.environ.get(MACHINE_VARIABLE):
        return None
    try:
        _kept()
    except OSError as error:
        return (
            f"this machine's id cannot be kept ({error}): it ends in '{UNKEPT}', as that of any machine like it. Name "
            f"the machine with {MACHINE_VARIABLE}=NAME, or give XDG_CONFIG_HOME a folder that can be written"
        )
    return None


def _kept() -> str:
    file = identity_file()
    if not file.exists():
        _keep(file, secrets.token_hex(3))
    content = file.read_text(encoding="utf-8")
    try:
        part = json.loads(content)["part"]
        if re.fullmatch(r"[0-9a-f]{6}", part):
            return part
    except (ValueError, KeyError, TypeError):
        pass
    raise StoreError(f"{file} is damaged: remove it, and this machine gets another id, or put it back as it was")


def _keep(file: Path, part: str) -> None:
    """Write the file whole, unless another process has just done so."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    try:
        with draft.open("w", encoding="utf-8") as opened:
            opened.write(json.dumps({"part": part}) + "\n")
            opened.flush()
            os.fsync(opened.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, file)  # unlike a rename it never replaces what is there
    finally:
        draft.unlink(missing_ok=True)
