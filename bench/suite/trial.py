"""A trial: one model, one method at one budget, one recipe, one seed."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from ...common.names import suggestion
from ...common.plugins import Plugins
from ..base.errors import SuiteError
from ..base.text import DENSE, table_words, trial_words
from ..data.names import relocate_data
from .needs import is_left_out
from .recipe import Recipe
from .schema import BaselineChoice, Budget, Entry, Limits, Measure, MethodChoice, Strict, Suite


class Trial(Strict):
    """One point of a suite, with everything needed to run it in a process of its own."""

    suite: str
    """Name of the suite."""
    suite_version: int
    """Version of the suite."""
    entry: str
    """The entry's label, empty as a rule."""
    model: str
    """Name for ``load_model``."""
    model_options: dict[str, Any]
    """Options for ``load_model``; the task adds the ones it dictates (input channels, number of classes)."""
    pretrained: bool | str
    """Weights to start from: a library's own (true), a file or a set's name; false draws them by the seed."""
    baseline: BaselineChoice | None = None
    """How the dense model is trained before all trials; null where it is not."""
    task: str
    """Name of the task: ``classification``, ``super_resolution``, ..."""
    data: str
    """Name of the data, see ``decompbench data``."""
    task_options: dict[str, Any]
    """Settings of the task that differ from its defaults."""
    layers: Literal["conv", "conv+linear"] = "conv"
    """What methods compress and budgets count: convolutions, or linear layers, too."""
    split: dict[str, int] = Field(default_factory=dict)
    """By path pattern, into how many equal blocks of rows a linear layer is cut before it is compressed."""
    method: MethodChoice
    """The method and how the suite uses it."""
    budget: Budget | None
    """The size to reach; null where the method runs at its own settings."""
    recipe: Recipe
    """How the model is trained: the method's recipe where it has one, else the entry's."""
    seed: int
    """Of all random numbers."""
    measure: Measure
    """What of it is measured, and how."""
    limits: Limits
    """What the process may use."""
    plugins: tuple[str, ...]
    """Modules imported before the trial: they may register methods."""
    device: str
    """``cpu``, ``cuda`` or ``cuda:N``."""
    devices: int = 1
    """On how many of them it trains, each batch being shared among them."""
    source: str = Field(default="", exclude=True)
    """The suite's file, for messages."""
    entry_key: str = Field(default="", exclude=True)
    """Key of the entry in that file, for messages."""
    method_key: str = Field(default="", exclude=True)
    """Key of the method in that file, for messages; empty for the dense model."""
    folder: str = Field(default="", exclude=True)
    """Where relative paths start from."""

    @property
    def needed_plugins(self) -> Plugins:
        """What a process imports first that works on the trial."""
        return Plugins(self.plugins, self.folder, f"{self.source}: plugins")

    @property
    def is_dense(self) -> bool:
        """Whether this is the reference: the model as it is."""
        return self.method.name == DENSE

    @property
    def table(self) -> str:
        """Name of the table the trial belongs to: ``model/data``, after the entry's label if it has one."""
        return table_words(self.entry, self.model, self.data)

    @property
    def name(self) -> str:
        """Name that is unique in its suite: ``model/data/method/budget/seed``."""
        return trial_words(self.table, self.method.row, str(self.budget or ""), self.seed)

    @property
    def shares_out(self) -> bool:
        """Whether a budget is shared out over the layers otherwise than by one setting for all."""
        return self.method.allocate != "uniform"

    def allocated(self, allocate: str) -> Trial:
        """Return the same trial with its budget shared out in another way, which its name says."""
        label = self.method.label and f"{self.method.label} allocate={allocate}"
        method = self.method.model_copy(update={"allocate": allocate, "label": label})
        return self.model_copy(update={"method": method})

    def where(self, key: str | None = None) -> str:
        """Return where the suite has what is wrong: a key of the entry, by default the method."""
        return (
            f"{self.source}: {self.entry_key}: {key}" if key else f"{self.source}: {self.method_key or self.entry_key}"
        )

    def asked(self) -> dict[str, Any]:
        """Return what the trial asks for, ready for JSON, as far as its settings tell.

        Fields at their defaults are left out, so that a new field changes no key. Left out, too, is what changes no
        outcome: the suite's name, version and folder, limits, a method's label and note, the path of weights.
        """
        method = self.method.model_dump(
            mode="json",
            include={"name", "settings", "unreachable", "select", "overrides", "inefficient", "allocate"},
            exclude_defaults=True,
        )
        start: dict[str, Any] = {"from": "pretrained" if self.pretrained else "seed"}
        if self.baseline is not None:
            recipe = self.baseline.recipe.model_dump(mode="json", exclude_defaults=True)
            start = {"from": "baseline", "recipe": recipe, "start": start}
        return {
            "entry": self.entry,
            "model": {"name": self.model, "options": self.model_options},
            "weights": start,
            "data": {"name": self.data},
            "task": {"name": self.task, "options": self.task_options},
            **self.model_dump(mode="json", include={"layers", "split"}, exclude_defaults=True),
            "method": {"settings": {}, **method},
            "budget": self.budget and self.budget.as_dict(),
            "recipe": self.recipe.model_dump(mode="json", exclude_defaults=True),
            "seed": self.seed,
            "measure": self.measure.model_dump(mode="json", exclude_defaults=True),
            "device": self.device.partition(":")[0],
            "devices": self.devices,
        }

    def resolved_pretrained(self) -> bool | str:
        """Return ``pretrained`` with a file's path taken from the suite's folder; a data's name has no suffix."""
        if not isinstance(self.pretrained, str):
            return self.pretrained
        path = Path(self.folder, Path(self.pretrained).expanduser())
        return str(path) if path.suffix or path.is_file() else self.pretrained

    def resolved_data(self) -> str:
        """Return ``data`` with the paths in ``kind:PATH`` taken from the suite's folder."""
        return relocate_data(self.data, self.folder)


