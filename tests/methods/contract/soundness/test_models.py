"""Models whose layers cannot be seen or replaced: the error says what to compress instead."""

import pytest
import torch
from torch import nn

from decompbench.methods import SVD, SettingError, Tucker2, begin, compress, plan, trace

from .networks import EVERY, Net, X, planned


def plain():
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3)).eval()


def compiled_in_place():
    net = plain()
    net[1].compile(backend="eager")
    return net


def quantised():
    quantization = torch.ao.quantization
    net = nn.Sequential(quantization.QuantStub(), *plain(), quantization.DeQuantStub()).eval()
    engine = torch.backends.quantized.engine
    net.qconfig = quantization.get_default_qconfig("qnnpack" if engine == "none" else engine)
    prepared = quantization.prepare(net)
    prepared(X)
    return quantization.convert(prepared)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: torch.jit.script(plain()), "the model is a RecursiveScriptModule.*use torch.jit on the result"),
        (lambda: nn.Sequential(torch.jit.trace(plain(), X)), "its layer '0' is a TopLevelTracedModule"),
        (lambda: torch.compile(plain(), backend="eager"), "the model is compiled by torch.compile: .*_orig_mod"),
        (lambda: nn.Sequential(torch.compile(plain(), backend="eager")), "its layer '0' is compiled"),
        (compiled_in_place, "its layer '1' is compiled by torch.compile"),
        (lambda: nn.DataParallel(plain()), "the model is a DataParallel, .*compress its .module"),
        (quantised, "its layer '1' is a quantised Conv2d.*before quantising"),
        (lambda: torch.export.export(plain(), (X,)).module(), "an exported graph"),
        (lambda: nn.Sequential(nn.LazyConv2d(8, 3)), r"its layer '0' is a LazyConv2d whose weight has no size yet"),
        (lambda: nn.Sequential(plain(), nn.LazyBatchNorm2d()), "its layer '1' is a LazyBatchNorm2d whose weight has"),
    ],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_it_is_refused_with_what_to_compress_instead(make, message):
    model = make()
    for call in (trace, planned, lambda net, x: compress(net, SVD(0.3), x, **EVERY)):
        with pytest.raises(SettingError, match=message):
            call(model, X)
    with pytest.raises(SettingError, match=message):
        begin(model, plan(plain(), SVD(0.3), X, **EVERY))


def test_a_symbolic_trace_has_its_layers():
    assert len(trace(torch.fx.symbolic_trace(plain()), X).specs) == 2


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_a_scripted_part_without_weights_is_none_of_our_business():
    scripted = torch.jit.script(nn.Sequential(nn.ReLU()))
    assert len(trace(nn.Sequential(plain(), scripted), X).specs) == 2


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("name", ["weight", "bias"])
def test_a_value_that_is_not_finite_is_named_before_anything_is_changed(value, name):
    net = Net()
    getattr(net.b, name).data.view(-1)[0] = value
    total = {"weight": 576, "bias": 8}[name]
    with pytest.raises(SettingError, match=f"1 of the {total} values in the {name} of 'b' are NaN or infinite"):
        compress(net, SVD(0.3), X, **EVERY)
    assert type(net.a) is type(net.b) is nn.Conv2d


def test_a_plan_that_reads_weights_names_it_too():
    net = Net()
    net.b.weight.data[0] = float("nan")
    plan(net, SVD(0.3), X, **EVERY)  # sizes alone
    with pytest.raises(SettingError, match="72 of the 576 values in the weight of 'b'"):
        plan(net, Tucker2(choose="evbmf"), X, **EVERY)


def test_layers_that_are_left_alone_may_have_any_values():
    net = Net()
    net.a.weight.data[0] = float("nan")
    compress(net, SVD(0.3), X)


def test_weights_without_memory_are_planned_and_not_compressed():
    net = Net().to("meta")
    todo = planned(net, X.to("meta"))
    with pytest.raises(SettingError, match="the weight of 'a' is on the meta device"):
        begin(net, todo)


def test_layers_are_not_made_in_inference_mode():
    with torch.inference_mode(), pytest.raises(SettingError, match=r"cannot be trained: use torch\.no_grad"):
        compress(Net(), SVD(0.3), X, **EVERY)


def test_a_model_of_inference_tensors_gives_layers_that_train():
    with torch.inference_mode():
        net = Net()
    small = compress(net, SVD(0.3), X, **EVERY)
    small(X).sum().backward()
    assert all(parameter.grad is not None for parameter in small.parameters())
