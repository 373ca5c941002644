"""The schema of a suite: models, methods, budgets and recipes to compare, and what to measure.

A suite is a YAML file of the shape of :class:`Suite` below; :mod:`.suite.load` reads it and words the errors.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ByteSize, Field, ValidationInfo, field_validator, model_validator

from ..base.model import Strict
from ..base.text import budget_words, row_words
from .measure import Measure
from .recipe import Recipe


class Budget(Strict):
    """The size to reach, as a fraction of the dense model's convolutions: exactly one of the three.

    In an entry with ``layers: conv+linear`` it is a fraction of convolutions and linear layers.
    """

    params: float | None = Field(default=None, gt=0, le=1)
    """Fraction in (0, 1] of the conv weights."""
    macs: float | None = Field(default=None, gt=0, le=1)
    """Fraction in (0, 1] of the convs' multiply-accumulates."""
    bits: float | None = Field(default=None, gt=0, le=1)
    """Fraction in (0, 1] of the conv weights' stored bits."""

    @model_validator(mode="after")
    def _exactly_one(self) -> Budget:
        given = self.as_dict()
        if len(given) != 1:
            raise ValueError(f"a budget has exactly one of params, macs and bits, this one has {len(given)}")
        return self

    def as_dict(self) -> dict[str, float]:
        """Return ``{"params": 0.3}``: the one count that was given."""
        return self.model_dump(exclude_none=True)

    def __str__(self) -> str:
        return budget_words(self.as_dict())


class Selection(Strict):
    """The layers that a method touches; a field that is not given stays as the method has it."""

    include: tuple[str, ...] | None = None
    """Glob patterns over module paths: only these layers."""
    exclude: tuple[str, ...] | None = None
    """Glob patterns over module paths: not these layers."""
    skip_first: int | None = Field(default=None, ge=0)
    """How many convolutions at the input's end are left alone."""
    skip_last: int | None = Field(default=None, ge=0)
    """How many convolutions at the output's end are left alone."""
    skip_classifier: bool | None = None
    """Whether the last layer is left alone where it is linear."""
    kernel_sizes: tuple[tuple[int, int], ...] | None = None
    """Only layers with one of these kernel sizes, height and width."""
    strides: tuple[tuple[int, int], ...] | None = None
    """Only layers with one of these strides, vertical and horizontal."""


class MethodChoice(Strict):
    """A method with the settings this suite gives it.

    In the file it is a name, or a mapping in which all keys but these are settings of the method:
    ``{name: mine, strength: 0.1, label: mine-strong}``.
    """

    name: str
    """Registered name."""
    settings: dict[str, Any] = Field(default_factory=dict)
    """What differs from the method's defaults."""
    label: str = ""
    """Name of the row in tables; from the name and the settings when not given."""
    unreachable: Literal["error", "nearest"] = "error"
    """What to do with a budget that no setting of the method reaches: refuse it, or take the nearest size."""
    select: Selection | None = None
    """Which layers to touch, where it is not to be the method's own choice."""
    overrides: dict[str, dict[str, Any] | None] | None = None
    """By path pattern: settings to change for these layers, another method with settings of its own
    (``{method: svd, rank: 0.2}``), or null to leave them dense.
    """
    inefficient: Literal["skip", "replace"] = "skip"
    """What to do with layers that the method would not make smaller: leave them dense, or replace them all the same."""
    allocate: Literal["uniform", "energy", "evbmf", "global", "sensitivity"] = "uniform"
    """How a budget is shared out over the layers: one value of the method's knob for all, or one for each, see
    ``docs/suites.md``.
    """
    variant: str = ""
    """A network of a paper that all of this is taken from, see :mod:`.variants`; other keys change it. It has a size of
    its own: the entry's budgets are not for it.
    """
    budgets: tuple[Budget, ...] = ()
    """Instead of the entry's, for a method that cannot be sized to these."""
    note: str = ""
    """What a reader of the row should know; shown below the table."""
    needs: str = Field(default="", exclude=True)
    """Package that the method comes with, by the name it is installed under: without it the row is left out."""
    recipe: Recipe | None = Field(default=None, exclude=True)
    """How its trials are trained, where that is not as the entry has it: the entry's recipe with these fields changed.
    It becomes the trial's recipe, and so the record's.
    """

    @model_validator(mode="before")
    @classmethod
    def _from_file(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, str):
            return {"name": value}
        if isinstance(value, dict):
            own = {key: value[key] for key in value if key in cls.model_fields}
            settings = {key: value[key] for key in value if key not in cls.model_fields}
            given = value.get("settings", {})
            if not isinstance(given, dict):
                return own  # what is no mapping is left for pydantic to refuse, which names the key
            taken = _taken_from(own["variant"], info) if own.get("variant") else {}
            return taken | own | {"settings": {**taken.get("settings", {}), **given, **settings}}
        return value

    @field_validator("overrides")
    @classmethod
    def _methods_by_name(cls, overrides: dict[str, dict[str, Any] | None] | None) -> Any:
        for pattern, own in (overrides or {}).items():
            if own and not isinstance(own.get("method", ""), str):
                raise ValueError(f"{pattern!r}: method is a method's name, not {own['method']!r}")
        return overrides

    @property
    def names(self) -> set[str]:
        """Names of all methods at work: its own and those the overrides give to single layers."""
        return {self.name, *(own["method"] for own in (self.overrides or {}).values() if own and "method" in own)}

    @property
    def row(self) -> str:
        """Name of the row in tables."""
        return row_words(self.label, self.name, self.settings, self.allocate)


