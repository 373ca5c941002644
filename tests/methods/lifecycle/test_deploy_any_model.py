"""Deployment of any model: what is folded, and what stays, whatever the example's values are."""

import copy
import random
import threading
from collections import OrderedDict
from dataclasses import dataclass

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrizations, prune, spectral_norm, weight_norm

from decompbench.methods import SVD, FactoredConv2d, MethodError, Select, begin, compress, deploy, get_method, plan
from decompbench.methods.lifecycle.inference.equivalence import difference

X = torch.randn(2, 3, 12, 12, generator=torch.Generator().manual_seed(1))
EPS = torch.finfo(torch.float32).eps


def conv(c, n=8, **options):
    return nn.Conv2d(c, n, 3, padding=1, **options)


def norm(n=8, **options):
    """A batch-norm whose weights and statistics are not the trivial ones."""
    made = nn.BatchNorm2d(n, **options)
    for tensor in (made.weight, made.bias, made.running_mean):
        if tensor is not None:
            nn.init.normal_(tensor)
    if made.running_var is not None:
        nn.init.uniform_(made.running_var, 0.3, 3.0)
    return made


class Net(nn.Module):
    """A network whose forward pass is a function of itself and its input."""

    def __init__(self, run, **modules):
        super().__init__()
        self.run = run
        for name, module in modules.items():
            setattr(self, name, module)

    def forward(self, x):
        return self.run(self, x)


def pair(run=lambda s, x: s.bn(s.c(x)), c=3, **options):
    return Net(run, c=conv(c), bn=norm(), **options)


def changed(net, change):
    change(net)
    return net


@dataclass
class Output:
    logits: torch.Tensor
    model: object = None


class Counting(nn.Module):
    """Keeps count of its calls in its output."""

    def __init__(self):
        super().__init__()
        self.c, self.bn, self.calls = conv(3), norm(), 0
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, x):
        self.seen += 1
        self.calls += 1
        return self.bn(self.c(x)) * self.seen + self.calls


class TrainingNorm(nn.Sequential):
    """Keeps its batch-norm in training mode on purpose."""

    def train(self, mode=True):
        super().train(mode)
        self[1].training = True
        return self


def double(module, inputs, output):
    return 2 * output


def reads(what):
    """A network that reads a tensor of the convolution beside calling it."""
    return pair(lambda s, x: s.bn(s.c(x)) + what(s, x))


def wide(x):
    return x.repeat(1, 3, 1, 1)[:, :8]


def norm_by_hand(s, x):
    return F.batch_norm(x, s.bn.running_mean, s.bn.running_var, s.bn.weight, s.bn.bias)


