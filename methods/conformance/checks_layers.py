"""Checks of layers: what a new layer takes over from the convolution that it stands for."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from ..contract.method import Method
from .cases import ConvCase
from .compressing import Case, as_decomposed, begin_case, compress_case, compressed, lone_layer
from .failure import NotApplicable, demand, demand_same


def check_layers_are_of_the_methods_kind(method: Method, case: ConvCase) -> None:
    """A weight-space method makes linear layers with a dense weight, an architectural one layers that have none."""
    layer = lone_layer(method, case)
    demand(
        layer.linear == (method.kind == "weight-space"),
        f"the method is {method.kind} and the layer says linear={layer.linear}: set linear to False on layers that no "
        "convolution is equal to, and kind to 'architectural' on the method that makes them",
    )
    try:
        weight = layer.dense_weight()
    except TypeError:
        weight = None
    demand(
        (weight is not None) == layer.linear,
        "dense_weight() does not go with linear: a linear layer returns the weight it is equal to, any other raises "
        "TypeError, as the base class does",
    )


def check_output_has_the_shape_of_the_convolutions(method: Method, case: ConvCase) -> None:
    """The output has the convolution's shape, dtype and device, whatever the batch and the size of the image."""
    layer, conv = compressed(method, case), case.conv()
    for batch, size in ((2, (15, 14)), (1, (15, 14)), (3, (18, 23))):
        x = case.example(batch, size)
        expected, actual = conv(x), layer(x)
        demand(
            actual.shape == expected.shape,
            f"an input {tuple(x.shape)} gives {tuple(actual.shape)}, the convolution {tuple(expected.shape)}: let one "
            "of the factors carry stride, padding and dilation, and take no sizes from the example",
        )
        demand(
            (actual.dtype, actual.device) == (expected.dtype, expected.device),
            f"the output is {actual.dtype} on {actual.device}, the convolution's {expected.dtype} on "
            f"{expected.device}: create no tensors of a fixed dtype or device in forward",
        )


def check_bias_is_kept(method: Method, case: ConvCase) -> None:
    """A weight-space layer has the convolution's bias."""
    if method.kind != "weight-space":
        raise NotApplicable("the layers are trained anew: the bias is theirs")
    if method.calibration_samples:
        raise NotApplicable("the layers are fitted to activations, and the bias with them")
    bias, expected = lone_layer(method, case).bias_tensor(), case.conv().bias
    if expected is None:
        demand(bias is None, "the convolution has no bias and the layer has: pass bias=spec.bias to its last factor")
    else:
        demand(
            bias is not None and torch.equal(bias, expected),
            "the layer's bias is not the convolution's: call copy_bias(conv, last), and return it in bias_tensor()",
        )


def check_dtype_device_and_memory_format_are_kept(method: Method, case: ConvCase) -> None:
    """Weights have the convolution's dtype, unless they are counted as narrower, its device and its memory format."""
    model = case.model().to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    begin_case(model, method, case).finish()
    layer, weight = model.get_submodule("0"), case.conv().weight
    narrow = {id(tensor): bits for tensor, bits in _stored(layer) if bits < 32}
    for name, tensor in layer.state_dict(keep_vars=True).items():
        demand(tensor.device == weight.device, f"{name} is on {tensor.device}, the convolution on {weight.device}")
        if tensor.is_floating_point() and id(tensor) not in narrow:
            demand(
                tensor.dtype == weight.dtype,
                f"{name} is {tensor.dtype}, the convolution {weight.dtype}: leave the dtype to the library, or count "
                "fewer bits in weight_tensors() for a tensor that is meant to be stored in fewer",
            )
        kept = tensor.is_contiguous(memory_format=torch.channels_last)
        demand(
            kept or not (_has_format(tensor) and _has_format(weight)),
            f"{name} is not in the channels-last format of the convolution: build layers of parameters that "
            "Module.to() can convert",
        )


