"""Tasks by name, and the version that each of ours declares."""

from __future__ import annotations

import pytest

from decompbench.bench.tasks import Task, TaskError, create_task, list_tasks
from decompbench.bench.tasks.registry import _tasks


def test_tasks_of_ours_declare_a_version_and_those_of_strangers_need_not():
    ours = {name: task.version for name, task in _tasks().items() if task.__module__.startswith("decompbench.")}
    assert set(ours) >= {"classification", "detection", "size", "super_resolution"}
    assert all(isinstance(version, int) and version >= 1 for version in ours.values()), ours
    assert Task.version is None


def test_an_unknown_task_is_told_with_the_nearest_name():
    with pytest.raises(TaskError, match="did you mean 'classification'"):
        create_task("clasification", "fashion-mnist-10k")
    assert list_tasks() == sorted(list_tasks())
