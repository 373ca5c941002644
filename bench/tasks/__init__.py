"""Tasks: what a model is trained and judged on. ``create_task("classification", "fashion-mnist-10k")``."""

from .base import Metric, Task, TaskError, TaskOptions
from .registry import create_task, list_tasks, register_task

__all__ = ["Metric", "Task", "TaskError", "TaskOptions", "create_task", "list_tasks", "register_task"]
