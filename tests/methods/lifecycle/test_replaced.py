"""What runs is what was replaced: networks that go around a replacement get an error and keep their layers."""

import copy
import functools
import warnings

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from decompbench.methods import (
    SVD,
    CompressedConv2d,
    MethodError,
    Plan,
    Select,
    StorageError,
    Tucker2,
    begin,
    compress,
    get_method,
    load,
    plan,
    save,
)

from ..contract.soundness.networks import EVERY, Net, X, planned


def from_a_list(net):
    net.layers = [net.a, net.b]
    net.run = lambda net, x: net.layers[1](net.layers[0](x))


def from_a_closure(net):
    a, b = net.a, net.b
    net.run = lambda _, x: b(a(x))


def from_a_partial(net):
    net.call = functools.partial(net.b)
    net.run = lambda net, x: net.call(net.a(x))


def hidden(net):
    vars(net)["other"] = net.b
    net.run = lambda net, x: net.other(net.a(x))


def by_a_weight_in_a_closure(net):
    weight = net.b.weight
    net.run = lambda net, x: net.b(net.a(x)) + F.conv2d(net.a(x), weight, padding=1)


def by_a_bias_in_a_closure(net):
    bias = net.b.bias
    net.run = lambda net, x: net.b(net.a(x)) - bias[:, None, None]


GOES_ON = "goes on using the convolution that was there.*exclude="
NOT_CALLED = "does not call the FactoredConv2d that stands there now.*exclude="


def by_exact_class(net):
    net.run = lambda net, x: functools.reduce(lambda y, m: m(y) if type(m) is nn.Conv2d else y, net.children(), x)


AROUND = [from_a_list, from_a_closure, from_a_partial, hidden, by_a_bias_in_a_closure, by_exact_class]


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize(
    "start", [begin, lambda net, todo: compress(net, todo.method, X, select=Select(include=("b",)))]
)
def test_going_around_a_replacement_is_an_error_and_the_layers_stay(around, start):
    net = Net()
    around(net)
    layers = dict(net.named_modules())
    before = net(X)
    todo = plan(net, SVD(0.3), X, select=Select(include=("b",)))
    with pytest.raises(MethodError, match=f"'b' was replaced, but .*({GOES_ON}|{NOT_CALLED})"):
        start(net, todo)
    assert dict(net.named_modules()) == layers
    assert torch.equal(net(X), before)
    assert not hasattr(net, "decompbench_plan")
    assert not any(layer._forward_hooks or layer._forward_pre_hooks for layer in net.modules())


@pytest.mark.parametrize("around", [from_a_partial, hidden, by_a_weight_in_a_closure, by_a_bias_in_a_closure])
def test_the_advice_helps(around):
    net = Net()
    around(net)
    before = net(X)
    small = compress(net, SVD(1.0), X, select=Select(exclude=("b",)), inefficient="replace")
    assert type(small.a) is not nn.Conv2d
    torch.testing.assert_close(small(X), before)


def test_learning_methods_are_checked_when_they_finish():
    net = Net()
    from_a_list(net)
    session = begin(net, plan(net, Tucker2(0.5, learn="nuclear"), X, select=Select(include=("b",))))
    with pytest.raises(MethodError, match=f"'b'.*{GOES_ON}"):
        session.finish()
    assert type(net.b) is nn.Conv2d
    net.run = lambda net, x: net.b(net.a(x))
    assert type(session.finish().b).__name__ == "Tucker2Conv2d"


def test_a_network_that_goes_around_it_later_is_found_when_it_finishes():
    net = Net()
    old = net.b
    session = begin(net, planned(net))
    net.run = lambda net, x: old(net.a(x))
    with pytest.raises(MethodError, match="'b'"):
        session.finish()


def test_layers_that_the_model_does_not_call_need_not_be_called():
    net = Net(lambda net, x: net.b(net.a(x)) if net.both else net.a(x))
    net.both = True
    todo = planned(net)
    net.both = False
    begin(net, todo).finish()
    assert type(net.b).__name__ == "FactoredConv2d"


def test_a_network_that_draws_its_way_is_compressed():
    net = Net(lambda net, x: net.b(net.a(x)) if torch.rand(()) < 0.5 else net.c(net.a(x)), c=nn.Conv2d(8, 8, 3))
    for seed in range(6):
        torch.manual_seed(seed)
        compress(copy.deepcopy(net), SVD(0.3), X, **EVERY)


def test_without_an_example_there_is_a_warning_that_nothing_is_checked():
    net = Net()
    data = planned(net).to_json() | {"example": None}
    with pytest.warns(UserWarning, match="not checked .*: there is no example of its input"):
        begin(net, Plan.from_json(data))
    assert type(net.b).__name__ == "FactoredConv2d"


def test_so_there_is_if_the_model_does_not_run_any_more():
    net = Net()
    todo = planned(net)
    net.run = lambda net, x: 1 / 0
    with pytest.warns(UserWarning, match="not checked .*ZeroDivisionError"):
        begin(net, todo)


def test_a_model_that_has_moved_to_another_precision_is_checked():
    net = Net()
    todo = planned(net)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        begin(net.double(), todo).finish()


def test_the_check_leaves_mode_and_statistics():
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Conv2d(8, 8, 3)).train()
    compress(net, SVD(0.3), X)
    assert all(layer.training for layer in net.modules())
    assert net[1].num_batches_tracked == 0


class FailingSVD(SVD):
    """Fails at its second layer."""

    def compress_layer(self, conv, spec, generator):
        if spec.path == "b":
            raise ArithmeticError("no convergence")
        return super().compress_layer(conv, spec, generator)


class NotALayer(CompressedConv2d):
    """Does not run."""

    linear = False

    def forward(self, x):
        raise AttributeError("not written yet")


class MakesNotALayer(SVD):
    def compress_layer(self, conv, spec, generator):
        return NotALayer(spec)


@pytest.mark.parametrize(("method", "error"), [(FailingSVD(0.3), ArithmeticError), (MakesNotALayer(0.3), MethodError)])
def test_the_model_is_as_before_after_any_failure(method, error):
    net = Net()
    layers, state = dict(net.named_modules()), copy.deepcopy(net.state_dict())
    with pytest.raises(error, match=r"no convergence|with its layers replaced .* any more: .*not written yet"):
        compress(net, method, X, **EVERY)
    assert dict(net.named_modules()) == layers
    assert all(torch.equal(net.state_dict()[name], tensor) for name, tensor in state.items())


def test_so_it_is_after_a_refit_that_fails():
    class Failing(type(get_method("group"))):
        def refit_layer(self, *args):
            raise ArithmeticError

    net = Net()
    with pytest.raises(ArithmeticError):
        compress(net, Failing(refit="ridge"), X, calibration=[X], **EVERY)
    assert type(net.a) is type(net.b) is nn.Conv2d


def test_a_loaded_model_is_checked(tmp_path):
    path = save(compress(Net(), SVD(0.3), X, **EVERY), tmp_path / "a.safetensors")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = load(path, model=Net())
    assert again.decompbench_plan.example is not None
    around = Net()
    from_a_list(around)
    with pytest.raises(StorageError, match=f"does not fit the model: 'a' was replaced, but .*{GOES_ON}"):
        load(path, model=around)
    assert type(around.b) is nn.Conv2d