class Variant(Strict):
    """A network of a paper.

    Attributes
    ----------
    model, model_options
        For ``load_model``: the dense network.
    also
        Other models that it is of, too: the same network for another scale.
    input
        Channels, height and width of an input.
    method
        As in a suite: name, settings, ``select``, ``overrides``, ``inefficient``.
    """

    model: str
    model_options: dict[str, Any] = Field(default_factory=dict)
    also: tuple[str, ...] = ()
    input: tuple[int, int, int]
    method: MethodChoice

    @field_validator("method")
    @classmethod
    def _without_a_recipe(cls, method: MethodChoice) -> MethodChoice:
        if method.recipe is not None:
            raise ValueError("a variant is a network: its recipe stands in the suites that train it")
        return method


def _find_variant(name: str, info: ValidationInfo) -> Variant:
    """Return the variant of a name, from the catalogue that whoever reads a suite hands over as context."""
    if not (info.context and "find_variant" in info.context):
        raise ValueError("a variant stands in a suite file only, which is read by load_suite")
    return info.context["find_variant"](name)


def _taken_from(variant: str, info: ValidationInfo) -> dict[str, Any]:
    """Return what a variant says of its method, as a suite file would."""
    method = _find_variant(variant, info).method
    return {"label": variant, **method.model_dump(include={"name", "settings", "select", "overrides", "inefficient"})}


def _with_options(model: str, options: dict[str, Any]) -> str:
    """Return a model with its options in words: ``resnet56 with shortcut: A-pool``."""
    listed = ", ".join(f"{key}: {value}" for key, value in options.items())
    return f"{model} with {listed}" if listed else model


class Exclude(Strict):
    """Points left out of an entry's matrix: those that agree with everything that is given here."""

    method: str
    """Name or label."""
    model: str | None = None
    """Where the entry has several."""
    params: float | None = None
    """A budget on the conv weights."""
    macs: float | None = None
    """A budget on the MACs."""
    bits: float | None = None
    """A budget on the stored bits."""
    seed: int | None = None
    """One of the suite's."""

    def matches(self, model: str, choice: MethodChoice, budget: Budget | None, seed: int) -> bool:
        """Tell whether the point (``model``, ``choice``, ``budget``, ``seed``) is left out."""
        counts = {count: getattr(self, count) for count in ("params", "macs", "bits")}
        wanted = {count: fraction for count, fraction in counts.items() if fraction is not None}
        return (
            self.method in (choice.name, choice.row)
            and self.model in (None, model)
            and (not wanted or (budget is not None and wanted == budget.as_dict()))
            and self.seed in (None, seed)
        )


class BaselineChoice(Strict):
    """How the dense model is trained before any trial: once for each seed, and kept for all runs to come."""

    recipe: Recipe
    """How it is trained; nothing is taken from the entry's and the suite's recipe."""


