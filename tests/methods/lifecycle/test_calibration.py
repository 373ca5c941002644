"""Calibration: which layer gets which activations, in which order, and what is left as it was."""

import itertools
import weakref
from dataclasses import dataclass

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from decompbench.methods import SVD, Group, Select, SettingError, begin, compress, plan
from decompbench.methods.lifecycle.calibration import refit_layers
from decompbench.models import load_model

from ..cases import relative_error, small_net

EXAMPLE = torch.randn(2, 3, 12, 12)
SEEN: dict[str, list] = {}


@dataclass(frozen=True)
class Watcher(SVD):
    """Keeps what it is shown, then makes the layer's output three times as large."""

    @property
    def calibration_samples(self):
        return 6

    def refit_layer(self, layer, conv, spec, activations, generator):
        SEEN[spec.path] = list(activations)
        assert not torch.is_grad_enabled()
        layer.second.weight *= 3


class TwoConvs(nn.Module):
    """A second convolution that is called twice, with in-place work after it."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 6, 3, bias=False)
        self.second = nn.Conv2d(6, 6, 3, padding=1, bias=False)

    def forward(self, x):
        x = self.second(self.first(x).relu_()).relu_()
        return self.second(x).mul_(0)


def watch(net, batches, **settings):
    SEEN.clear()
    compress(net, Watcher(0.5, **settings), EXAMPLE, select=Select(), calibration=batches)


def test_targets_are_the_originals_outputs_and_inputs_are_the_compressed_networks():
    torch.manual_seed(0)
    net = TwoConvs()
    first, second = net.first.weight.detach().clone(), net.second.weight.detach().clone()
    watch(net, [EXAMPLE])
    small_first = net.first.dense_weight()  # thrice the truncated SVD: it was refitted before the second was looked at
    small_second = net.second.dense_weight() / 3
    ((x, y),) = SEEN["first"]
    torch.testing.assert_close(x, EXAMPLE)
    torch.testing.assert_close(y, F.conv2d(EXAMPLE, first))
    (x1, y1), (x2, y2) = SEEN["second"]
    hidden, small_hidden = F.conv2d(EXAMPLE, first).relu(), F.conv2d(EXAMPLE, small_first).relu()
    torch.testing.assert_close(x1, small_hidden)
    torch.testing.assert_close(y1, F.conv2d(hidden, second, padding=1))
    torch.testing.assert_close(x2, F.conv2d(small_hidden, small_second, padding=1).relu())
    torch.testing.assert_close(y2, F.conv2d(y1.relu(), second, padding=1))


def test_layers_are_refitted_in_forward_order():
    class Backwards(nn.Module):
        def __init__(self):
            super().__init__()
            self.later, self.sooner = nn.Conv2d(8, 8, 3), nn.Conv2d(3, 8, 3)

        def forward(self, x):
            return self.later(self.sooner(x))

    watch(Backwards(), [EXAMPLE])
    assert list(SEEN) == ["sooner", "later"]


def test_no_more_than_the_samples_are_taken_even_of_an_endless_supply():
    watch(TwoConvs(), itertools.repeat(EXAMPLE))
    assert [len(x) for x, _ in SEEN["first"]] == [2, 2, 2]


def test_a_batch_is_cut_to_the_samples_with_the_arguments_that_go_with_it():
    class Masked(TwoConvs):
        def forward(self, x, mask, gain):
            return super().forward(x * mask) * gain

    x, mask, gain = torch.randn(10, 3, 12, 12), torch.rand(10, 1, 12, 12).round(), torch.tensor(2.0)
    SEEN.clear()
    compress(Masked(), Watcher(0.5), (x, mask, gain), select=Select(), calibration=[(x[:4], mask[:4], gain)] * 2)
    ((a, _), (b, _)) = SEEN["first"]
    assert torch.equal(a, (x * mask)[:4])
    assert torch.equal(b, (x * mask)[:2])


@dataclass(frozen=True)
class Few(Watcher):
    """Wants fewer inputs than `Watcher`."""

    @property
    def calibration_samples(self):
        return 3


def test_each_method_sees_its_own_number_of_inputs():
    SEEN.clear()
    overrides = {"second": Few(0.5)}
    compress(TwoConvs(), Watcher(0.5), EXAMPLE, select=Select(), overrides=overrides, calibration=[EXAMPLE] * 5)
    assert sum(len(x) for x, _ in SEEN["first"]) == 6
    assert [len(x) for x, _ in SEEN["second"]] == [2, 2, 1, 1]  # called twice a batch


@pytest.mark.parametrize("refit", ["ridge", "whitened"])
def test_how_the_inputs_are_batched_does_not_matter(refit):
    x = torch.randn(40, 3, 12, 12)
    nets = []
    for size in (5, 9, 40):
        method = Group(refit=refit, samples=18, positions=3)
        nets.append(compress(small_net(), method, x[:2], calibration=x.split(size)))
    outputs = [net(x) for net in nets]
    assert relative_error(outputs[1], outputs[0]) < 1e-4
    assert relative_error(outputs[2], outputs[0]) < 1e-4


def test_a_layer_the_inputs_do_not_lead_to_keeps_its_values():
    class Gate(nn.Module):
        def __init__(self):
            super().__init__()
            self.always, self.seldom = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3)

        def forward(self, x):
            x = self.always(x)
            return self.seldom(x) if x.shape[-1] > 9 else x

    watch(Gate(), [EXAMPLE[..., :8]])
    assert list(SEEN) == ["always"]


def test_missing_calibration_is_refused_before_anything_is_changed():
    net = small_net()
    before = str(net)
    todo = plan(net, Group(refit="ridge", samples=100), EXAMPLE)
    with pytest.raises(SettingError, match=r"group\(refit=ridge.*pass calibration=batches, some 100 inputs"):
        begin(net, todo)
    with pytest.raises(SettingError, match="no batch"):
        begin(net, todo, calibration=[])
    with pytest.raises(SettingError, match=r"\[batch\]"):
        begin(net, todo, calibration=EXAMPLE)
    with pytest.raises(SettingError, match="without labels; got a list"):
        begin(net, todo, calibration=[[EXAMPLE, torch.zeros(2)]])
    assert str(net) == before


def test_methods_that_look_at_weights_only_leave_the_calibration_alone():
    def never():
        raise AssertionError("looked at")
        yield

    compress(small_net(), Group(), EXAMPLE, calibration=never())


def test_statistics_modes_and_random_numbers_are_left_alone():
    class Noisy(nn.Module):
        """Draws global random numbers in eval mode too."""

        def __init__(self):
            super().__init__()
            self.net = small_net().train()

        def forward(self, x):
            return self.net(F.dropout(x))

    states = []
    for refit in ("none", "ridge"):
        net = Noisy()
        net.net.stage1.eval()
        norms = {name: t.clone() for name, t in net.state_dict().items() if "running" in name or "tracked" in name}
        torch.manual_seed(5)
        compress(net, Group(refit=refit), EXAMPLE, calibration=[EXAMPLE])
        states.append(torch.get_rng_state())
        assert all(torch.equal(net.state_dict()[name], before) for name, before in norms.items())
        assert not any(m.training for m in net.net.stage1.modules())
        assert all(m.training for m in net.net.stage2.modules())
        assert all(p.requires_grad for p in net.parameters())
        assert not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())
    assert torch.equal(*states)


def test_the_seed_decides_and_global_random_numbers_do_not():
    weights = []
    for seed, other in ((0, 1), (0, 2), (3, 1)):
        torch.manual_seed(0)
        net = small_net()
        torch.manual_seed(other)
        method = Group(refit="whitened-ridge", positions=3)
        weights.append(compress(net, method, EXAMPLE, seed=seed, calibration=[EXAMPLE]).state_dict())
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert not all(torch.equal(weights[0][name], weights[2][name]) for name in weights[0])


def test_activations_of_one_batch_at_a_time_are_held():
    net, original = small_net(), small_net()
    todo = plan(net, SVD(refit="whitened-ridge", samples=10_000), EXAMPLE)
    begin(net, todo, calibration=[EXAMPLE])
    held: list[weakref.ref] = []
    most = []

    def count(_, args, output):
        held.append(weakref.ref(output))
        held[:] = [ref for ref in held if ref() is not None]
        most.append(len(held))

    for module in (*net.modules(), *original.modules()):
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(count)
    peaks = []
    for batches in (2, 12):
        most.clear()
        refit_layers(original, net, todo, [EXAMPLE] * batches, torch.Generator())
        peaks.append(max(most))
    assert peaks[0] == peaks[1] <= 6


@pytest.mark.parametrize(
    ("name", "options", "method"),
    [
        ("resnet20", {}, SVD(0.4, refit="whitened-ridge")),
        ("timm/resnet18", {"zero_init_last": False}, Group(refit="ridge")),
    ],
)
def test_real_networks_come_closer_to_the_original(name, options, method):
    torch.manual_seed(0)
    batches = [torch.randn(2, 3, 32, 32) for _ in range(2)]
    errors = []
    for refit in ("none", method.refit):
        torch.manual_seed(1)
        net = load_model(name, **options).eval()
        with torch.no_grad():
            expected = net(batches[0])
            small = compress(net, method.with_settings(refit=refit), batches[0], calibration=batches)
            errors.append(relative_error(small(batches[0]), expected))
    assert errors[1] < 0.7 * errors[0]
