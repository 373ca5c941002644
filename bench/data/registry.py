"""The registry of data: every data set by name. It finds those in the modules of this package by itself."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Any, Literal

from ...common.names import suggestion
from ...common.plugins import load_installed
from ..base.kept import kept
from .errors import DataError, UnknownDataError
from .places import data_folder


@dataclass(frozen=True)
class DataOutline:
    """Channels, size and classes of a data set, known without having it.

    Attributes
    ----------
    channels : int
        1 or 3.
    size : tuple of int, optional
        Height and width as a model gets them; None where an option of the task says.
    classes : int, optional
        How many labels there are, where there are any.
    """

    channels: int
    size: tuple[int, int] | None
    classes: int | None = None


def _not_loaded(name: str, *_: Any) -> Any:
    raise DataError(f"{name} cannot be loaded so: some data is only listed, other data only loaded.")


@dataclass(frozen=True)
class DataInfo:
    """One line of ``list_data()``.

    Attributes
    ----------
    name : str
        The name, without a folder.
    task : str
        The task it is for.
    description : str
        Content and size.
    source : str
        Where it comes from, and its licence where that is known.
    folder : {"none", "optional", "required"}
        Whether a folder may follow the name, ``name:PATH``.
    outline : DataOutline, optional
        None where the name alone does not tell.
    streamed : {"never", "optional", "always"}
        Whether images may, or must, be read from files as they are needed. Where they may, the option
        ``image_size`` sets height and width.
    load : callable, optional
        Loads it. Its arguments after the name, and what it returns, depend on the task: see ``load_classification``,
        ``load_super_resolution``, ``load_detection``.
    scan : callable, optional
        Lists its files instead, where it is streamed.
    fetch : callable, optional
        Downloads it into the folder that it is given; nothing is done where it is there.
    """

    name: str
    task: str
    description: str
    source: str
    _: KW_ONLY
    folder: Literal["none", "optional", "required"] = "none"
    load: Callable[..., Any] = _not_loaded
    scan: Callable[..., Any] = _not_loaded
    fetch: Callable[[Path], None] | None = None
    outline: DataOutline | None = None
    streamed: Literal["never", "optional", "always"] = "never"

    @property
    def pattern(self) -> str:
        """How the name is written: ``photographs``, ``cifar10[:PATH]``, ``imagefolder:PATH``."""
        return self.name + {"none": "", "optional": "[:PATH]", "required": ":PATH"}[self.folder]

    def to_json(self) -> dict[str, Any]:
        """What to list, as plain JSON values."""
        return {"name": self.pattern, "task": self.task, "description": self.description, "source": self.source}


_DATA: dict[str, DataInfo] = {}


def register_data(info: DataInfo) -> None:
    """Make data known by its name; a module of this package that calls this is found, a plugin's is imported."""
    _DATA[info.name] = info


def list_data() -> list[DataInfo]:
    """Return all data: first what ships with the package, then what may have a folder, last what needs one."""
    order = {"none": 0, "optional": 1, "required": 2}
    return sorted(_data().values(), key=lambda info: (order[info.folder], info.task, info.name))


@functools.cache
def _modules_imported() -> None:
    for module in pkgutil.walk_packages([str(Path(__file__).parent)], f"{__package__}."):
        importlib.import_module(module.name)
    load_installed()


def _data() -> dict[str, DataInfo]:
    """Return all data by name, those of all modules of this package and of installed plugins included."""
    _modules_imported()
    return _DATA


def classes_of(name: str, task: str) -> int | None:
    """How many classes data has, where its name alone tells. It is kept: tables ask for it, which read no image."""
    known = kept("classes", f"{__package__}.types", _list_classes, data=loader_folders)
    return known.get(_place(name.partition(":")[0], task))


def loader_folders() -> list[Path]:
    """Return the folders in which modules with data are looked for: a new one changes what there is."""
    here = Path(__file__).parent
    return [here, *(path.parent for path in here.glob("*/__init__.py"))]


def _list_classes() -> dict[str, int]:
    outlines = {_place(info.name, info.task): info.outline for info in list_data()}
    return {place: outline.classes for place, outline in outlines.items() if outline and outline.classes}


def _place(name: str, task: str) -> str:
    return f"{task} {name}"


def find_data(name: str, task: str) -> DataInfo:
    """Return the entry of data by its name, with or without a folder after a colon.

    Parameters
    ----------
    name : str
        As in a suite, such as ``cifar10`` or ``imagefolder:PATH``.
    task : str
        The task it is to be for.

    Raises
    ------
    UnknownDataError
        No data has this name (the message has the nearest names), it is for another task, its folder is missing, or it
        takes none.
    """
    kind, colon, path = name.partition(":")
    known = _data()
    if kind not in known:
        patterns = ", ".join(info.pattern for info in list_data())
        raise UnknownDataError(f"No data is called '{kind}'{suggestion(kind, known)}. There is {patterns}.")
    info = known[kind]
    if info.task != task:
        fitting = ", ".join(other.pattern for other in list_data() if other.task == task)
        raise UnknownDataError(f"'{name}' is data for {info.task}, not for {task}, for which there is {fitting}.")
    if colon and info.folder == "none":
        raise UnknownDataError(f"'{kind}' comes from no folder: leave ':{path}' out.")
    if (info.folder == "required" and not colon) or (colon and not path):
        raise UnknownDataError(f"'{name}' lacks its folder: '{kind}:PATH'.")
    return info


def fetch_data(name: str, root: str | Path | None = None) -> Path:
    """Download data into the folder of all data sets; return that folder.

    Raises
    ------
    UnknownDataError
        No such name.
    DataError
        There is no download of it, or it failed.
    """
    fetched = {info.name: info.fetch for info in list_data() if info.fetch is not None}
    if name not in fetched:
        raise UnknownDataError(f"'{name}' cannot be downloaded{suggestion(name, fetched)}; {', '.join(fetched)} can.")
    folder = data_folder(root)
    fetched[name](folder)
    return folder
