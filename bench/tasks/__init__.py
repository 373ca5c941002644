"""Tasks: what a model is trained and judged on. ``create_task("classification", "fashion-mnist-10k")``.

In: the name of a task, of its data, and options. Out: batches, loss and metrics.
"""

from .base import Metric, Outline, Task, TaskError, TaskOptions, UnknownTaskError
from .registry import create_task, list_tasks, outline_task, register_task

__all__ = [
    "Metric",
    "Outline",
    "Task",
    "TaskError",
    "TaskOptions",
    "UnknownTaskError",
    "create_task",
    "list_tasks",
    "outline_task",
    "register_task",
]
