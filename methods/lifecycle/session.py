"""A session: one model under one plan, from the first compression to the finished small model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from itertools import tee
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from ..contract.cost import Target
from ..contract.errors import MethodError, require
from ..contract.forward import device_of, untouched_random_numbers
from ..contract.layers import GEOMETRY
from ..contract.method import Method, SessionPart
from ..contract.rewrite import adopt, carry_requires_grad, replace_conv
from ..contract.soundness.carried import carry
from ..contract.soundness.obstacles import obstacles, require_finite
from ..contract.soundness.replaced import checked_replacement, put_back_on_failure
from ..contract.spec import ConvSpec, has_own_weight
from ..contract.whole_model import WholeModelMethod
from ..linear_layers.layers import LinearInTraining, standing_in
from ..linear_layers.pointwise import PointwiseConv2d, as_convolution
from ..linear_layers.split import layer_at, layer_paths, split_linears
from ..numerics.linear import without_autocast
from ..numerics.unfolding import Spectrum
from ..plan.arguments import require_model, require_plan
from ..plan.inputs import Batch
from ..plan.plan import Plan
from ..plan.planner import plan as make_plan
from ..plan.whole import shrink_checked
from .calibration import refit_layers, take
from .inference.copies import copied


class Session:
    """The way of one model from its plan to the finished small model.

    In anyone's training loop::

        session = begin(model, plan)
        for x, y in batches:
            loss = criterion(session.model(x), y) + session.penalty()
            loss.backward(); optimizer.step(); optimizer.zero_grad()
            session.after_step()
            if session.converged():
                break
        small = session.finish()

    Build the optimiser after `begin`: the layers' parameters are new. Use `begin` to make a session.

    Attributes
    ----------
    model
        The model to train; the one given to `begin`, changed in place.
    plan
        What is done to the model. `finish` takes over what training has chosen (`Method.sizes_from_training`).
    decomposes_at
        ``"begin"`` if `begin` has compressed the layers, ``"finish"`` if `finish` will.
    """

    def __init__(
        self,
        model: nn.Module,
        plan: Plan,
        parts: Sequence[SessionPart],
        originals: Mapping[str, nn.Conv2d],
        example: Tensor | tuple[Any, ...] | None = None,
    ) -> None:
        self.model = model
        self.plan = plan
        self._parts = list(parts)
        self._originals = dict(originals)
        self._specs = {layer.path: layer.spec for layer in plan.layers}
        self._example = example
        self._finished = False
        self._modules = {path: model.get_submodule(path) for path in self._originals}
        with self._checked():
            for path, conv in self._originals.items():
                if self._specs[path].is_linear and isinstance(conv, PointwiseConv2d):
                    self._put(path, LinearInTraining(conv))
            for part in self._parts:
                self._install(part.replacements)

    @property
    def decomposes_at(self) -> Literal["begin", "finish"]:
        """When the layers are compressed; ``"finish"`` if any part of the session waits until then."""
        return "finish" if any(part.decomposes_at == "finish" for part in self._parts) else "begin"

    def penalty(self) -> Tensor:
        """Return the scalar to add to the task's loss; zero for methods without a penalty.

        It is computed in the weights' own precision, inside ``autocast`` too.
        """
        with without_autocast(device_of(self.model)):
            terms = [term for part in self._parts if (term := part.penalty()) is not None]
        return torch.stack(terms).sum() if terms else torch.zeros((), device=device_of(self.model))

    def after_step(self) -> None:
        """Call once after each step of the optimiser."""
        for part in self._parts:
            part.after_step()

    def converged(self) -> bool:
        """Return whether further training is of no use: there are parts, and all of them say so."""
        return bool(self._parts) and all(part.converged() for part in self._parts)

    def monitor(self) -> dict[str, dict[str, list[float]]]:
        """Return, by layer path, numbers that tell how training goes; none for methods that only swap layers."""
        return {path: numbers for part in self._parts for path, numbers in part.monitor().items()}

    def spectra(self) -> list[Spectrum]:
        """Return the singular values of what training lowers the rank of, at the current weights."""
        return [spectrum for part in self._parts for spectrum in part.spectra()]

    def state_dict(self) -> dict[str, Any]:
        """Return what training has changed apart from the model; keep it beside ``session.model.state_dict()``.

        It holds numbers, tensors, strings, lists and mappings, which ``torch.load`` reads with ``weights_only=True``.
        """
        return {"parts": [part.state_dict() for part in self._parts]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from the state of another session with the same plan, seed and dense weights.

        Raises
        ------
        ValueError
            If the state is one of another plan.
        """
        states = state["parts"]
        if len(states) != len(self._parts):
            raise ValueError(f"the state is of a plan of {len(states)} parts; this one has {len(self._parts)}")
        for part, own in zip(self._parts, states, strict=True):
            part.load_state_dict(own)

    @untouched_random_numbers()
    def finish(self) -> nn.Module:
        """Return the compressed model, the plan attached for `save`; call it once, after training.

        If the model was compressed in an earlier stage, too, the plan attached is that of both stages.

        Raises
        ------
        MethodError
            If the forward pass goes around a layer that has been replaced. The model is then as before.
        """
        if not self._finished:
            if self.decomposes_at == "finish":
                require_finite(self._originals)
            with self._checked():
                chosen = {path: own for part in self._parts for path, own in part.chosen().items()}
                self.plan = self.plan.settled(chosen) if chosen else self.plan
                for part in self._parts:
                    self._install(part.finish())
            before: Plan | None = getattr(self.model, "decompbench_plan", None)
            vars(self.model).update(decompbench_plan=before.followed_by(self.plan) if before else self.plan)
            self._finished = True
        return self.model

    def _checked(self) -> AbstractContextManager[None]:
        """Return a context after which it is checked that the replacements are what runs."""
        given = self._example
        return checked_replacement(
            self.model, self._modules, self.plan.draw_example if given is None else lambda _: given
        )

    def _install(self, replacements: Mapping[str, nn.Module]) -> None:
        for path, new in replacements.items():
            self._put(path, standing_in(self._specs[path], adopt(new, self._originals[path])))
        carry_requires_grad((new, self._originals[path]) for path, new in replacements.items())

    def _put(self, path: str, new: nn.Module) -> None:
        """Put a layer where the one of ``path`` was; one in the place of a linear layer takes its hooks over."""
        if self._specs[path].is_linear:
            carry(new, self._modules[path])
            # the registries are the same from then on, and what tells the kind of backward hooks is not in them
            new._is_full_backward_hook = self.model.get_submodule(path)._is_full_backward_hook
        replace_conv(self.model, self._specs[path], new)