class Entry(Strict):
    """One model on one task, or several: a table of the leaderboard each.

    Its trials are the dense model and every method at every budget, each with every seed of the suite.
    """

    model: str = ""
    """Name for ``load_model``."""
    models: tuple[str, ...] = ()
    """Instead of ``model`` a list of several: a table each, all else the same."""
    model_options: dict[str, Any] = Field(default_factory=dict)
    """Options for ``load_model``; the task adds the ones it dictates (input channels, number of classes)."""
    pretrained: bool | str = False
    """Weights to start from: a library's own (true), a file or a set's name; false draws them by the seed."""
    baseline: BaselineChoice | None = None
    """Train the dense model, from where ``pretrained`` leaves it, before all trials, which start from the result."""
    task: str
    """Name of the task: ``classification``, ``super_resolution``, ..."""
    data: str
    """Name of the data, see ``decompbench data``."""
    task_options: dict[str, Any] = Field(default_factory=dict)
    """Settings of the task that differ from its defaults."""
    layers: Literal["conv", "conv+linear"] = "conv"
    """What methods compress and budgets count: convolutions, or linear layers, too. The dense row has it as all rows
    have.
    """
    split: dict[str, int] = Field(default_factory=dict)
    """By path pattern, into how many equal blocks of rows a linear layer is cut before it is compressed, such as
    ``{"*.qkv": 3}`` for fused attention projections, which are left alone without; 1 takes them as one matrix.
    """
    methods: tuple[MethodChoice, ...] = ()
    """The matrix's methods; the dense model is always there."""
    budgets: tuple[Budget, ...] = ()
    """The matrix's budgets. Without any each method runs once, at its own settings."""
    exclude: tuple[Exclude, ...] = ()
    """Points of the matrix to leave out."""
    recipe: Recipe = Field(default_factory=Recipe)
    """How every trial is trained; the suite's recipe with these fields changed."""
    measure: Measure = Field(default_factory=Measure)
    """What is measured; the suite's settings with these changed."""
    label: str = ""
    """Tells two entries with the same model and data apart."""

    @model_validator(mode="after")
    def _one_or_several_models(self) -> Entry:
        if bool(self.model) == bool(self.models):
            raise ValueError("an entry has a 'model', or 'models', a list of several")
        return self

    @model_validator(mode="after")
    def _split_linear_layers(self) -> Entry:
        if self.split and self.layers != "conv+linear":
            raise ValueError("split is of linear layers: set layers: conv+linear, or leave it out")
        return self

    @model_validator(mode="after")
    def _a_teacher_knows_something(self) -> Entry:
        recipes = [self.recipe, *(choice.recipe for choice in self.methods if choice.recipe is not None)]
        taught = any(recipe.distill is not None for recipe in recipes)
        if taught and not self.pretrained and self.baseline is None:
            raise ValueError(
                "recipe.distill learns from the dense model's weights: set pretrained or baseline, or leave it out"
            )
        if self.baseline is not None and self.baseline.recipe.distill is not None:
            raise ValueError("baseline.recipe.distill: the baseline is what others learn from: leave it out")
        return self

    @model_validator(mode="after")
    def _variants_of_this_model(self, info: ValidationInfo) -> Entry:
        for choice in self.methods if info.context else ():  # of an entry that was read before, they are
            for model in self.all_models if choice.variant else ():
                found = _find_variant(choice.variant, info)
                if model not in (found.model, *found.also) or found.model_options != self.model_options:
                    theirs = _with_options(" or ".join((found.model, *found.also)), found.model_options)
                    ours = _with_options(model, self.model_options)
                    raise ValueError(f"variant '{choice.variant}' is one of {theirs}, not of {ours}")
        return self

    @property
    def all_models(self) -> tuple[str, ...]:
        """The model, or the models where there are several."""
        return self.models or (self.model,)


class Limits(Strict):
    """What a trial's process may use before it is ended."""

    seconds: float = Field(default=600, gt=0)
    """Wall-clock seconds of a trial."""
    memory: ByteSize = Field(default=ByteSize(3 * 2**30), gt=0)
    """Resident memory in bytes; the file may say ``3GB`` or ``3GiB``."""
    baseline_seconds: float | None = Field(default=None, gt=0)
    """Seconds instead of ``seconds``, for the training of a baseline; by default a day, or ``seconds`` if that is more.
    """
    checkpoint_seconds: float = Field(default=300, gt=0)
    """Seconds of training that may be lost at most when a process is ended."""

    @property
    def seconds_for_baseline(self) -> float:
        """Wall-clock time for the training of a baseline."""
        return self.baseline_seconds or max(self.seconds, 24 * 3600)


class Suite(Strict):
    """A whole suite."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    """Also the name of its results folder."""
    version: int = Field(default=1, ge=1)
    """Raised when a change makes older records no longer belong; tables show the newest version only."""
    description: str = ""
    """What the suite is for, in a line or two."""
    seeds: tuple[int, ...] = Field(default=(0,), min_length=1)
    """Each point of the matrix is one trial for each seed."""
    recipe: Recipe = Field(default_factory=Recipe)
    """How all trials are trained, where their entry says nothing else."""
    entries: tuple[Entry, ...] = Field(min_length=1)
    """The tables of the leaderboard."""
    measure: Measure = Field(default_factory=Measure)
    """What is measured, where an entry says nothing else."""
    limits: Limits = Field(default_factory=Limits)
    """What a trial's process may use."""
    plugins: tuple[str, ...] = ()
    """Modules to import before a trial: they may register methods. Looked for beside the suite file, too."""
    folder: str = Field(default="", exclude=True)
    """Where relative paths in the suite start: where its file lies, or for a packaged one the folder of all data
    sets.
    """
    source: str = Field(default="", exclude=True)
    """The suite's file, for messages."""
