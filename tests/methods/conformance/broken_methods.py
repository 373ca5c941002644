"""Broken methods, one for each check, which must find it. None is registered on import."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch
from torch import nn

from decompbench.methods import SVD, Basis, Cost, FactoredConv2d, Knob, Method, SessionPart, Skip

BROKEN: dict[str, tuple[Method, str]] = {}
"""Name of a check → a method that must fail it, and a part of the message that says what to do."""


def breaks(check: str, message: str, **settings: Any) -> Callable[[type[Method]], type[Method]]:
    """Note that a method must fail ``check``, with ``message`` in what is said about it."""

    def note(cls: type[Method]) -> type[Method]:
        cls.name = cls.__dict__.get("name") or f"broken-{cls.__name__.lower()}"
        BROKEN[check] = cls(**settings), message
        return cls

    return note


# -- what a method says about itself -------------------------------------------------------------------------------


@breaks("check_is_registered_under_its_name", "decorate the class with @register")
class Impostor(SVD):
    """Calls itself by another method's name."""

    name = "tucker2"


@breaks("check_describes_itself", "say where the method comes from")
class Anonymous(SVD):
    """Comes from nowhere."""

    paper = " "


@breaks("check_settings_rebuild_the_method", "turn lists into tuples")
@dataclass(frozen=True)
class TupleSetting(SVD):
    """Has a tuple that JSON gives back as a list."""

    sizes: tuple[int, ...] = (1, 2)


@breaks("check_knob_ends_are_settings", "which the method refuses")
class KnobFromZero(SVD):
    """Has a knob that starts at a rank of zero."""

    knob = Knob("rank", 0.0, 1.0)


@breaks("check_nonsense_for_the_knob_is_refused", "raise SettingError in __post_init__")
class Gullible(SVD):
    """Takes any rank."""

    def __post_init__(self):
        pass


@breaks("check_plain_convolutions_are_compressed", "let layer_cost() return a Cost")
class Idle(SVD):
    """Touches nothing."""

    def layer_cost(self, spec):
        return Skip("not to its taste")


@breaks("check_skips_have_a_reason", "give a line that a person can read")
class Taciturn(SVD):
    """Skips without a word."""

    def layer_cost(self, spec):
        return Skip("") if spec.groups > 1 else super().layer_cost(spec)


# -- what it says about costs --------------------------------------------------------------------------------------


@breaks("check_cost_of_a_layer_alone_is_that_of_its_group", "they have to agree")
class HiddenShare(SVD):
    """Charges a group of layers for something that it does not charge a layer for."""

    def group_costs(self, specs):
        found = super().group_costs(specs)
        return found if isinstance(found, Skip) else (found[0], Cost.of(1, 0))


@breaks("check_stored_weights_are_as_promised", "put right the formula")
class Understated(SVD):
    """Promises to store one weight less."""

    def layer_cost(self, spec):
        cost = super().layer_cost(spec)
        return cost if isinstance(cost, Skip) else replace(cost, weights=cost.weights - 1)


