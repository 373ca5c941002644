"""The method: a frozen dataclass for which an author writes two functions, and its part of a training session."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import lru_cache, wraps
from typing import Any, ClassVar, Literal, Self

import torch
from torch import Tensor, nn

from ...common.names import did_you_mean
from ..numerics.spectrum import discarded_squares, squared_spectra
from ..numerics.unfolding import Spectrum
from .cost import Cost, Knob, Skip
from .errors import SettingError
from .layers import squared_error
from .settings.select import Select
from .settings.types import require_types
from .spec import ConvSpec

Kind = Literal["weight-space", "architectural", "none"]


class SessionPart:
    """One method's part of a `Session`: what it does to its layers from the start of training to the end.

    A session has one part for each method, with its settings, in the plan. The default swaps the layers at the start
    and has no penalty.

    Parameters
    ----------
    replacements
        New module by path, put into the model when the session begins.

    Attributes
    ----------
    decomposes_at
        ``"begin"`` if the layers are compressed while training, ``"finish"`` if only afterwards.
    limit
        Set by `begin` where the plan has a budget: the count it is set on, and what the part's layers come to in the
        plan. A part that chooses sizes in training stays within it.
    """

    decomposes_at: Literal["begin", "finish"] = "begin"
    limit: tuple[str, int] | None = None

    def __init__(self, replacements: Mapping[str, nn.Module] | None = None) -> None:
        self.replacements = dict(replacements or {})

    def penalty(self) -> Tensor | None:
        """Return a scalar to add to the task's loss, or None."""
        return None

    def after_step(self) -> None:
        """Do what has to be done after each step of the optimiser."""

    def converged(self) -> bool:
        """Return whether further training is of no use to this part; by default never."""
        return False

    def state_dict(self) -> dict[str, Any]:
        """Return what training has changed in the part, apart from the modules; by default nothing.

        The values are numbers, tensors, strings, lists and mappings. `load_state_dict` takes them back.
        """
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from the `state_dict` of another session of the same plan."""

    def monitor(self) -> dict[str, dict[str, list[float]]]:
        """Return, by layer path, named numbers that the history of a training keeps; by default nothing."""
        return {}

    def spectra(self) -> list[Spectrum]:
        """Return the singular values of what the part lowers the rank of, at the current weights; by default nothing.

        The history of a training keeps those before it and those after it.
        """
        return []

    def chosen(self) -> Mapping[str, Mapping[str, Any] | Skip]:
        """Return, by path, settings that training has chosen, or a `Skip` for a layer that is to stay as it is.

        Asked once when training has ended, before `finish`, whose modules have this structure. The plan takes them
        over: it is what a saved model is rebuilt from. By default nothing.
        """
        return {}

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
        To be raised when the same settings give other results; records of older versions are then superseded.
    kind
        ``"weight-space"`` if every layer equals a convolution with some dense weight, ``"architectural"`` if not,
        ``"none"`` if nothing is replaced.
    paper
        Where the method comes from.
    knob
        The setting that a budget search moves; None if the method has no size to choose.
    default_select
        Which layers are touched unless the plan says otherwise.
    expresses
        Types of layer the method has a replacement for: ``"Conv2d"``, ``"ConvTranspose2d"``, ``"Linear"``. A transposed
        one comes to `compress_layer` like the others; its weight is ``(c, n / groups, kh, kw)``. A linear one comes as
        a 1×1 convolution, and its replacement is put to work on tokens: nothing needs to know.
    """

    name: ClassVar[str] = ""
    version: ClassVar[int] = 1
    paper: ClassVar[str] = ""
    knob: ClassVar[Knob | None] = None
    default_select: ClassVar[Select] = Select()
    expresses: ClassVar[tuple[str, ...]] = ("Conv2d",)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Check the types of the settings before the subclass's own ``__post_init__`` compares their values."""
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
        """Kind of the replacements with these settings; the class's docstring says what each kind is."""
        return "weight-space"

    def budget_knob(self) -> Knob | None:
        """Return the knob that a budget search moves with these settings; by default the class's `knob`."""
        return self.knob

    def other_weights(self, spec: ConvSpec) -> dict[str, int]:
        """Return the replacement's stored weights by further conventions of the method's paper; by default none."""
        return {}

    @property
    def training_cycles(self) -> int:
        """Times that the method's paper runs the baseline's training schedule; a recipe may follow it."""
        return 1

    def at_full(self) -> Self | Skip:
        """Return the settings at which every layer equals its convolution, or a `Skip` with the reason for none.

        By default these settings with the knob at its high end. A method that is not exact there overrides this.
        """
        if self.kind != "weight-space":
            return Skip(f"{self.kind}: nothing is approximated")
        knob = self.budget_knob()
        return Skip("no knob to turn up") if knob is None else self.with_settings(**{knob.field: knob.high})

    @property
    def reads_weights(self) -> bool:
        """Whether `resolve` reads weights with these settings; a plan then needs a model with real weights."""
        return type(self).resolve is not Method.resolve

    @property
    def sizes_from_training(self) -> bool:
        """Whether training chooses sizes with these settings (`SessionPart.chosen`); a plan is then where it starts."""
        return False

    def trained_as(self) -> Self:
        """Return the settings under which layers train: layers for which they are equal have one `SessionPart`.

        By default these settings. A method that chooses sizes in training leaves the planned ones out.
        """
        return self

    def resolve(self, convs: Mapping[str, nn.Conv2d], specs: Sequence[ConvSpec]) -> Mapping[str, Mapping[str, Any]]:
        """Return, by path, settings that are computed from the weights when a plan is made; by default none.

        Weights may decide on structure nowhere else. The plan holds the result as a setting.
        """
        return {}

    def share(self, specs: Sequence[ConvSpec]) -> list[list[ConvSpec]]:
        """Partition the selected layers into groups that share something; by default each is alone."""
        return [[spec] for spec in specs]

    def group_costs(self, specs: Sequence[ConvSpec]) -> tuple[list[Cost], Cost] | Skip:
        """Return the cost of each layer of a sharing group, and the cost of what they share, counted once.

        Or a `Skip`, if the group has no replacement at these settings. A budget search asks for every value of the knob
        that it tries, and `layer_cost` is asked only once, for the settings that the plan starts from.
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
        """Return modules of the same structure as `compress_group`, with arbitrary values; a saved state is loaded.

        The default compresses the weights that the convs have; an override makes loading faster.
        """
        return self.compress_group(convs, specs, torch.Generator().manual_seed(0))

    def start(
        self, convs: Mapping[str, nn.Conv2d], groups: Sequence[Sequence[ConvSpec]], generator: torch.Generator
    ) -> SessionPart:
        """Return this method's part of a session, for all layers with these settings; by default compress them now."""
        return SessionPart(self.compress_groups(convs, groups, generator))

    @property
    def calibration_samples(self) -> int:
        """Number of calibration inputs that the method needs with these settings; 0 if it reads weights only.

        A method that needs some refits its layers in `refit_layer`.
        """
        return 0

    def refit_layer(  # noqa: B027 - a method that reads weights only has nothing to do here
        self,
        layer: nn.Module,
        conv: nn.Conv2d,
        spec: ConvSpec,
        activations: Iterable[tuple[Tensor, Tensor]],
        generator: torch.Generator,
    ) -> None:
        """Refit the values of a replacement to activations; by default they stay.

        Called without gradients once every layer is compressed, layer by layer in forward order: all layers before
        this one have been refitted.

        Parameters
        ----------
        layer
            The replacement of ``conv`` in the compressed network.
        conv, spec
            The original convolution, and its spec.
        activations
            Pairs of the layer's input ``(b, c, h, w)`` in the compressed network and the convolution's output
            ``(b, n, h', w')`` in the original one. May be iterated again, at the cost of as many forward passes.
        generator
            For random numbers.
        """

    def truncations(self, convs: Mapping[str, nn.Conv2d], specs: Sequence[ConvSpec]) -> list[Tensor]:
        """Return the matrices of a sharing group that the method truncates to a low rank; by default none.

        Each item is a stack ``(N, a, b)`` of matrices that get one rank. They must not depend on the knob.
        """
        return []

    def truncation_ranks(self, specs: Sequence[ConvSpec]) -> list[int]:
        """Return the rank that these settings leave to the matrices of each item of `truncations`."""
        return []

    def error_curve(
        self, convs: Mapping[str, nn.Conv2d], specs: Sequence[ConvSpec], values: Sequence[Any]
    ) -> list[float]:
        """Return the squared error ``Σ ‖W − Ŵ‖²`` of a sharing group's weights at each of several values of the knob.

        An allocation of ranks asks for it (`decompbench.methods.plan`), for every group apart. Where `truncations` are
        given, the default is the sum of the discarded squared singular values: the error of one truncated SVD, and of
        several in turn an upper bound. Elsewhere it compresses the group at every size and compares the dense weights,
        which is right for any weight-space method, and slow.

        Parameters
        ----------
        convs, specs
            The layers of the group.
        values
            Of the knob, see `sized`.
        """
        sizes = [self.sized(value) for value in values]
        matrices = self.truncations(convs, specs)
        if not matrices:
            return [size.weight_error(convs, specs) for size in sizes]
        lost = [discarded_squares(squared_spectra(stack)) for stack in matrices]
        return [
            float(sum(losses[rank] for losses, rank in zip(lost, size.truncation_ranks(specs), strict=True)))
            for size in sizes
        ]

    # -- what is given --------------------------------------------------------------------------------------------

    def sized(self, value: Any) -> Self:
        """Return these settings with the knob of a budget at ``value``."""
        knob = self.budget_knob()
        return self if knob is None else _with_setting(self, knob.field, value)

    def weight_error(self, convs: Mapping[str, nn.Conv2d], specs: Sequence[ConvSpec]) -> float:
        """Return the squared error ``Σ ‖W − Ŵ‖²`` of a sharing group, measured on its replacements.

        Raises
        ------
        SettingError
            If a replacement is not linear: there is no weight to compare.
        """
        replacements = self.compress_group(convs, specs, torch.Generator().manual_seed(0))
        return sum(squared_error(replacements[spec.path], convs[spec.path], spec) for spec in specs)

    def compress_groups(
        self, convs: Mapping[str, nn.Conv2d], groups: Sequence[Sequence[ConvSpec]], generator: torch.Generator
    ) -> dict[str, nn.Module]:
        """Return the replacements of all sharing groups by path: those of `compress_group` put together."""
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
        """Return the settings that differ from the defaults, and the knob in any case."""
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


# searches ask for the same sizes again for every layer, and checking the settings takes longer than their costs
@lru_cache(maxsize=4096, typed=True)
def _with_setting(method: Method, name: str, value: Any) -> Any:
    return method.with_settings(**{name: value})