FOLDED = {
    "plain": pair,
    "one pair twice": lambda: pair(lambda s, x: s.bn(s.c(x)) + s.bn(s.c(x.flip(3)))),
    "without affine": lambda: nn.Sequential(conv(3), norm(affine=False), nn.ReLU(inplace=True)),
    "with average statistics": lambda: nn.Sequential(conv(3), norm(momentum=None)),
    "input changed in place": lambda: nn.Sequential(nn.ReLU(inplace=True), conv(3), norm(), nn.ReLU(inplace=True)),
    "across submodules": lambda: Net(lambda s, x: s.b.bn(s.a.c(x)), a=Net(None, c=conv(3)), b=Net(None, bn=norm())),
    "a tied weight": lambda: changed(
        Net(lambda s, x: s.n(s.b(s.m(s.a(x)))), a=conv(3, 3), b=conv(3, 3), m=norm(3), n=norm(3)),
        lambda s: setattr(s.b, "weight", s.a.weight),
    ),
    "hook on the model": lambda: changed(pair(), lambda s: s.register_forward_hook(double)),
    "hook between": lambda: changed(
        nn.Sequential(nn.Sequential(conv(3)), norm(), conv(8), norm()), lambda s: s[0].register_forward_hook(double)
    ),
    "a computed tensor as attribute": lambda: changed(pair(), lambda s: setattr(s, "kept", [2 * s.c.weight])),
    "a lock": lambda: changed(pair(), lambda s: setattr(s, "lock", threading.Lock())),
    "dropout": lambda: nn.Sequential(conv(3), norm(), nn.Dropout(0.5)),
    "random by function": lambda: pair(lambda s, x: F.dropout(s.bn(s.c(x)), 0.5)),
    "modules in a list": lambda: changed(
        pair(lambda s, x: s.listed[1](s.listed[0](x))), lambda s: setattr(s, "listed", [s.c, s.bn])
    ),
    "counting": Counting,
    "whole numbers": lambda: pair(lambda s, x: s.bn(s.c(x)).argmax(1)),
    "truth values": lambda: pair(lambda s, x: s.bn(s.c(x)) > 0),
    "not a number": lambda: pair(lambda s, x: s.bn(s.c(x)).log()),
    "complex": lambda: pair(lambda s, x: torch.fft.fft2(s.bn(s.c(x)))),
    "empty": lambda: pair(lambda s, x: (s.bn(s.c(x)), x[:0])),
    "a mapping": lambda: pair(
        lambda s, x: {"y": s.bn(s.c(x)), "none": None, "text": "t", "size": 3, "in": [{"x": (x,)}]}
    ),
    "an ordered mapping": lambda: pair(lambda s, x: OrderedDict(logits=s.bn(s.c(x)))),
    "a dataclass": lambda: pair(lambda s, x: Output(s.bn(s.c(x)), s)),
    "linear": lambda: nn.Sequential(nn.Flatten(), nn.Linear(432, 5), nn.BatchNorm1d(5)),
    "one-dimensional": lambda: nn.Sequential(nn.Flatten(2), nn.Conv1d(3, 8, 3), nn.BatchNorm1d(8)),
    "three-dimensional": lambda: nn.Sequential(
        nn.Unflatten(2, (3, 4)), nn.Conv3d(3, 8, 3, padding=1), nn.BatchNorm3d(8)
    ),
    "symbolically traced": lambda: torch.fx.symbolic_trace(nn.Sequential(conv(3), norm())),
    "scripted in part": lambda: nn.Sequential(torch.jit.script(nn.Sequential(conv(3), norm())), conv(8), norm()),
}
USED, MORE = "what c puts out is used elsewhere, too", "it is applied to more than what c puts out"
KEPT = {
    "output returned, too": (lambda: pair(lambda s, x: (lambda y: (s.bn(y), y))(s.c(x))), "bn", USED),
    "output of another call": (lambda: pair(lambda s, x: s.bn(s.c(x)) + s.c(x.flip(3))), "bn", USED),
    "one for two norms": (lambda: pair(lambda s, x: s.bn(s.c(x)) + s.b(s.c(x)), b=norm()), "b", USED),
    "norm of two layers": (lambda: pair(lambda s, x: s.bn(s.d(s.bn(s.c(x)))), d=conv(8)), "bn", MORE),
    "norm of the input, too": (
        lambda: pair(lambda s, x: s.bn(s.c(x)) + s.bn(wide(x))), "bn", MORE
    ),
    "weight read": (lambda: reads(lambda s, x: F.conv2d(x, s.c.weight, padding=1)), "bn", "a tensor of c is read"),
    "weight's data read": (lambda: reads(lambda s, x: s.c.weight.data.norm()), "bn", "a tensor of c is read"),
    "bias read": (lambda: reads(lambda s, x: s.c.bias[:, None, None]), "bn", "a tensor of c is read"),
    "norm by function, too": (
        lambda: pair(lambda s, x: s.bn(s.c(x)) + norm_by_hand(s, wide(x))), "bn", "a tensor of bn is read"
    ),
    "no statistics": (lambda: nn.Sequential(conv(3), norm(track_running_stats=False)), "1", "no running statistics"),
    "training on purpose": (lambda: TrainingNorm(conv(3), norm(), conv(8), norm()), "1", "training mode"),
    "put in training mode inside": (lambda: pair(lambda s, x: s.bn.train()(s.c(x))), "bn", "training mode"),
    "hook on the layer": (lambda: changed(pair(), lambda s: s.c.register_forward_hook(double)), "bn", "c has hooks"),
    "hook on the norm": (lambda: changed(pair(), lambda s: s.bn.register_forward_hook(double)), "bn", "bn has hooks"),
    "hook on a block": (
        lambda: changed(nn.Sequential(nn.Sequential(conv(3), norm())), lambda s: s[0].register_forward_hook(double)),
        "0.1", "0, which it lies in, has hooks",
    ),
    "pruned": (lambda: changed(pair(), lambda s: prune.l1_unstructured(s.c, "weight", 0.5)), "bn", "c has hooks"),
    "weight norm": (lambda: nn.Sequential(weight_norm(conv(3)), norm()), "1", "0 has hooks"),
    "spectral norm": (lambda: nn.Sequential(spectral_norm(conv(3)), norm()), "1", "0 has hooks"),
    "parametrised": (
        lambda: nn.Sequential(parametrizations.weight_norm(conv(3)), norm()), "1", "0 is a ParametrizedConv2d"
    ),
    "another forward": (
        lambda: changed(pair(), lambda s: setattr(s.c, "forward", lambda x: wide(x))),
        "bn", "a method of c has been replaced",
    ),
    "norm in a list": (
        lambda: changed(pair(lambda s, x: s.listed[0](s.c(x))), lambda s: setattr(s, "listed", [s.bn])),
        "bn", "folded, the output differs",
    ),
    "norm's eps read": (lambda: pair(lambda s, x: s.bn(s.c(x)) + 100 * s.bn.eps), "bn", "folded, AttributeError"),
    "rows for channels": (
        lambda: Net(lambda s, x: s.bn(s.c(x.flatten(2)[:, :, :8])), c=nn.Linear(8, 3), bn=nn.BatchNorm1d(3)),
        "bn", "another dimension",
    ),
}  # fmt: skip
UNTRACED = {
    "noise": lambda: pair(lambda s, x: s.bn(s.c(x)) + torch.randn(12)),
    "a random way": lambda: pair(lambda s, x: s.bn(s.c(x)) if random.random() < 0.5 else s.c(x)),
    "a way that depends on values": lambda: pair(lambda s, x: s.bn(s.c(x)) if x.mean() > 0 else s.c(x)),
    "a forward of its own": lambda: changed(pair(), lambda s: setattr(s, "forward", lambda x: s.c(x))),
    "scripted": lambda: torch.jit.script(nn.Sequential(conv(3), norm())),
    "compiled in part": lambda: nn.Sequential(torch.compile(nn.Sequential(conv(3), norm()), backend="eager")),
    "in parallel": lambda: nn.DataParallel(nn.Sequential(conv(3), norm())),
}


