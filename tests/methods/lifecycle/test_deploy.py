"""Deployment: it computes the same, folds what it can, and treats dense models alike."""

import copy
import time
from dataclasses import dataclass

import pytest
import torch
from torch import nn

from decompbench.methods import SVD, FactoredConv2d, Select, compress, deploy, get_method, list_methods

from ..cases import SmallNet, relative_error, small_net

EXAMPLE = torch.randn(2, 3, 12, 12)


@pytest.mark.parametrize("forms", ["fastest", "compact"])
@pytest.mark.parametrize("name", list_methods())
def test_outputs_stay_the_same(name, forms):
    small = compress(small_net(), get_method(name), EXAMPLE).eval()
    before = copy.deepcopy(small.state_dict())
    deployed = deploy(small, EXAMPLE, forms=forms)
    assert relative_error(deployed(EXAMPLE), small(EXAMPLE)) < 1e-5
    assert deployed.decompbench_folded
    # factor ends in a ReLU: its batch-norm has no convolution before it
    if name != "factor":
        assert not any(isinstance(m, nn.BatchNorm2d) for m in deployed.modules())
    assert all(torch.equal(before[key], value) for key, value in small.state_dict().items())


class Untraceable(SmallNet):
    """A forward that symbolic tracing cannot follow."""

    def forward(self, x):
        return super().forward(x) if x.sum() > -1e9 else x


def test_models_that_cannot_be_traced_are_deployed_unfolded():
    torch.manual_seed(0)
    net = Untraceable().eval()
    deployed = deploy(compress(net, get_method("fsnet"), EXAMPLE), EXAMPLE)
    assert not deployed.decompbench_folded
    assert relative_error(deployed(EXAMPLE), net(EXAMPLE)) < 1e-5


class Undecided(FactoredConv2d):
    """A replacement as a plugin may have it: its forward looks at values, which a symbolic trace cannot."""

    def forward(self, x):
        return super().forward(x) if x.isfinite().all() else x


@dataclass(frozen=True)
class UndecidedLayers(SVD):
    def compress_layer(self, conv, spec, generator):
        layer = Undecided(spec, self.width(spec))
        layer.load_state_dict(super().compress_layer(conv, spec, generator).state_dict())
        return layer


def test_a_layer_that_cannot_be_traced_is_named_and_the_rest_is_folded():
    net = compress(small_net(), UndecidedLayers(0.2), EXAMPLE, select=Select(include=("stage1.0.0",)))
    message = r"batch-norm behind stage1\.0\.0 is not folded: torch\.fx cannot trace its Undecided \(TraceError: "
    with pytest.warns(UserWarning, match=message) as caught:
        deployed = deploy(net, EXAMPLE, forms="compact")
    assert [warning.filename for warning in caught] == [__file__]
    assert deployed.decompbench_folded
    assert sum(isinstance(m, nn.BatchNorm2d) for m in deployed.modules()) == 1
    assert relative_error(deployed(EXAMPLE), net(EXAMPLE)) < 1e-5


class Reused(nn.Module):
    """One convolution before two batch-norms: folding either into it would be wrong."""

    def __init__(self):
        super().__init__()
        self.conv, self.bn1, self.bn2 = nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3), nn.BatchNorm2d(3)
        nn.init.constant_(self.bn1.running_var, 4.0)

    def forward(self, x):
        return self.bn2(self.conv(self.bn1(self.conv(x))))


def test_folding_never_changes_what_is_computed():
    net = Reused().eval()
    assert relative_error(deploy(net, EXAMPLE)(EXAMPLE), net(EXAMPLE)) < 1e-6


