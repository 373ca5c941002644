"""The contract of a compression method. An author writes a frozen dataclass with two functions; the rest is given."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import wraps
from typing import Any, ClassVar, Literal, Self

import torch
from torch import Tensor, nn

from ...common.names import did_you_mean
from .cost import Cost, Skip
from .errors import SettingError
from .select import Select
from .setting_types import require_types
from .spec import ConvSpec

Kind = Literal["weight-space", "architectural", "none"]


@dataclass(frozen=True)
class Knob:
    """The one setting of a method that a budget search moves.

    The cost of every layer must not decrease as the knob goes from ``low`` to ``high``, as far as it is below the
    convolution's own: a plan leaves alone what would not get smaller.

    Attributes
    ----------
    field
        Name of the method's field.
    low, high
        Values of least and of most cost. ``low`` may be the larger number.
    integer
        Whether only integers between them are allowed.
    choices
        All allowed values from least to most cost, where they are few; ``low`` and ``high`` are then its ends.
    dips
        Names of counts that rounding may let fall a little between two values. A budget on them is met from below all
        the same, but perhaps by another value than the largest that fits.
    """

    field: str
    low: float
    high: float
    integer: bool = False
    choices: tuple[Any, ...] = ()
    dips: tuple[str, ...] = ()

    @classmethod
    def of(cls, field: str, choices: Sequence[Any]) -> Knob:
        """Return a knob with a few ``choices``, from least to most cost."""
        return cls(field, choices[0], choices[-1], choices=tuple(choices))


class Part:
    """What a method does to its layers from the start of training to its end: the method's half of a `Session`.

    The default swaps the layers at the start and has no penalty.

    Parameters
    ----------
    replacements
        New module by path, put into the model when the session begins.

    Attributes
    ----------
    decomposes_at
        ``"begin"`` if the layers are compressed while training, ``"finish"`` if only afterwards.
    """

    decomposes_at: Literal["begin", "finish"] = "begin"

    def __init__(self, replacements: Mapping[str, nn.Module] | None = None) -> None:
        self.replacements = dict(replacements or {})

    def penalty(self) -> Tensor | None:
        """Return a scalar to add to the task's loss, or None."""
        return None

    def after_step(self) -> None:
        """Do what has to be done after each step of the optimiser."""

    def converged(self) -> bool:
        """Return whether training longer would serve nothing; by default a training runs its full course."""
        return False

    def state_dict(self) -> dict[str, Any]:
        """Return what training has changed in the part, the modules aside: numbers, tensors, strings, lists, mappings.

        By default nothing. A part that returns something takes it back in `load_state_dict`.
        """
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` returned in another session of the same plan."""

    def finish(self) -> dict[str, nn.Module]:
        """Return the modules to put into the model when training has ended."""
        return {}


@dataclass(frozen=True)
class Method(ABC):
    """A compression method: its fields are its settings.

    A subclass is a frozen dataclass decorated with `register`; it sets the class attributes below and writes
    `layer_cost` and `compress_layer`. A method that shares something across layers also overrides `share`,
    `group_costs` and `compress_group`; one that acts during training overrides `start`; one that looks at activations
    overrides `calibration_samples` and `refit_layer`.

    Attributes
    ----------
    name
        Set by `register`.
    version
        Raised whenever the same settings would give other results; records of older versions are then superseded.
    kind
        ``"weight-space"`` if every layer equals a convolution with some dense weight, ``"architectural"`` if not,
        ``"none"`` if nothing is replaced.
    paper
        Where the method comes from.
    knob
        What a budget search moves; None if the method cannot be sized.
    default_select
        Which layers are touched unless the plan says otherwise.
    expresses
        Types of convolution the method has a replacement for: ``"Conv2d"``, ``"ConvTranspose2d"``. A transposed one
        comes to `compress_layer` like the others; its weight is ``(c, n / groups, kh, kw)``.
    """

    name: ClassVar[str] = ""
    version: ClassVar[int] = 1
    paper: ClassVar[str] = ""
    knob: ClassVar[Knob | None] = None
    default_select: ClassVar[Select] = Select()
    expresses: ClassVar[tuple[str, ...]] = ("Conv2d",)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Have the types of the settings checked before the subclass's own ``__post_init__`` compares their values."""
        super().__init_subclass__(**kwargs)
        own = cls.__dict__.get("__post_init__")
        if own is not None:

            @wraps(own)
            def checked(self: Method, *args: Any) -> None:
                require_types(self.name, self)
                own(self, *args)

            cls.__post_init__ = checked

    def __post_init__(self) -> None:
        require_types(self.name, self)

    # -- what an author writes ------------------------------------------------------------------------------------

    @abstractmethod
    def layer_cost(self, spec: ConvSpec) -> Cost | Skip:
        """Return what the replacement of ``spec`` costs, or why there is none. No weights are touched."""

    @abstractmethod
    def compress_layer(self, conv: nn.Conv2d, spec: ConvSpec, generator: torch.Generator) -> nn.Module:
        """Return the replacement of ``conv``, initialised from its weights.

        Its structure may depend on ``spec`` and the settings only: a saved model is rebuilt from these. Device,
        dtype, mode and ``requires_grad`` are carried over by the caller. Random numbers come from ``generator``.
        """

    # -- what an author may override ------------------------------------------------------------------------------

    @property
    def kind(self) -> Kind:
        """What the replacements are, with these settings: see the class's attributes."""
        return "weight-space"

    def budget_knob(self) -> Knob | None:
        """Return what a budget search moves, with these settings; by default the class's `knob`."""
        return self.knob

    def other_weights(self, spec: ConvSpec) -> dict[str, int]:
        """Return the replacement's stored weights by further conventions of the method's paper; by default none."""
        return {}

    @property
    def training_cycles(self) -> int:
        """How often the method's paper repeats the baseline's schedule of training; a recipe may follow it."""
        return 1

    def at_full(self) -> Self | Skip:
        """Return these settings at full size, where every layer gives its convolution back, or why there are none.

        By default the knob at its high end. A method that is not exact there returns other settings, or a `Skip`.
        """
        if self.kind != "weight-space":
            return Skip(f"{self.kind}: nothing is approximated")
        knob = self.budget_knob()
        return Skip("no knob to turn up") if knob is None else self.with_settings(**{knob.field: knob.high})

    @property
    def reads_weights(self) -> bool:
        """Whether `resolve` looks at weights, with these settings: without them there is no plan then."""
        return type(self).resolve is not Method.resolve

    def resolve(self, convs: Mapping[str, nn.Conv2d], specs: Sequence[ConvSpec]) -> Mapping[str, Mapping[str, Any]]:
        """Return, by path, settings that are read off the weights; a plan is made with them. By default none.

        This is the one place where weights may decide on structure: what they decide is a setting from then on.
        """
        return {}

    def share(self, specs: Sequence[ConvSpec]) -> list[list[ConvSpec]]:
        """Partition the selected layers into groups that share something; by default each is alone."""
        return [[spec] for spec in specs]

    def group_costs(self, specs: Sequence[ConvSpec]) -> tuple[list[Cost], Cost] | Skip:
        """Return the cost of each layer of a sharing group, and of what they share, counted once.

        Or a `Skip`, where some value of the knob leaves the group without a replacement: a plan itself asks
        `layer_cost` with the settings it starts from only.
        """
        costs = []
        for spec in specs:
            cost = self.layer_cost(spec)
            if isinstance(cost, Skip):
                return cost
            costs.append(cost)
        return costs, Cost(0, 0, 0)

    def compress_group(
        self, convs: Mapping[str, nn.Conv2d], specs: Sequence[ConvSpec], generator: torch.Generator
    ) -> dict[str, nn.Module]:
        """Return the replacements of a sharing group by path; by default one `compress_layer` each."""
        return {spec.path: self.compress_layer(convs[spec.path], spec, generator) for spec in specs}

    def skeleton_group(self, convs: Mapping[str, nn.Conv2d], specs: Sequence[ConvSpec]) -> dict[str, nn.Module]:
        """Return modules shaped like `compress_group`'s, values arbitrary: a saved state is loaded into them.

        The default compresses whatever weights the convs have; overriding it makes loading faster.
        """
        return self.compress_group(convs, specs, torch.Generator().manual_seed(0))

    def start(
        self, convs: Mapping[str, nn.Conv2d], groups: Sequence[Sequence[ConvSpec]], generator: torch.Generator
    ) -> Part:
        """Begin a training session over all layers that have these settings; by default compress them at once."""
        return Part(self.compress_groups(convs, groups, generator))

    @property
    def calibration_samples(self) -> int:
        """How many inputs of the network the method wants to see, with these settings; 0: it looks at weights only.

        A method that wants any refits its layers in `refit_layer`.
        """
        return 0

    def refit_layer(  # noqa: B027 - a method that looks at weights only has nothing to do here
        self,
        layer: nn.Module,
        conv: nn.Conv2d,
        spec: ConvSpec,
        activations: Iterable[tuple[Tensor, Tensor]],
        generator: torch.Generator,
    ) -> None:
        """Change the values of a replacement by what flows through it; by default they stay.

        Called without gradients once every layer is compressed, layer by layer in forward order: all layers before
        this one have been refitted.

        Parameters
        ----------
        layer
            What stands in the compressed network where ``conv`` was.
        conv, spec
            The original convolution, and its spec.
        activations
            Pairs of the layer's input ``(b, c, h, w)`` in the compressed network and the convolution's output
            ``(b, n, h', w')`` in the original one. May be iterated again, at the cost of as many forward passes.
        generator
            For random numbers.
        """

    # -- what is given --------------------------------------------------------------------------------------------

    def compress_groups(
        self, convs: Mapping[str, nn.Conv2d], groups: Sequence[Sequence[ConvSpec]], generator: torch.Generator
    ) -> dict[str, nn.Module]:
        """Return the replacements of all sharing groups by path, of which `compress_group` gives each one's."""
        replacements: dict[str, nn.Module] = {}
        for specs in groups:
            replacements |= self.compress_group({spec.path: convs[spec.path] for spec in specs}, specs, generator)
        return replacements

    def settings(self) -> dict[str, Any]:
        """Return the fields as a plain mapping that JSON can hold."""
        return asdict(self)

    def with_settings(self, **changes: Any) -> Self:
        """Return the same method with some fields changed.

        Raises
        ------
        SettingError
            If a field does not exist or cannot have the value.
        """
        known = self.field_names()
        for name in changes:
            if name not in known:
                raise SettingError(f"method {self.name!r} has no setting {name!r}: {did_you_mean(name, known)}")
        return replace(self, **changes)

    @classmethod
    def field_names(cls) -> list[str]:
        """Return the names of the method's settings."""
        return [field.name for field in fields(cls)]

    @classmethod
    def summary(cls) -> str:
        """Return the first line of the class's docstring, without markup."""
        return (cls.__doc__ or "").strip().partition("\n")[0].replace("``", "")

    def changed_settings(self) -> dict[str, Any]:
        """Return the settings that tell this method from its defaults: those changed, and always the knob."""
        shown = {field.name for field in fields(self) if getattr(self, field.name) != field.default}
        if (knob := self.budget_knob()) is not None:
            shown.add(knob.field)
        return {name: value for name, value in self.settings().items() if name in shown}

    def __str__(self) -> str:
        shown = (
            f"{name}={value:.4g}" if isinstance(value, float) else f"{name}={value}"
            for name, value in self.changed_settings().items()
        )
        return f"{self.name}({', '.join(shown)})"
