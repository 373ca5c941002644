"""Inputs that do not fit the model: the error names the layer and says what it takes."""

import pytest
import torch
from torch import nn

from decompbench.methods import SVD, SettingError, compress, plan, trace
from decompbench.methods.contract.soundness.running import run_example

from .networks import EVERY, Net, X, planned


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (X[0], r"has no batch dimension: it is \(3, 12, 12\), of which 'a' makes one image. Pass example\[None\]"),
        (torch.tensor(1.0), r"a batch of at least one input; its shape is \(\)"),
        (X[:0], r"a batch of at least one input; its shape is \(0, 3, 12, 12\)"),
        (X[:, :2], r"'a' takes 3 channels and was given 2, in a tensor of shape \(2, 2, 12, 12\)"),
        (X[None], r"'a' takes a tensor of 4 dimensions, .* and was given \(1, 2, 3, 12, 12\)"),
        (X.long(), r"'a' has weights of torch.float32 and was given a tensor of torch.int64"),
        (X.to(torch.cfloat), r"'a' has weights of torch.float32 and was given a tensor of torch.complex64"),
        (X.half(), r"'a' has weights of torch.float32 and was given a tensor of torch.float16"),
        (X.to("meta"), r"'a' is on cpu and was given a tensor on meta"),
        ((X, X), r"does not run through the model: TypeError: "),
    ],
)
def test_an_example_that_does_not_fit_says_why(x, message):
    for call in (trace, planned, lambda net, x: compress(net, SVD(0.3), x, **EVERY)):
        with pytest.raises(SettingError, match=message):
            call(Net(), x)


def test_an_unbatched_example_is_seen_where_the_network_adds_the_batch_itself():
    with pytest.raises(SettingError, match="no batch dimension"):
        trace(Net(lambda net, x: net.b(net.a(x[None]))), X[0])


def test_a_model_on_another_device_is_named():
    with pytest.raises(SettingError, match="is on meta and was given a tensor on cpu"):
        trace(Net().to("meta"), X)
    net = nn.Sequential(nn.Flatten(), nn.Linear(432, 4), nn.Unflatten(1, (4, 1, 1)), nn.Conv2d(4, 4, 1))
    assert trace(net, X).specs


def test_an_error_of_the_model_itself_is_chained():
    def run(net, x):
        raise KeyError("a fault of the network")

    with pytest.raises(SettingError, match=r"does not run through the model: KeyError: .*a fault of the network") as e:
        plan(Net(run), SVD(0.3), X)
    assert isinstance(e.value.__cause__, KeyError)


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("[enforce fail] can't allocate memory: 9 bytes")])
def test_too_little_memory_stays_what_it_is(error):
    def run(net, x):
        raise error

    with pytest.raises(type(error)) as caught:
        run_example(Net(run), X)
    assert caught.value is error


def test_hooks_are_gone_after_an_example_that_does_not_run():
    net = Net()
    with pytest.raises(SettingError):
        trace(net, X[:, :2])
    assert not any(layer._forward_hooks or layer._forward_pre_hooks for layer in net.modules())


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_other_precisions_are_taken(dtype):
    net = compress(Net().to(dtype), SVD(0.5), X.to(dtype), **EVERY)
    assert net(X.to(dtype)).dtype == dtype
