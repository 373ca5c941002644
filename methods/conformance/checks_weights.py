"""Checks of weights: a weight-space layer is a convolution, as close to the original one as its size allows."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..contract.cost import Skip
from ..contract.method import Method
from ..lifecycle.session import planned_convs
from .cases import ConvCase
from .checks_costs import knob_of, sized_methods
from .compressing import as_decomposed, ignores_weights, lone_layer
from .failure import NotApplicable, demand, demand_same, relative_difference, tolerance


def check_dense_weight_is_the_operator(method: Method, case: ConvCase) -> None:
    """A convolution with the layer's dense weight and bias computes what the layer computes."""
    layer, x = lone_layer(method, case), case.example()
    if not layer.linear:
        raise NotApplicable("architectural: there is no dense weight")
    weight = layer.dense_weight()
    demand(
        weight.shape == case.conv().weight.shape,
        f"dense_weight() is {tuple(weight.shape)}, the convolution's weight {tuple(case.conv().weight.shape)}: it has "
        "to be (n, c / groups, kh, kw)",
    )
    demand_same(
        layer(x),
        convolve(case, x, weight, layer.bias_tensor()),
        "dense_weight() is not the weight of the convolution that forward() computes: put right the one or the other",
    )


def check_forms_agree(method: Method, case: ConvCase) -> None:
    """All inference forms of a layer compute the same, and a linear layer has the dense form among them."""
    layer, x = lone_layer(method, case), case.example()
    expected, forms = layer(x), layer.forms()
    demand(
        not layer.linear or "dense" in forms,
        f"the forms are {', '.join(forms)}: a linear layer has a form 'dense' too, so that deployment is never slower "
        "than the convolution",
    )
    for name, form in {**forms, "compact": layer.compact()}.items():
        actual, other = form.eval()(x), 10 * x.flip(-1) + 1
        demand_same(actual, expected, f"the form {name!r} does not compute what the layer does")
        demand_same(form(other), layer(other), f"the form {name!r} does not compute what the layer does at every scale")
        demand(actual.dtype == expected.dtype, f"the form {name!r} puts out {actual.dtype}, not {expected.dtype}")


def check_full_size_gives_the_convolution_back(method: Method, case: ConvCase) -> None:
    """With the settings of `Method.at_full` the layer computes what the convolution did, to 1e-5 in float32."""
    full = method.at_full()
    if isinstance(full, Skip):
        demand(len(full.reason.split()) >= 2, f"at_full() skips with the reason {full.reason!r}: give a sentence")
        raise NotApplicable(full.reason)
    x = case.example()
    demand_same(
        as_decomposed(full, case.model(), case)(x),
        case.conv()(x),
        f"{full} does not give the convolution back: put right compress_layer(), or return a Skip with the reason from "
        "at_full() if the method cannot be exact at any size",
    )


def check_error_never_grows_with_the_knob(method: Method, case: ConvCase) -> None:
    """The distance of the dense weight to the original one does not grow as the knob goes from low to high.

    For a method that is exact at no size, only the ends of its knob are compared.
    """
    weight = case.conv().weight
    if method.calibration_samples:
        raise NotApplicable("the layers are fitted to activations, not to the weight")
    sizes = sized_methods(case.plan(method).groups[0].method, 8)
    if isinstance(method.at_full(), Skip):
        sizes = [sizes[0], sizes[-1]]
    if ignores_weights(sizes[-1], case):
        raise NotApplicable("with these settings the layers start from random numbers, not from the weights")
    previous, smaller = float("inf"), method
    for sized in sizes:
        layer = as_decomposed(sized, case.model(), case)
        if not layer.linear:
            raise NotApplicable("architectural: there is no dense weight")
        error = relative_difference(layer.dense_weight(), weight)
        # where the error is nothing but rounding, it may be any rounding
        demand(
            error <= previous * (1 + tolerance(weight.dtype)) + tolerance(weight.dtype),
            f"the weight is {100 * error:.3g} % off with {sized} and {100 * previous:.3g} % off with the smaller "
            f"{smaller}: what the knob adds has to come nearer to the weight",
        )
        previous, smaller = error, sized


def check_layers_lose_no_more_than_their_curve_says(method: Method, case: ConvCase) -> None:
    """`Method.error_curve`, by which ranks are allocated, is the squared error of the layers or a bound of it."""
    if method.kind != "weight-space":
        raise NotApplicable(f"{method.kind}: there is no dense weight")
    plan = case.plan(method)
    (path,), specs = plan.groups[0].paths, [plan.layers[0].spec]
    convs = planned_convs(case.model(), plan)
    conv = convs[path]
    sizes = sized_methods(plan.groups[0].method, 8)
    knob = knob_of(sizes[0])
    curve = sizes[0].error_curve(convs, specs, [getattr(size, knob.field) for size in sizes])
    norm = float(conv.weight.detach().double().square().sum())
    for size, told in zip(sizes, curve, strict=True):
        lost = size.weight_error(convs, specs)
        demand(
            told >= lost - tolerance(conv.weight.dtype) * norm,
            f"{size} loses {lost / norm:.4g} of the weight's squared norm, error_curve() says {told / norm:.4g}: put "
            "right truncations(), truncation_ranks() or error_curve()",
        )


def convolve(case: ConvCase, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Return the case's convolution of ``x`` with another weight and bias."""
    conv = case.conv()
    with torch.no_grad():
        conv.weight.copy_(weight)
    conv.register_parameter("bias", None if bias is None else nn.Parameter(bias.detach()))
    return conv(x)