def expand(suite: Suite, device: str = "cpu", devices: int = 1) -> list[Trial]:
    """Return the trials of a suite in a stable order: in each entry the dense model first, then as written.

    Parameters
    ----------
    suite
        The suite.
    device, devices
        Where the trials are to run, and on how many of these they train.

    Raises
    ------
    SuiteError
        Two different trials have the same name, or an ``exclude`` leaves nothing out.
    """
    trials: dict[str, Trial] = {}
    for number, entry in enumerate(suite.entries):
        for model, key, choice, budget, seed in _points(suite, number, entry):
            trial = Trial(
                suite=suite.name,
                suite_version=suite.version,
                entry=entry.label,
                model=model,
                **{name: getattr(entry, name) for name in _FROM_ENTRY},
                recipe=choice.recipe or entry.recipe,
                method=choice,
                budget=budget,
                seed=seed,
                limits=suite.limits,
                plugins=suite.plugins,
                device=device,
                devices=devices,
                source=suite.source,
                entry_key=f"entries[{number}]",
                method_key=key,
                folder=suite.folder,
            )
            known = trials.setdefault(trial.name, trial)
            if known.model_dump() != trial.model_dump():
                raise SuiteError(f"{trial.where()}: two different trials would be named {trial.name}: add a label")
    return list(trials.values())


_FROM_ENTRY = (
    "model_options", "pretrained", "baseline", "task", "data", "task_options", "layers", "split", "measure",
)  # fmt: skip


def _points(suite: Suite, number: int, entry: Entry) -> Iterator[tuple[str, str, MethodChoice, Budget | None, int]]:
    """Yield model, key, method, budget and seed of each point of one entry, the excluded ones left out."""
    place = f"entries[{number}]"
    used: set[int] = set()
    for model in entry.all_models:
        for seed in suite.seeds:
            yield model, "", MethodChoice(name=DENSE), None, seed
        for index, choice in enumerate(entry.methods):
            if choice.name == DENSE:
                continue
            for budget in choice.budgets or (() if choice.variant else entry.budgets) or (None,):
                for seed in suite.seeds:
                    rules = enumerate(entry.exclude)
                    excluding = [i for i, rule in rules if rule.matches(model, choice, budget, seed)]
                    used.update(excluding)
                    if not excluding and not is_left_out(choice):
                        yield model, f"{place}.methods[{index}]", choice, budget, seed
    for index, rule in enumerate(entry.exclude):
        if index not in used:
            near = suggestion(rule.method, {choice.row for choice in entry.methods})
            if rule.model is not None and rule.model not in entry.all_models:
                near = suggestion(rule.model, entry.all_models)
            raise SuiteError(f"{suite.source}: {place}.exclude[{index}]: leaves nothing out{near}")


def name_matches(name: str, pattern: str) -> bool:
    """Tell whether a trial's name contains ``pattern``, or matches it where it has wildcards."""
    wild = any(sign in pattern for sign in "*?[")
    return fnmatch.fnmatchcase(name, pattern if wild else f"*{pattern}*")


def matching(trials: Iterable[Trial], pattern: str | None) -> list[Trial]:
    """Return the trials whose name contains ``pattern``, or matches it where it has wildcards.

    The dense trials they are compared with are always among them.

    Raises
    ------
    SuiteError
        No trial matches; the message lists some names.
    """
    trials = list(trials)
    if pattern is None:
        return trials
    chosen = [trial for trial in trials if name_matches(trial.name, pattern)]
    if not chosen:
        some = "\n  ".join(trial.name for trial in trials[:5])
        raise SuiteError(f"no trial matches '{pattern}'; names are like\n  {some}")
    compared = {(trial.table, trial.seed) for trial in chosen}
    return [trial for trial in trials if trial in chosen or (trial.is_dense and (trial.table, trial.seed) in compared)]
