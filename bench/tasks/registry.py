"""The registry of tasks: every task by name. It finds those in the modules of this package by itself."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from ...common.names import suggestion
from ...common.plugins import load_installed
from .base import Outline, Task, TaskError, TaskOptions, UnknownTaskError

_TASKS: dict[str, type[Task]] = {}

TaskType = TypeVar("TaskType", bound=type[Task])


def register_task(task: TaskType) -> TaskType:
    """Class decorator: make a task known by its ``name``."""
    _TASKS[task.name] = task
    return task


def list_tasks() -> list[str]:
    """Names of all tasks."""
    return sorted(_tasks())


def create_task(name: str, data: str, *, root: str | Path | None = None, **options: Any) -> Task:
    """Make a task with its data in memory.

    Parameters
    ----------
    name : str
        One of ``list_tasks()``.
    data : str
        Name of data for it, see ``bench.data.list_data``.
    root : str or Path, optional
        Folder of the data, see ``bench.data``.
    **options
        Fields of the task's options, such as ``scale`` of super-resolution.

    Raises
    ------
    TaskError
        No such task or option, or a value an option cannot have.
    DataError
        Data that is unknown or cannot be read.
    """
    task, checked = _chosen(name, options)
    return task.from_data(data, root, checked)


def outline_task(name: str, data: str, *, root: str | Path | None = None, **options: Any) -> Outline:
    """Return a task's demands on a model, without loading the data where its name and the options tell.

    Parameters and errors are those of ``create_task``.
    """
    task, checked = _chosen(name, options)
    return task.outline(data, root, checked)


def task_class(name: str) -> type[Task]:
    """Return the class of the task of that name.

    Raises
    ------
    UnknownTaskError
        There is none; the message has the nearest names, and all.
    """
    _import_modules(name)
    tasks = _TASKS if name in _TASKS else _tasks()
    if name not in tasks:
        raise UnknownTaskError(
            f"No task is called '{name}'{suggestion(name, tasks)}. There is {', '.join(sorted(tasks))}."
        )
    return tasks[name]


def _chosen(name: str, options: dict[str, Any]) -> tuple[type[Task], TaskOptions]:
    """Return the task of that name and its options, checked."""
    task = task_class(name)
    return task, _check_options(name, task.options_type, options)


def _tasks() -> dict[str, type[Task]]:
    """Return all tasks by name, once all modules of this package and of installed plugins have registered theirs."""
    _import_modules()
    load_installed()
    return _TASKS


@functools.cache
def _import_modules(name: str | None = None) -> None:
    """Import the module or folder of that name, where a task of ours that is called so is; or all there are."""
    package = f"{__package__}."
    for module in pkgutil.walk_packages([str(Path(__file__).parent)], package):
        if name is None or module.name.removeprefix(package).partition(".")[0] == name:
            importlib.import_module(module.name)


def _check_options(task: str, options_type: type[TaskOptions], options: dict[str, Any]) -> TaskOptions:
    allowed = options_type.model_fields
    for key in options:
        if key not in allowed:
            raise TaskError(
                f"The task {task} has no option '{key}'{suggestion(key, allowed)}. It has {', '.join(allowed)}."
            )
    try:
        return options_type.model_validate(options)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, problem['loc'])) or 'options'}: {problem['msg']} (got {problem['input']!r})"
            for problem in error.errors()
        )
        raise TaskError(f"{problems}; see the options of the task {task}.") from error