def run(net, x):
    torch.manual_seed(3)
    random.seed(3)
    with torch.no_grad():
        return net(x.clone())


def deployed_alike(make, example):
    """Deploy a model, and demand that it computes the same and that nothing else has changed."""
    torch.manual_seed(0)
    net = make().eval()
    before, given = copy.deepcopy(net.state_dict()), example.clone()
    states = torch.get_rng_state(), random.getstate()
    deployed = deploy(net, example)
    assert torch.equal(torch.get_rng_state(), states[0])
    assert random.getstate() == states[1]
    assert torch.equal(example, given)
    assert difference(dict(net.state_dict()), dict(before), 0.0) is None
    assert not any(parameter.requires_grad for parameter in deployed.parameters())
    expected = run(net, X)
    assert difference(run(deployed, X), expected, EPS) is None
    return deployed


EXAMPLES = pytest.mark.parametrize("example", [torch.zeros_like(X), X], ids=["zeros", "random"])


@EXAMPLES
@pytest.mark.parametrize("name", FOLDED)
def test_what_can_be_is_folded(name, example):
    deployed = deployed_alike(FOLDED[name], example)
    assert deployed.decompbench_folded
    assert not deployed.decompbench_unfolded
    norms = [m for m in deployed.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    assert len(norms) == (name == "hook between")


@EXAMPLES
@pytest.mark.parametrize("name", KEPT)
def test_what_cannot_be_stays_with_a_reason(name, example):
    make, path, reason = KEPT[name]
    deployed = deployed_alike(make, example)
    assert not deployed.decompbench_folded
    assert reason in deployed.decompbench_unfolded[path]


@EXAMPLES
@pytest.mark.parametrize("name", UNTRACED)
def test_what_is_not_one_graph_is_left_as_it_is(name, example):
    deployed = deployed_alike(UNTRACED[name], example)
    assert not deployed.decompbench_folded


def test_one_wrong_pair_leaves_the_others_folded():
    net = Net(
        lambda s, x: s.last(s.listed[0](s.b(s.first(x)))),
        first=nn.Sequential(conv(3), norm()), b=conv(8), bn=norm(), last=nn.Sequential(conv(8), norm()),
    )  # fmt: skip
    net.listed = [net.bn]  # what is put in its place is not called
    deployed = deployed_alike(lambda: net, X)
    assert list(deployed.decompbench_unfolded) == ["bn"]
    assert isinstance(deployed.first[1], nn.Identity)
    assert isinstance(deployed.last[1], nn.Identity)
    assert isinstance(deployed.bn, nn.BatchNorm2d)


def test_weights_too_large_for_their_type_are_not_folded():
    net = nn.Sequential(conv(3), norm()).half().eval()
    net[1].running_var.zero_()
    net[1].eps = 1e-12
    x = 1e-4 * X.half()
    deployed = deploy(net, x)
    assert "too large for torch.float16" in deployed.decompbench_unfolded["1"]
    assert torch.equal(deployed(x), net(x))


def test_a_model_that_takes_no_random_input_is_said_to_be_unchecked():
    def forward(s, x):
        if not torch.equal(x, x.round()):
            raise RuntimeError("whole numbers only")
        return s.b(x)

    net = compress(Net(forward, b=nn.Sequential(conv(3), conv(8))), SVD(0.3), X.round()).eval()
    with pytest.warns(UserWarning, match=r"cannot be checked on the whole model.*RuntimeError: whole numbers only"):
        deployed = deploy(net, X.round())
    assert difference(deployed(X.round()), net(X.round()), EPS) is None


def test_a_model_that_does_not_repeat_itself_is_said_to_be_unchecked():
    source = torch.Generator().manual_seed(0)
    net = pair(lambda s, x: s.bn(s.c(x)) + torch.randn(12, generator=source)).eval()
    with pytest.warns(UserWarning, match="the model does not repeat itself"):
        deployed = deploy(net, X)
    assert "does not repeat itself" in deployed.decompbench_unfolded["bn"]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: torch.compile(pair(), backend="eager"), r"compiled: deploy .* model\._orig_mod"),
        (lambda: nn.Sequential(nn.LazyConv2d(8, 3), norm()), r"size of 0\.weight is not known yet"),
        (lambda: pair(c=4), "does not run on the example"),
        (lambda: "resnet18", r"the model is a torch\.nn\.Module"),
    ],
)
def test_models_that_cannot_be_deployed_are_refused(make, message):
    with pytest.raises(MethodError, match=message):
        deploy(make(), X)