def _has_format(tensor: Tensor) -> bool:
    """Return whether contiguous and channels-last differ for a tensor of this shape."""
    return tensor.dim() == 4 and tensor.shape[1] > 1 and tensor.shape[2] * tensor.shape[3] > 1


def _stored(layer: nn.Module) -> list[tuple[Tensor, int]]:
    """Return a layer's stored tensors with the bits of one element; none if it does not name them."""
    weight_tensors = getattr(layer, "weight_tensors", None)
    return [] if weight_tensors is None else list(weight_tensors())


def check_mode_and_freezing_are_kept(method: Method, case: ConvCase) -> None:
    """The new layer trains where the convolution did, and is frozen where it was."""
    for training, trainable in ((True, True), (True, False), (False, True)):
        model = case.model().train(training).requires_grad_(trainable)
        layer = as_decomposed(method, model, case)
        demand(
            all(module.training == training for module in layer.modules()),
            f"a convolution with training={training} is replaced by a layer that has modules of another mode: leave "
            "the mode to the library",
        )
        found = {parameter.requires_grad for parameter in layer.parameters()}
        demand(
            trainable in found if trainable else found <= {False},
            f"a convolution with requires_grad={trainable} is replaced by a layer whose parameters have {found}: keep "
            "what is trained in parameters, and leave requires_grad to the library",
        )


def check_convolutions_given_are_not_changed(method: Method, case: ConvCase) -> None:
    """Compressing leaves the convolution it is given as it was, and shares no memory with it."""
    conv = case.conv()
    model = nn.Sequential(conv).eval()
    before = copy.deepcopy(conv.state_dict())
    layer = begin_case(model, method, case).finish().get_submodule("0")
    demand(
        all(torch.equal(conv.state_dict()[name], value) for name, value in before.items()),
        "the convolution's own weights were changed: work on conv.weight.detach().clone()",
    )
    own = {parameter.data_ptr() for parameter in conv.parameters()}
    shared = [name for name, tensor in layer.state_dict().items() if tensor.numel() and tensor.data_ptr() in own]
    demand(not shared, f"{', '.join(shared)} lies in the convolution's memory: copy what is taken over")


def check_running_the_model_changes_nothing(method: Method, case: Case) -> None:
    """In eval mode the same input gives the same output again, and neither input nor state are changed."""
    model, x = compressed(method, case), case.example()
    given, before = x.clone(), copy.deepcopy(model.state_dict())
    first, second = model(x), model(x)
    demand(torch.equal(first, second), "the same input gives another output the second time: eval mode is not random")
    demand(torch.equal(x, given), "the layer changes its input: use no in-place operations on it")
    demand(
        all(torch.equal(before[name], value) for name, value in model.state_dict().items()),
        "a forward pass in eval mode changes the state: update statistics while training only",
    )


def check_train_eval_train_changes_nothing(method: Method, case: Case) -> None:
    """Switching the mode to and fro leaves parameters, buffers and outputs as they are."""
    model, x = compress_case(method, case), case.example()
    expected, before = model(x), copy.deepcopy(model.state_dict())
    model.train().eval().train().eval()
    after = model.state_dict()
    changed = [name for name in before if name not in after or not torch.equal(before[name], after[name])]
    demand(
        not changed and after.keys() == before.keys() and torch.equal(model(x), expected),
        f"train() and eval() change the model ({', '.join(changed) or 'its output or its keys'}): let them switch "
        "behaviour, not values",
    )


def check_layers_may_be_called_by_keyword(method: Method, case: ConvCase) -> None:
    """The layer takes ``layer(input=x)`` as a convolution does."""
    layer, x = lone_layer(method, case), case.example()
    try:
        actual = layer(input=x)
    except TypeError as error:
        demand(False, f"layer(input=x) fails ({error}): leave __call__ to CompressedConv2d")
        raise AssertionError from error
    demand_same(actual, layer(x), "layer(input=x) and layer(x) differ: leave __call__ to CompressedConv2d")
