"""What about a layer keeps it from being replaced: memory held elsewhere, and what is about its weight."""

import warnings

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parameters_to_vector, parametrizations, parametrize, prune, vector_to_parameters
from torch.nn.utils import spectral_norm as old_spectral_norm
from torch.nn.utils import weight_norm as old_weight_norm

from decompbench.methods import SVD, MethodError, begin, count_stored, plan

from .networks import EVERY, Net, X, distance, planned, reason


class Doubled(nn.Module):
    def forward(self, x):
        return 2 * x


def transposed(net):
    net.t = nn.Parameter(net.b.weight.data.transpose(0, 1))
    net.run = lambda net, x: F.conv_transpose2d(net.b(net.a(x)), net.t, padding=1)


def the_same(net):
    net.t = net.b.weight


def a_view(net):
    net.t = nn.Parameter(net.b.weight.data[:2])


def a_buffer(net):
    net.register_buffer("t", net.b.weight.data.view(-1))


def through_numpy(net):
    net.register_buffer("t", torch.from_numpy(net.b.weight.detach().numpy()))


def in_a_list(net):
    net.t = [net.b.weight]


def a_plain_attribute(net):
    net.t = net.b.weight.detach()


def the_bias(net):
    net.t = net.b.bias


TIES = [transposed, the_same, a_view, a_buffer, through_numpy, in_a_list, a_plain_attribute, the_bias]


@pytest.mark.parametrize("tie", TIES)
def test_memory_that_something_else_holds_is_left_with_its_name(tie):
    net = Net()
    tie(net)
    assert reason(net) == f"its {'bias' if tie is the_bias else 'weight'} is also 't'"
    assert reason(net, "a") is None
    assert distance(net) < 1e-5


def test_a_linear_layer_of_the_same_memory_is_named():
    net = Net(fc=nn.Linear(72, 8))
    net.fc.weight = nn.Parameter(net.b.weight.data.flatten(1))
    assert reason(net) == "its weight is also 'fc.weight'"


def test_weights_that_follow_each_other_in_one_memory_are_apart():
    net = Net()
    vector = parameters_to_vector(net.parameters()).detach()
    vector_to_parameters(vector, net.parameters())
    assert net.a.weight.untyped_storage().data_ptr() == net.b.weight.untyped_storage().data_ptr()
    assert reason(net) is None
    net.register_buffer("flat", vector)
    assert reason(net) == "its weight is also 'flat'"


def test_convolutions_of_one_memory_are_counted_once():
    net = Net(c=nn.Conv2d(8, 8, 3, padding=1))
    net.run = lambda net, x: net.c(net.b(net.a(x)))
    net.c.weight = nn.Parameter(net.b.weight.data)
    assert reason(net, "c") == "shares its weight with another convolution"
    assert planned(net).before.weights == count_stored(net).weights == 8 * 3 * 9 + 8 * 8 * 9


def test_ties_are_found_without_memory_for_weights():
    with torch.device("meta"):
        net = Net()
        net.t = net.b.weight
    assert reason(net, x=X.to("meta")) == "its weight is also 't'"


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (old_weight_norm, "its weight is computed by a hook"),
        (old_spectral_norm, "its weight is computed by a hook"),
        (parametrizations.weight_norm, "ParametrizedConv2d may compute more"),
        (parametrizations.spectral_norm, "ParametrizedConv2d may compute more"),
        (parametrizations.orthogonal, "ParametrizedConv2d may compute more"),
        (lambda c: parametrize.register_parametrization(c, "bias", Doubled()), "ParametrizedConv2d may compute more"),
        (lambda c: prune.l1_unstructured(c, "weight", 0.5), "its weight is computed by a hook"),
        (lambda c: prune.ln_structured(c, "weight", 0.5, 2, 0), "its weight is computed by a hook"),
        (lambda c: prune.l1_unstructured(c, "bias", 0.5), "its bias is computed by a hook"),
        (lambda c: c.weight.register_hook(lambda grad: grad), "its weight has a hook on its gradient"),
        (lambda c: c.bias.register_post_accumulate_grad_hook(print), "its bias has a hook on its gradient"),
        (lambda c: c.register_backward_hook(print), "backward hook of the old kind"),
        (lambda c: c.register_state_dict_post_hook(lambda *_: None), "takes part in its state dict"),
        (lambda c: c.register_load_state_dict_pre_hook(lambda *_: None), "takes part in its state dict"),
        (lambda c: c.register_buffer("mask", torch.ones(1)), "it holds 'mask'"),
        (lambda c: setattr(c, "forward", lambda x: x), "its forward is not that of a Conv2d"),
        (lambda c: setattr(c, "_conv_forward", F.conv2d), "its _conv_forward is not that of a Conv2d"),
    ],
)
def test_what_is_about_the_weight_keeps_the_layer(change, text):
    net = Net()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        change(net.b)
        assert text in (reason(net) or "")
        assert distance(net) < 1e-5


@pytest.mark.parametrize("remove", ["weight_norm", "prune"])
def test_what_was_removed_first_is_no_obstacle(remove):
    net = Net()
    if remove == "prune":
        prune.l1_unstructured(net.b, "weight", 0.5)
        prune.remove(net.b, "weight")
    else:
        parametrizations.weight_norm(net.b)
        parametrize.remove_parametrizations(net.b, "weight")
    assert reason(net) is None


def test_a_tensor_of_another_kind_is_left_with_its_name():
    class Special(torch.Tensor):
        pass

    net = Net()
    net.b.weight = nn.Parameter(net.b.weight.detach().as_subclass(Special))
    assert reason(net) == "its weight is a Special and not a plain parameter"


def test_complex_weights_are_left():
    net = Net(a=nn.Conv2d(3, 8, 3, dtype=torch.cfloat), b=nn.Conv2d(8, 8, 3, dtype=torch.cfloat))
    assert reason(net, x=X.to(torch.cfloat)) == "its weight is complex64, which no method decomposes"


def test_an_obstacle_that_came_after_the_plan_is_an_error():
    net = Net()
    todo = plan(net, SVD(0.3), X, **EVERY)
    net.t = net.b.weight
    with pytest.raises(MethodError, match="'b', which has changed since it was made: its weight is also 't'"):
        begin(net, todo)