def test_the_class_and_what_hangs_on_the_modules_are_kept():
    seen = []
    net = pair(lambda s, x: s.last(s.bn(s.c(x))), last=nn.Sequential(nn.ReLU(), nn.Identity())).eval()
    net.last[1].register_forward_hook(lambda module, inputs, output: seen.append(output))
    deployed = deploy(net, X)
    assert type(deployed) is Net
    seen.clear()
    deployed(X)
    assert len(seen) == 1
    assert isinstance(seen[0], torch.Tensor)


def test_a_hook_on_a_compressed_layer_is_carried_to_its_form():
    small = compress(nn.Sequential(conv(3), conv(8)), get_method("fsnet"), X).eval()
    small[1].register_forward_hook(double)
    small[1].register_forward_pre_hook(lambda module, args, kwargs: ((args[0] + 1,), kwargs), with_kwargs=True)
    for forms in ("fastest", "compact"):
        deployed = deploy(small, X, forms=forms)
        assert type(deployed[1]) is nn.Conv2d
        assert difference(deployed(X), small(X), EPS) is None


def test_a_layer_with_hooks_inside_is_kept():
    small = compress(nn.Sequential(conv(3), conv(8)), SVD(0.3), X).eval()
    small[1].first.register_forward_hook(double)
    deployed = deploy(small, X)
    assert deployed.decompbench_forms == {"1": "layer"}
    assert difference(deployed(X), small(X), EPS) is None


class WrongDense(FactoredConv2d):
    """A form that computes something else, unless its input is zero."""

    def dense(self):
        made = super().dense()
        made.weight.data.mul_(1.01)
        return made


@dataclass(frozen=True)
class WrongForms(SVD):
    def compress_layer(self, conv, spec, generator):
        layer = WrongDense(spec, self.width(spec))
        layer.load_state_dict(super().compress_layer(conv, spec, generator).state_dict())
        return layer


def test_a_form_that_computes_something_else_is_left_out():
    x = torch.zeros_like(X)
    small = compress(nn.Sequential(conv(3), conv(8)), WrongForms(0.3), x).eval()
    with pytest.warns(UserWarning, match=r"the form 'dense' of 1, a WrongDense, is left out.*differs by 0\.0"):
        deployed = deploy(small, x)
    assert deployed.decompbench_forms == {"1": "compact"}
    assert difference(deployed(X), small(X), EPS) is None


def test_a_pruned_model_is_compressed_and_refitted():
    net = nn.Sequential(conv(3), conv(8), conv(8)).eval()
    prune.l1_unstructured(net[2], "weight", 0.5)
    method = get_method("svd", refit="ridge", rank=0.3)
    begin(net, plan(net, method, X, select=Select(include=("1",))), calibration=[X]).finish()
