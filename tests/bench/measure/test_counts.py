"""Counts against sums done by hand; what a counter does not know is listed."""

import copy

import pytest
import torch
from torch import nn

from decompbench.bench.measure import CountMismatchError, count_macs, count_model, state_sha256
from decompbench.bench.records.record import Counts
from decompbench.methods import Select, Target, begin, count_stored, get_method, plan
from decompbench.models import load_model


def small_net():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Conv2d(8, 16, 3, stride=2, padding=1, groups=2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(16, 5),
    ).eval()


def test_macs_are_those_of_convs_and_linears_only():
    macs, not_counted = count_macs(small_net(), torch.zeros(1, 3, 8, 8))
    first, second, last = 3 * 8 * 9 * 64, 4 * 16 * 9 * 16, 16 * 5
    assert macs == first + second + last
    assert not any("conv" in name for name in not_counted)


def test_every_convention_against_sums_by_hand():
    model = load_model("resnet8", in_chans=1, num_classes=10)
    example = torch.zeros(1, 1, 28, 28)
    planned = plan(model, get_method("dense"), example)
    counts = count_model(
        model,
        example,
        planned_weights=planned.before.weights,
        planned_macs=planned.before.macs + planned.linear_macs,
        what="dense",
    )
    convs = 9 * 16 + 2 * 9 * 16 * 16 + 9 * (16 * 32 + 32 * 32) + 9 * (32 * 64 + 64 * 64)
    norms = 3 * 16 + 2 * 32 + 2 * 64
    assert counts.conv_weights == convs
    assert counts.conv_fc_weights == convs + 640
    assert counts.parameters == convs + 640 + 10 + 2 * norms
    assert counts.state == counts.parameters + 2 * norms
    assert counts.bits == 32 * convs
    macs = 28**2 * 9 * (16 + 512) + 14**2 * 9 * (512 + 1024) + 7**2 * 9 * (2048 + 4096) + 640
    assert counts.macs == counts.macs_formula == counts.macs_torch == macs
    assert counts.disk > 4 * counts.state


def test_compressed_counts_follow_the_plan():
    model = load_model("resnet8", in_chans=1, num_classes=10)
    example = torch.zeros(1, 1, 28, 28)
    planned = plan(model, get_method("svd"), example, Target(params=0.3))
    small = begin(model, planned, seed=0).finish()
    after = planned.after
    macs = after.macs + planned.linear_macs
    counts = count_model(small, example, planned_weights=after.weights, planned_macs=macs, what="compressed")
    assert counts.conv_weights == after.weights < 0.3 * planned.before.weights
    with pytest.raises(CountMismatchError) as caught:
        count_model(small, example, planned_weights=after.weights, planned_macs=macs + 1, what="compressed")
    assert all(str(number) in str(caught.value) for number in (macs, macs + 1))
    with pytest.raises(CountMismatchError, match=str(after.weights)):
        count_model(small, example, planned_weights=1, planned_macs=macs, what="compressed")