class TwoOutputs(nn.Module):
    """The output of a network and its input's mean, as detectors have several outputs."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        return x.mean(dim=1), [self.net(x)]


@pytest.mark.parametrize(("net", "right"), [(small_net(), True), (Reused(), False)], ids=["right", "wrong"])
def test_folding_is_checked_in_every_output(net, right):
    net = TwoOutputs(net).eval()
    deployed = deploy(net, EXAMPLE)
    assert deployed.decompbench_folded == right
    (first, (second,)), (expected_first, (expected_second,)) = deployed(EXAMPLE), net(EXAMPLE)
    assert torch.equal(first, expected_first)
    assert relative_error(second, expected_second) < 1e-5


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_folding_is_checked_in_every_precision(dtype):
    net = Reused().eval().to(dtype)
    x = EXAMPLE.to(dtype)
    assert relative_error(deploy(net, x)(x).float(), net(x).float()) < 0.05


def test_a_module_under_two_names_is_deployed_under_both():
    net = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1))
    net.append(net[1])
    deployed = deploy(compress(net, get_method("fsnet"), EXAMPLE), EXAMPLE)
    kinds = [type(m).__name__ for _, m in deployed.named_modules() if not list(m.children())]
    assert "SummaryConv2d" not in kinds


def test_forms_are_in_the_models_memory_format():
    net = compress(small_net(), get_method("fsnet"), EXAMPLE).to(memory_format=torch.channels_last)
    deployed = deploy(net, EXAMPLE.to(memory_format=torch.channels_last))
    weights = [p for p in deployed.parameters() if p.dim() == 4 and p.shape[1] > 1 and p.shape[2] > 1]
    assert weights
    assert all(not weight.is_contiguous() for weight in weights)


class OwnLinear(nn.Linear):
    """A linear layer of a library's own class, such as timm's."""


class SlowIn(nn.Module):
    """A layer's form that takes its time in one precision."""

    def __init__(self, form, dtype):
        super().__init__()
        self.form, self.slow = form, dtype

    def forward(self, x):
        assert x.dtype == next(self.parameters()).dtype
        time.sleep(0.005 if x.dtype == self.slow else 0.0)
        return self.form(x)


@pytest.mark.parametrize(("dtype", "fastest"), [(None, "dense"), (torch.bfloat16, "compact")])
def test_forms_are_timed_in_the_precision_that_will_be_run(dtype, fastest, monkeypatch):
    net, x = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3)), torch.zeros(1, 3, 8, 8)
    small = compress(net, SVD(rank=0.3), x)  # leaves the first convolution alone
    forms = {"compact": SlowIn(small[1].compact(), torch.float32), "dense": SlowIn(small[1].dense(), torch.bfloat16)}
    monkeypatch.setattr(type(small[1]), "forms", lambda self: forms)
    deployed = deploy(small, x, dtype=dtype)
    assert deployed.decompbench_forms == {"1": fastest}
    assert {one.dtype for one in deployed.parameters()} == {torch.float32}


class NotIn(SlowIn):
    """A layer's form that has no kernel for one precision."""

    def forward(self, x):
        if x.dtype == self.slow:
            raise RuntimeError(f"not implemented for {x.dtype}")
        return self.form(x)


@pytest.mark.parametrize("missing", [["dense"], ["dense", "compact"]])
def test_forms_that_have_no_kernel_for_the_precision_are_left_out(missing, monkeypatch):
    net, x = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3)), torch.zeros(1, 3, 8, 8)
    small = compress(net, SVD(rank=0.3), x)
    forms = {
        name: NotIn(getattr(small[1], name)(), torch.bfloat16 if name in missing else torch.float16)
        for name in ("compact", "dense")
    }
    monkeypatch.setattr(type(small[1]), "forms", lambda self: forms)
    assert deploy(small, x, dtype=torch.bfloat16).decompbench_forms == {"1": "compact"}


def test_a_linear_layer_of_another_class_stays_a_module():
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), OwnLinear(400, 5, bias=False)).eval()
    x = torch.randn(2, 3, 12, 12)
    deployed = deploy(net, x)
    assert any(isinstance(module, nn.Linear) for module in deployed.modules())
    torch.testing.assert_close(deployed(x), net(x))
