"""The trial as a record has it: what was asked for, in the words of the version that wrote it.

Nothing here is checked against today's suites, recipes, methods or tasks. To run or plan the trial again takes a
:class:`.suite.trial.Trial`, which today's suites may refuse.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field

from ..base.model import RecordPart
from ..base.text import DENSE, budget_words, row_words, table_words, trial_words


class AskedBudget(RecordPart):
    """The size to reach, as a fraction of the dense model's convolutions, with ``layers`` also of its linear layers."""

    params: float | None = None
    """Fraction in (0, 1] of the conv weights."""
    macs: float | None = None
    """Fraction in (0, 1] of the convs' multiply-accumulates."""
    bits: float | None = None
    """Fraction in (0, 1] of the conv weights' stored bits."""

    def as_dict(self) -> dict[str, float]:
        """Return ``{"params": 0.3}``: the one count that was given."""
        return self.model_dump(exclude_none=True)

    def __str__(self) -> str:
        return budget_words(self.as_dict())


class AskedMethod(RecordPart):
    """A method in a suite's words."""

    name: str
    """Registered name."""
    settings: dict[str, Any] = Field(default_factory=dict)
    """What the suite sets."""
    label: str = ""
    """Name of the row in tables, where the suite gives one."""
    unreachable: str = "error"
    """What to do with a budget that no setting of the method reaches: ``error``, or ``nearest`` size."""
    select: dict[str, Any] | None = None
    """Which layers to touch, where it is not to be the method's own choice."""
    overrides: dict[str, dict[str, Any] | None] | None = None
    """By path pattern, what is different for these layers."""
    inefficient: str = "skip"
    """What to do with layers that the method would not make smaller: ``skip`` or ``replace``."""
    allocate: str = "uniform"
    """How the budget is shared out over the layers: one value of the method's knob for all (``uniform``), or by
    ``energy``, ``evbmf``, ``global``, ``sensitivity``.
    """
    variant: str = ""
    """The paper's network that all of this is taken from, where it is one."""
    budgets: list[AskedBudget] = Field(default_factory=list)
    """Budgets of this method alone, where it has some."""
    note: str = ""
    """What a reader of the row should know."""

    @property
    def row(self) -> str:
        """Name of the row in tables."""
        return row_words(self.label, self.name, self.settings, self.allocate)


class AskedTrial(RecordPart):
    """One point of a suite, with everything that was needed to run it."""

    suite: str
    """Name of the suite."""
    suite_version: int
    """Version of the suite."""
    entry: str
    """The entry's label, empty as a rule."""
    model: str
    """Name of the model."""
    model_options: dict[str, Any]
    """Options of the model beside those that its task dictates."""
    pretrained: bool | str
    """Weights to start from: a library's own (true), a file or a set's name; false draws them by the seed."""
    baseline: dict[str, Any] | None = None
    """How the dense model is trained before all trials, under ``recipe``; null where it is not."""
    task: str
    """Name of the task."""
    data: str
    """Name of the data."""
    task_options: dict[str, Any]
    """Settings of the task that differ from its defaults."""
    layers: str = "conv"
    """What methods compress and budgets count: ``conv``, or ``conv+linear`` for linear layers, too."""
    split: dict[str, int] = Field(default_factory=dict)
    """By path pattern, into how many equal blocks of rows a linear layer is cut before it is compressed."""
    method: AskedMethod
    """The method and how the suite uses it."""
    budget: AskedBudget | None
    """The size to reach; null where the method runs at its own settings."""
    recipe: dict[str, Any]
    """How the model is trained: all fields of the suite's recipe, see ``docs/suites.md``."""
    seed: int
    """Of all random numbers."""
    measure: dict[str, Any]
    """What is measured, and how: all fields of the suite's ``measure``."""
    limits: dict[str, Any]
    """What the process may use: all fields of the suite's ``limits``."""
    plugins: list[str]
    """Modules imported before the trial."""
    device: str
    """``cpu``, ``cuda`` or ``cuda:N``."""
    devices: int = 1
    """On how many of them it trains, each batch being shared among them."""

    @property
    def table(self) -> str:
        """Name of the table the trial belongs to."""
        return table_words(self.entry, self.model, self.data)

    @property
    def name(self) -> str:
        """Name that is unique in its suite."""
        return trial_words(self.table, self.method.row, str(self.budget or ""), self.seed)

    @property
    def is_dense(self) -> bool:
        """Whether this is the reference: the model as it is."""
        return self.method.name == DENSE
