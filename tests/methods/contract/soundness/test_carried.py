"""What a replacement takes over from its convolution: hooks and attributes."""

import copy

import pytest
import torch

from decompbench.methods import SVD, Group, Select, Tucker2, begin, compress, get_method, list_methods, plan

from .networks import EVERY, Net, X, distance


def hooked():
    net = Net()
    net.b.register_forward_pre_hook(lambda layer, inputs: (inputs[0] + 1,))
    net.b.register_forward_pre_hook(lambda layer, args, kwargs: ((3 * args[0],), kwargs), with_kwargs=True)
    net.b.register_forward_hook(lambda layer, inputs, output: output + inputs[0].mean())
    net.b.register_forward_hook(lambda layer, args, kwargs, output: 2 * output, with_kwargs=True)
    return net


def test_forward_hooks_run_in_the_same_order():
    assert distance(hooked()) < 1e-5


def test_backward_hooks_see_the_same_gradients():
    net, seen = Net(), []
    net.b.register_full_backward_pre_hook(lambda layer, output: (3 * output[0],))
    net.b.register_full_backward_hook(lambda layer, inputs, outputs: seen.append((inputs[0], outputs[0])))
    net(X).square().sum().backward()
    compress(net, SVD(1.0), X, **EVERY)(X).square().sum().backward()
    for before, after in zip(*seen, strict=True):
        torch.testing.assert_close(after, before, rtol=1e-3, atol=1e-4)


def test_a_handle_removes_its_hook_from_the_replacement():
    net = Net()
    handle = net.b.register_forward_hook(lambda layer, inputs, output: 2 * output)
    small = compress(net, SVD(0.3), X, **EVERY)
    before = small(X)
    handle.remove()
    torch.testing.assert_close(2 * small(X), before)


def test_a_hook_that_removes_itself_has_run_once():
    net, calls = Net(), []

    def once(layer, inputs, output):
        calls.append(type(layer).__name__)
        handle.remove()

    handle = net.b.register_forward_hook(once)
    compress(net, SVD(0.3), X, **EVERY)(X)
    assert calls == ["Conv2d"]


def test_a_hook_that_always_runs_still_does():
    net, calls = Net(), []
    net.b.register_forward_hook(lambda *_: calls.append(1), always_call=True)
    small = compress(net, SVD(0.3), X, **EVERY)
    calls.clear()
    with pytest.raises(RuntimeError):
        small.b(torch.zeros(1, 5, 4, 4))
    assert calls


def test_hooks_that_come_while_it_trains_are_there_in_the_end():
    net = Net()
    session = begin(net, plan(net, Tucker2(0.5, learn="nuclear"), X, select=Select(include=("b",))))
    net.b.register_forward_hook(lambda layer, inputs, output: torch.zeros_like(output))
    assert not session.finish()(X).any()


def test_a_refit_sees_what_the_layer_itself_gives():
    net, example = hooked().eval(), torch.randn(64, 3, 12, 12)
    plain = copy.deepcopy(net)
    options = {"select": Select(include=("b",)), "inefficient": "replace"}
    with torch.no_grad():
        small = compress(net, SVD(1.0, refit="ridge"), example, calibration=[example], **options)
        assert (small(X) - plain(X)).norm() < 1e-2 * plain(X).norm()


def test_a_refit_takes_layers_that_are_called_by_keyword():
    net = Net(lambda net, x: net.b(input=net.a(input=x)))
    compress(net, Group(refit="ridge"), X, calibration=[X], select=Select(include=("b",)), inefficient="replace")


@pytest.mark.parametrize("name", list_methods())
def test_attributes_that_were_set_on_a_layer_are_there(name):
    net = Net(lambda net, x: net.b.gain * net.b(net.a(x)))
    net.b.gain = 3.0
    small = compress(net, get_method(name), X, select=Select(include=("b",)), inefficient="replace")
    assert small.b.gain == 3.0