@untouched_random_numbers()
def begin(model: nn.Module, plan: Plan, *, seed: int = 0, calibration: Iterable[Batch] | None = None) -> Session:
    """Start compressing ``model`` by ``plan``, in place.

    Parameters
    ----------
    model
        The model the plan was made for.
    plan
        From `decompbench.methods.plan`.
    seed
        Seed of the generator for all random choices of the methods.
    calibration
        Batches of inputs, without labels, for methods that look at activations; others ignore it. A method takes the
        first `Method.calibration_samples` inputs, whatever the size of the batches, and refits its layers to them.

    Raises
    ------
    MethodError
        If the model is not the one the plan was made for, or its forward pass goes around a layer that is replaced: it
        calls the convolution from a list, or asks what a layer is. The message names the layer.
    SettingError
        If an argument is of the wrong type, a weight is not finite, or a method looks at activations and there is no
        calibration.

    After an error of any kind the model is as it was before.
    """
    return _begin(model, plan, seed, calibration, None)


def _begin(
    model: nn.Module,
    plan: Plan,
    seed: int,
    calibration: Iterable[Batch] | None,
    example: Tensor | tuple[Any, ...] | None,
) -> Session:
    """Do what `begin` does; ``example`` is the plan's own where it is at hand."""
    require_model(model)
    require_plan(plan)
    require(not torch.is_inference_mode_enabled(), "layers made in inference mode cannot be trained: use torch.no_grad")
    if isinstance(plan.method, WholeModelMethod):
        make_smaller(model, plan, seed=seed)
        return Session(model, plan, (), {})
    generator = torch.Generator().manual_seed(seed)
    convs = planned_convs(model, plan)
    require_finite(convs)
    batches = take(calibration, plan)
    with put_back_on_failure(model):
        if plan.scope.split:
            split_linears(model, plan.scope.split)
            convs = planned_convs(model, plan)
        original = copied(model) if batches else None
        parts = []
        for method, groups in groups_by_method(plan, training=True).items():
            own = {spec.path: convs[spec.path] for specs in groups for spec in specs}
            parts.append(method.start(own, groups, generator))
            parts[-1].limit = plan.limit_of(own)
        session = Session(model, plan, parts, convs, example)
        if original is not None:
            refit_layers(original, model, plan, batches, generator)
    return session