class Unusual(nn.Module):
    """What timm's networks have and counters miss: padding in words, a convolution without a module, no bias."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding="same")
        self.register_buffer("blur", torch.full((8, 1, 2, 2), 0.25))
        self.tokens, self.head = nn.Linear(8, 6, bias=False), nn.Linear(6, 5)

    def forward(self, x):
        x = nn.functional.conv2d(self.conv(x), self.blur, stride=2, groups=8)
        tokens = self.tokens(x.flatten(2).mT)
        # a product of two activations
        return self.head((tokens[0].T @ tokens[0]).softmax(1) + tokens.mean(1)[:, None])


def test_the_counters_agree_on_unusual_networks():
    model, example = Unusual().eval(), torch.zeros(1, 3, 8, 8)
    planned = plan(model, get_method("dense"), example)
    macs = planned.before.macs + planned.linear_macs
    assert macs == 8 * 27 * 64 + 8 * 4 * 16 + 16 * 8 * 6 + 6 * 16 * 6 + 6 * 6 * 5
    counts = count_model(model, example, planned_weights=216, planned_macs=macs, what="dense")
    assert counts.macs == counts.macs_torch == macs
    # neither counts a mean or an addition, and each names what it passes over in its own words
    assert counts.not_counted["aten::mean"] == counts.not_counted_torch["aten::mean"] == 1
    assert not any("conv" in name or "addmm" in name for name in counts.not_counted_torch)


def counted(method):
    model = load_model("resnet8", in_chans=1, num_classes=10)
    example = torch.zeros(1, 1, 28, 28)
    planned = plan(model, method, example)
    after, macs = planned.after, planned.after.macs + planned.linear_macs
    small = begin(model, planned, seed=0).finish()
    return small, count_model(small, example, planned_weights=after.weights, planned_macs=macs, what="compressed")


def test_a_quantised_byte_is_a_quarter_of_an_effective_parameter():
    small, counts = counted(get_method("fsnet", weight_bits=8))
    bytes_ = sum(m.summary.numel() for m in small.modules() if hasattr(m, "summary"))
    assert bytes_ > 0
    assert counts.effective == counts.state - bytes_ + bytes_ / 4
    # scales of 8 bits are such values, indices are not
    small, counts = counted(get_method("kmeans", clusters=16, scale_bits=8))
    scales = sum(m.scale.numel() for m in small.modules() if hasattr(m, "scale"))
    assert counts.effective == counts.state - scales + scales / 4


@pytest.mark.parametrize("name", ["dense", "svd", "fsnet", "kmeans"])
def test_without_quantised_values_all_of_the_state_is_effective(name):
    _, counts = counted(get_method(name))
    assert counts.effective == counts.state


def test_shared_macs_are_those_of_the_layers_that_share_and_all_of_the_others():
    small, counts = counted(get_method("kmeans", clusters=4))
    layers = [m for m in small.modules() if hasattr(m, "codebook")]
    others = counts.macs - sum(layer.spec.cost.macs for layer in layers)
    assert counts.macs_shared == others + sum(layer.shared_macs() for layer in layers)
    assert others < counts.macs_shared < counts.macs
    assert counted(get_method("fsnet"))[1].macs_shared is None


def test_counts_of_before_a_field_was_added_still_read():
    _, counts = counted(get_method("kmeans"))
    old = counts.model_dump(exclude={"effective", "macs_shared"})
    read = Counts.model_validate(old)
    assert (read.effective, read.macs_shared, read.state) == (None, None, counts.state)


def test_state_hash_sees_values_names_and_buffers():
    model = small_net()
    other = copy.deepcopy(model)
    assert state_sha256(model) == state_sha256(other)
    other[1].running_mean += 1e-7
    assert state_sha256(model) != state_sha256(other)
    renamed = nn.Sequential(nn.Identity(), *copy.deepcopy(model))
    assert state_sha256(model) != state_sha256(renamed)


def test_linear_layers_are_counted_by_their_stored_form():
    model, example = small_net(), torch.zeros(1, 3, 8, 8)
    every = Select(skip_classifier=False)
    todo = plan(model, get_method("svd", rank=0.2), example, layers="conv+linear", select=every, inefficient="replace")
    macs = {"planned_macs": todo.after.macs + todo.linear_macs}
    small = begin(model, todo).finish()
    counts = count_model(small, example, planned_weights=todo.after.weights, what="small", layers="conv+linear", **macs)
    linear = 1 * (16 + 5)
    assert counts.conv_fc_weights - counts.conv_weights == linear
    assert counts.conv_weights == todo.after.weights - linear == 2 * (27 + 8) + 16 * 4 * 9
    assert (counts.bits, counts.conv_fc_bits) == (32 * counts.conv_weights, 32 * counts.conv_fc_weights)
    assert counts.parameters == sum(p.numel() for p in small.parameters())
    with pytest.raises(CountMismatchError, match="conv weights of the small model"):
        count_model(small, example, planned_weights=todo.after.weights, what="small", **macs)


def test_attentions_projections_are_linear_weights():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(2), nn.TransformerEncoderLayer(64, 2, 32, batch_first=True)).eval()
    assert count_stored(net, "conv+linear").weights == 4 * 64 * 64 + 2 * 64 * 32