@breaks("check_macs_are_as_promised", "put right the MACs")
class HalfTheWork(SVD):
    """Promises half the multiply-accumulates."""

    def layer_cost(self, spec):
        cost = super().layer_cost(spec)
        return cost if isinstance(cost, Skip) else replace(cost, macs=cost.macs // 2)


@breaks("check_cost_never_falls_as_the_knob_rises", "name the end of least cost as Knob.low")
class WrongWayRound(SVD):
    """Has a knob whose low end costs most."""

    knob = Knob("rank", 1.0, 1e-6)


@breaks("check_budgets_are_met", "in steps fine enough")
class TwoSizes(SVD):
    """Has two sizes, and all layers of one size."""

    knob = Knob.of("rank", (0.05, 0.5))

    def share(self, specs):
        return [list(specs)]


# -- what its layers take over -------------------------------------------------------------------------------------


class Tweaked(SVD):
    """An SVD whose layers are of another class, or are changed after they are made."""

    layer_type: ClassVar[type[nn.Module]] = FactoredConv2d

    def compress_layer(self, conv, spec, generator):
        layer = super().compress_layer(conv, spec, generator)
        layer.__class__ = self.layer_type
        with torch.no_grad():
            self.tweak(layer, conv)
        return layer

    def skeleton_group(self, convs, specs):
        return Method.skeleton_group(self, convs, specs)

    def tweak(self, layer: Any, conv: nn.Conv2d) -> None:
        """Change a new layer."""


@breaks("check_layers_are_of_the_methods_kind", "set linear to False on layers that no convolution is equal to")
class Disclaiming(Tweaked):
    """Makes linear layers that say they are not."""

    def tweak(self, layer, conv):
        layer.linear = False


@breaks("check_output_has_the_shape_of_the_convolutions", "let one of the factors carry stride")
class Strideless(Tweaked):
    """Forgets the stride."""

    def tweak(self, layer, conv):
        layer.first.stride = (1, 1)


@breaks("check_bias_is_kept", "call copy_bias")
class Unbiased(Tweaked):
    """Forgets the bias's values."""

    def tweak(self, layer, conv):
        if layer.second.bias is not None:
            layer.second.bias.zero_()


class Stubborn(FactoredConv2d):
    """Cannot be converted."""

    def _apply(self, fn, recurse=True):
        return self


@breaks("check_dtype_device_and_memory_format_are_kept", "leave the dtype to the library")
class Float32(Tweaked):
    """Stays in float32."""

    layer_type = Stubborn


class AlwaysTraining(FactoredConv2d):
    """Has one mode."""

    def train(self, mode=True):
        return super().train(True)


@breaks("check_mode_and_freezing_are_kept", "leave the mode to the library")
class OneMode(Tweaked):
    """Stays in training mode."""

    layer_type = AlwaysTraining


@breaks("check_convolutions_given_are_not_changed", "work on conv.weight.detach().clone()")
class Destructive(Tweaked):
    """Uses the convolution's weight as scratch memory."""

    def tweak(self, layer, conv):
        conv.weight.zero_()


class Restless(FactoredConv2d):
    """Adds noise."""

    def forward(self, x):
        return super().forward(x) + 1e-3 * torch.rand(1)


@breaks("check_running_the_model_changes_nothing", "eval mode is not random")
class Noisy(Tweaked):
    """Computes something else every time."""

    layer_type = Restless


class Fading(FactoredConv2d):
    """Loses some weight whenever it is switched."""

    def train(self, mode=True):
        with torch.no_grad():
            self.first.weight.mul_(0.999)
        return super().train(mode)


@breaks("check_train_eval_train_changes_nothing", "let them switch behaviour, not values")
class Worn(Tweaked):
    """Changes with its mode."""

    layer_type = Fading


class Positional(FactoredConv2d):
    """Wants its input without a name."""

    def __call__(self, x):
        return super().__call__(x)


@breaks("check_layers_may_be_called_by_keyword", "leave __call__ to CompressedConv2d")
class ByPosition(Tweaked):
    """Has its own way of being called."""

    layer_type = Positional


# -- what its layers compute ---------------------------------------------------------------------------------------


class Exaggerating(FactoredConv2d):
    """Says that its weight is twice what it is."""

    def dense_weight(self):
        return 2 * super().dense_weight()


@breaks("check_dense_weight_is_the_operator", "is not the weight of the convolution that forward() computes")
class TwiceTheWeight(Tweaked):
    """Gives a wrong dense weight."""

    layer_type = Exaggerating


def rounded(layer: FactoredConv2d) -> FactoredConv2d:
    """Return a layer whose weights have been through half precision."""
    rough = copy.deepcopy(layer)
    with torch.no_grad():
        rough.first.weight.copy_(rough.first.weight.bfloat16())
    return rough


class OneWrongForm(FactoredConv2d):
    """Has a form that rounds too much."""

    def forms(self):
        return {**super().forms(), "rough": rounded(self)}


@breaks("check_forms_agree", "the form 'rough' does not compute what the layer does")
class Rough(Tweaked):
    """Has forms that differ."""

    layer_type = OneWrongForm


@breaks("check_full_size_gives_the_convolution_back", "put right compress_layer()")
class NeverQuite(Tweaked):
    """Is off by a part in a thousand at any size."""

    def tweak(self, layer, conv):
        layer.first.weight.mul_(0.999)


@breaks("check_error_never_grows_with_the_knob", "what the knob adds has to come nearer")
class Backwards(Tweaked):
    """Is the worse the larger it is."""

    def tweak(self, layer, conv):
        layer.first.weight.mul_(1 - self.rank)


@breaks("check_layers_lose_no_more_than_their_curve_says", "put right truncations()")
class RankTooMany(SVD):
    """Takes itself for larger than it is when ranks are allocated."""

    def truncation_ranks(self, specs):
        return [
            min(rank + 1, spec.out_channels, spec.fan_in)
            for rank, spec in zip(super().truncation_ranks(specs), specs, strict=True)
        ]


# -- what it can be made into --------------------------------------------------------------------------------------


class Remembering(FactoredConv2d):
    """Keeps a scale where no state dict sees it."""

    scale = 1.0

    def forward(self, x):
        return super().forward(x) * self.scale


@breaks("check_saved_model_is_bit_equal", "keep all that forward() needs in parameters and buffers")
@breaks("check_state_goes_from_one_model_to_another", "register what forward() needs")
class OutsideTheState(Tweaked):
    """Takes a number from the weights that is not saved."""

    layer_type = Remembering

    def tweak(self, layer, conv):
        layer.scale = float(conv.weight.norm())


@breaks("check_plan_survives_json", "comes back from JSON as another one", rank=0.55)
class Rounded(SVD):
    """Rounds its settings when they are written."""

    def settings(self):
        return {"rank": round(self.rank, 1)}


class Unique(FactoredConv2d):
    """Is its own copy."""

    def __deepcopy__(self, memo):
        return self


@breaks("check_deepcopy_is_equal_and_apart", "write no __deepcopy__")
class CopiesNothing(Tweaked):
    """Cannot be copied."""

    layer_type = Unique


@breaks("check_shared_parameters_stay_shared", "in skeleton_group() too", sharing="network", rank=0.2)
class SharedUntilLoaded(Basis):
    """Shares when it compresses and forgets to when it loads."""

    def skeleton_group(self, convs, specs):
        layers = super().skeleton_group(convs, specs)
        for layer in layers.values():
            layer.basis.weight = nn.Parameter(layer.basis.weight.detach().clone())
        return layers


@breaks("check_same_seed_same_result", "draw random numbers from the generator")
class GlobalNoise(Tweaked):
    """Draws from torch's global generator."""

    def tweak(self, layer, conv):
        layer.first.weight.add_(1e-3 * torch.randn_like(layer.first.weight))


# -- what is done with its models ----------------------------------------------------------------------------------


class RoughCompact(FactoredConv2d):
    """Has a compact form that rounds too much."""

    def compact(self):
        return rounded(self)


@breaks("check_deployed_model_computes_the_same", "all forms() have to equal the layer")
class RoughWhenCompact(Tweaked):
    """Computes something else when it is deployed."""

    layer_type = RoughCompact


class Branching(FactoredConv2d):
    """Looks at its input before it decides what to do, in all its forms."""

    def forward(self, x):
        return super().forward(x) if x.sum() > -1e9 else x

    def forms(self):
        return {"compact": self, "dense": self}


@breaks("check_traces_symbolically", "decide in __init__")
@breaks("check_compiles_in_one_graph", "no branching on values")
@breaks("check_deployed_model_exports", "return modules of plain tensor operations")
class Undecided(Tweaked):
    """Cannot be traced."""

    layer_type = Branching


# -- what happens while it trains ----------------------------------------------------------------------------------


@breaks("check_gradients_reach_every_parameter", "let forward() use it")
class Idler(Tweaked):
    """Has a parameter that nothing uses."""

    def tweak(self, layer, conv):
        layer.second.unused = nn.Parameter(torch.zeros(1))


@breaks("check_penalty_is_a_finite_scalar", "return a finite scalar")
class Poisoned(SVD):
    """Has a penalty that is not a number."""

    def start(self, convs, groups, generator):
        part = super().start(convs, groups, generator)
        part.penalty = lambda: torch.tensor(float("nan"))
        return part


@breaks("check_a_training_loop_ends_in_a_small_model", "have to give a layer for every path")
class Forgetful(SVD):
    """Never replaces anything."""

    def start(self, convs, groups, generator):
        return SessionPart()


class CountingPart(SessionPart):
    """Shrinks its weights by as much as the number of steps says, and tells nobody that number."""

    steps = 0

    @torch.no_grad()
    def after_step(self):
        self.steps += 1
        for layer in self.replacements.values():
            layer.second.weight *= 1 / self.steps


@breaks("check_a_session_goes_on_from_its_state", "load_state_dict() take it back")
class Amnesiac(SVD):
    """Forgets how far its training was."""

    def start(self, convs, groups, generator):
        return CountingPart(super().start(convs, groups, generator).replacements)


class Particular(FactoredConv2d):
    """Multiplies two dtypes by hand."""

    def forward(self, x):
        y = super().forward(x)
        return torch.zeros(y.shape).index_add(0, torch.arange(len(y)), y)


@breaks("check_trains_under_autocast", "bring what is multiplied by hand to one dtype")
class Float32ByHand(Tweaked):
    """Cannot be trained in mixed precision."""

    layer_type = Particular


class BoundlessPart(SessionPart):
    """Tells of its layers what is no number."""

    def monitor(self):
        return {path: {"strength": [float("inf")]} for path in self.replacements}


@breaks("check_monitor_names_layers_of_the_plan", "tell finite numbers")
class Boundless(SVD):
    """Has an infinite strength."""

    def start(self, convs, groups, generator):
        return BoundlessPart(super().start(convs, groups, generator).replacements)


@breaks("check_sizes_chosen_in_training_are_in_the_plan", "let chosen() tell it", rank=0.5)
class Secretive(SVD):
    """Halves its ranks when training has ended, and tells nobody."""

    sizes_from_training = True

    def start(self, convs, groups, generator):
        part = SessionPart()
        part.decomposes_at = "finish"
        smaller = self.with_settings(rank=self.rank / 2)
        part.finish = lambda: smaller.compress_groups(convs, groups, generator)
        return part


# -- what it makes of weights that are out of the ordinary ---------------------------------------------------------


@breaks("check_zero_weights_stay_zero", "guard divisions")
class Normalising(Tweaked):
    """Divides by the norm."""

    def tweak(self, layer, conv):
        layer.first.weight.copy_(layer.first.weight / conv.weight.norm())
        layer.second.weight.mul_(conv.weight.norm())


@breaks("check_weights_that_are_no_numbers_are_told", "let it through to the output")
class Concealing(SVD):
    """Takes a weight that is not a number for zero."""

    def compress_layer(self, conv, spec, generator):
        tidy = copy.deepcopy(conv)
        with torch.no_grad():
            tidy.weight.nan_to_num_(0, 0, 0)
        return super().compress_layer(tidy, spec, generator)
