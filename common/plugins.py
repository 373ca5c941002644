"""Plugins: modules of a user's that a process imports before it does anything else, so that their names are known.

A suite names its own, the option ``--plugin`` those of a command, and a package that is installed announces its modules
as entry points. Importing one registers its methods, models, tasks and data.
"""

from __future__ import annotations

import importlib
import os
import sys
import warnings
from dataclasses import dataclass
from importlib import metadata

VARIABLE = "DECOMPBENCH_PLUGINS"
"""Environment variable that says whose entry points are looked at: ``all`` (the default), or ``none`` but our own."""
OWN_DISTRIBUTION = "decompbench"
GROUP = "decompbench.plugins"
"""Entry-point group in which a package announces its modules: ``name = "package.module"``."""

_loaded: list[Plugins] = []
_installed_loaded = False


class PluginError(ValueError):
    """A plugin that cannot be imported, or a wish about plugins that has no meaning."""


@dataclass(frozen=True)
class Plugins:
    """Modules to import first.

    Attributes
    ----------
    modules
        Their names.
    folder
        Where they are looked for, after Python's path.
    asked_by
        Who names them, for messages: ``suite.yaml: plugins``.
    """

    modules: tuple[str, ...] = ()
    folder: str = ""
    asked_by: str = ""

    def load(self) -> None:
        """Import them into this process; its children are to import them, too, see `loaded`.

        Raises
        ------
        PluginError
            One cannot be imported.
        """
        if not self.modules:
            return
        if self.folder not in sys.path:
            sys.path.append(self.folder)
        for name in self.modules:
            try:
                importlib.import_module(name)
            except (Exception, SystemExit) as error:  # a stranger's module may fail in any way
                raise PluginError(f"{self.asked_by}: cannot import '{name}': {_described(error)}") from error
        if self not in _loaded:
            _loaded.append(self)


def loaded() -> tuple[Plugins, ...]:
    """Return what this process has imported first: what a child of it is to import first."""
    return tuple(_loaded)


def load_all(plugins: tuple[Plugins, ...]) -> None:
    """Import several, in their order; errors are those of `Plugins.load`."""
    for one in plugins:
        one.load()


def load_installed() -> None:
    """Import the modules that installed packages announce, once; one that fails is named in a warning and skipped."""
    global _installed_loaded
    if _installed_loaded:
        return
    found = entry_points(GROUP)
    _installed_loaded = True  # a module that asks for all there is while it is imported asks for the others
    for entry in found:
        try:
            entry.load()
        except Exception as error:  # a package from outside may fail in any way
            warnings.warn(f"plugin {entry.name!r} ({entry.value}) was skipped: {error!r}", stacklevel=2)


def entry_points(group: str) -> list[metadata.EntryPoint]:
    """Return the entry points of a group; with ``DECOMPBENCH_PLUGINS=none`` only those of our own distribution.

    Raises
    ------
    PluginError
        The variable says neither ``all`` nor ``none``.
    """
    found = list(metadata.entry_points(group=group))
    chosen = os.environ.get(VARIABLE) or "all"
    if chosen not in ("all", "none"):
        raise PluginError(f"{VARIABLE}={chosen}: must be 'all' or 'none'")
    if chosen == "all":
        return found
    return [entry for entry in found if entry.dist is not None and entry.dist.name == OWN_DISTRIBUTION]


def _described(error: BaseException) -> str:
    """Return the kind of an error and its message in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