def make_smaller(model: nn.Module, plan: Plan, *, seed: int) -> None:
    """Have the whole-model method of ``plan`` make ``model`` smaller, in place; on failure the model is unchanged.

    Raises
    ------
    MethodError
        If the model is not the one the plan was made for, or the method fails.
    """
    method = plan.method
    assert isinstance(method, WholeModelMethod)
    assert plan.example is not None
    planned_convs(model, plan)
    trial = copied(model)
    shrink_checked(trial, method, plan.example, frozenset(plan.kept), seed)
    for layer in plan.layers:
        found = trial.get_submodule(layer.path).weight
        weights = found.numel() if isinstance(found, Tensor) else 0
        if weights != layer.after.weights:
            raise MethodError(
                f"{method.name} left {layer.path} with {weights} weights, the plan said {layer.after.weights}: is the "
                "model the one the plan was made for?"
            )
    shrink_checked(model, method, plan.example, frozenset(plan.kept), seed)


def groups_by_method(plan: Plan, *, training: bool = False) -> dict[Method, list[list[ConvSpec]]]:
    """Return the plan's sharing groups by the method, with its settings, that compresses them or has them trained."""
    specs = {layer.path: layer.spec for layer in plan.layers}
    grouped: dict[Method, list[list[ConvSpec]]] = {}
    for group in plan.groups:
        method = group.method.trained_as() if training else group.method
        grouped.setdefault(method, []).append([specs[path] for path in group.paths])
    return grouped


def planned_convs(model: nn.Module, plan: Plan) -> dict[str, nn.Conv2d]:
    """Return the convolutions that ``plan`` compresses, and linear layers as convolutions, by path.

    Raises
    ------
    MethodError
        If ``model`` lacks one of them, has another convolution there, or one that cannot be replaced.
    """
    convs: dict[str, nn.Conv2d] = {}
    held: dict[str, nn.Module] = {}
    for layer in plan.layers:
        if layer.group is None:
            continue
        try:
            conv = layer_at(model, layer.path, plan.scope.split)
        except AttributeError as error:
            raise MethodError(f"the plan compresses {layer.path!r}, which the model does not have") from error
        spec, found = layer.spec, ConvSpec.of(conv, layer.path) if isinstance(conv, (_ConvNd, nn.Linear)) else None
        if found is None or found.type != spec.type:
            raise MethodError(f"the plan compresses {layer.path!r}, which is a {type(conv).__name__} and not a "
                              f"{spec.type}: is the model compressed already?")  # fmt: skip
        for name in (*GEOMETRY, "bias", "output_padding"):
            if getattr(spec, name) != getattr(found, name):
                raise MethodError(f"the plan was made for another model: {layer.path} has {name} "
                                  f"{getattr(found, name)}, the plan says {getattr(spec, name)}")  # fmt: skip
        if not has_own_weight(conv):
            raise MethodError(f"the weight of {layer.path} is computed by a hook, which it was not when the plan was "
                              "made: remove the hook first")  # fmt: skip
        # only a method that expresses transposed convolutions is given one
        convs[layer.path] = as_convolution(conv) if isinstance(conv, nn.Linear) else cast(nn.Conv2d, conv)
        whole = layer_paths(spec, plan.scope.split)[0]  # of a part, as long as the linear layer is not split yet
        place = whole if isinstance(model.get_submodule(whole), (_ConvNd, nn.Linear)) else layer.path
        held[place] = model.get_submodule(place)
    for path, reason in obstacles(model, held).items():
        raise MethodError(f"the plan compresses {path!r}, which has changed since it was made: {reason}")
    return convs


@untouched_random_numbers()
def compress(
    model: nn.Module,
    method: Method,
    example: Tensor | tuple[Any, ...],
    target: Target | None = None,
    *,
    seed: int = 0,
    calibration: Iterable[Batch] | None = None,
    **options: Any,
) -> nn.Module:
    """Compress ``model`` in place with no training at all: plan, begin, finish.

    The layers of ``model`` itself are replaced: compress a ``copy.deepcopy`` of it to keep the dense one. A model that
    is compressed already is refused.

    Parameters
    ----------
    model, method, example, target
        As for `decompbench.methods.plan`.
    seed, calibration
        As for `begin`; the plan has the same inputs.
    **options
        ``overrides``, ``select``, ``unreachable``, ``inefficient``, ``allocate``, ``layers``, ``split`` and
        ``traced`` of `decompbench.methods.plan`.

    Examples
    --------
    >>> small = compress(timm.create_model("resnet18"), SVD(rank=0.3), torch.zeros(1, 3, 224, 224))
    >>> small = compress(net, Group(refit="ridge"), example, calibration=(images for images, _ in loader))
    """
    # an iterator serves both the plan and the refit
    to_plan, to_refit = (None, None) if calibration is None else tee(calibration)
    todo = make_plan(model, method, example, target, calibration=to_plan, **options)
    with put_back_on_failure(model):
        return _begin(model, todo, seed, to_refit, example).finish()
