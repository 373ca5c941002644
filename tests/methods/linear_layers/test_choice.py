"""The choice of linear layers: what no plan can touch has a reason, and what is left alone can be asked for."""

import copy

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from decompbench.methods import (
    SVD,
    KMeans,
    MethodError,
    Select,
    Target,
    UnreachableTarget,
    begin,
    compress,
    linear_weights,
    plan,
    trace,
)

LINEAR = {"layers": "conv+linear"}
ALL = {**LINEAR, "select": Select(skip_classifier=False), "inefficient": "replace"}
TOKENS = torch.randn(2, 5, 16)


class Scaled(nn.Linear):
    def forward(self, input):
        return 2 * super().forward(input)


class Tied(nn.Module):
    """A classifier that has the embedding's weight, as language models have."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(20, 16)
        self.inner, self.head = nn.Linear(16, 16), nn.Linear(16, 20, bias=False)
        self.head.weight = self.embedding.weight

    def forward(self, x):
        return self.head(self.inner(x))


def reasons(net, x=TOKENS, method=None, **options):
    made = plan(net, method or SVD(0.25), x, **{**ALL, **options})
    return {layer.path: layer.reason for layer in made.layers}


def test_nothing_changes_without_being_asked():
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(2), nn.Linear(100, 16), nn.Linear(16, 4))
    x = torch.randn(1, 3, 12, 12)
    assert [layer.path for layer in plan(net, SVD(), x).layers] == ["0"]
    assert trace(net, x).specs == tuple(spec for spec in trace(net, x, "conv+linear").specs if not spec.is_linear)
    assert trace(net, x).macs == trace(net, x, "conv+linear").macs


def test_subclasses_tied_and_computed_weights_are_left_alone():
    net = nn.Sequential(Scaled(16, 16), parametrizations.weight_norm(nn.Linear(16, 16)), nn.Linear(16, 16))
    found = reasons(net)
    assert "test_choice.Scaled may compute more" in found["0"]
    assert found["1"]
    assert found["2"] is None
    assert reasons(Tied()) == {"inner": None, "head": "its weight is embedding.weight, too"}


def test_weights_that_are_not_plain_floating_point_are_left_alone():
    class Quantised(torch.Tensor):
        pass

    net = nn.Sequential(nn.Linear(16, 16), nn.Linear(16, 16))
    net[0].weight = nn.Parameter(net[0].weight.detach().as_subclass(Quantised))
    assert "Quantised and not a plain tensor" in reasons(net)["0"]
    half = nn.Sequential(nn.Linear(16, 16, dtype=torch.complex64))
    assert "complex64 and not floating-point" in reasons(half, TOKENS.to(torch.complex64))["0"]


def test_attention_that_reads_its_projections_is_left_alone_and_counted():
    layer = nn.TransformerEncoderLayer(16, 2, 64, batch_first=True)
    net = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False).eval()
    found = reasons(net)
    assert "bare parameter of torch.nn.MultiheadAttention" in found["layers.0.self_attn.in_proj_weight"]
    assert "reads its weight" in found["layers.0.self_attn.out_proj"]
    for name in ("linear1", "linear2"):
        assert "fast path" in found[f"layers.0.{name}"]
    made = plan(net, SVD(0.25), TOKENS, **ALL)
    assert made.before.weights == linear_weights(net) == 4 * 16 * 16 + 2 * 16 * 64
    small = begin(copy.deepcopy(net), made).finish().eval()
    with torch.no_grad():
        assert small(TOKENS).equal(net(TOKENS))


def test_the_decoders_linear_layers_are_compressed_in_either_mode():
    net = nn.TransformerDecoderLayer(16, 2, 64, batch_first=True).eval()
    example = (TOKENS, torch.randn(2, 3, 16))
    full = compress(copy.deepcopy(net), SVD(1.0), example, **ALL)
    assert not isinstance(full.linear1, nn.Linear)
    assert torch.allclose(full(*example), net(*example), atol=1e-5)


def test_the_classifier_is_left_alone_unless_asked_for():
    net = nn.Sequential(nn.Linear(16, 16), nn.Linear(16, 16), nn.Linear(16, 9))
    assert reasons(net, select=None)["2"].startswith("classifier")
    assert [bool(reason) for reason in reasons(net, select=None).values()] == [False, False, True]
    assert reasons(net)["2"] is None
    assert reasons(net, select=None, overrides={"2": {}})["2"] is None
    convolutional = nn.Sequential(nn.Linear(16, 16), nn.Unflatten(2, (16, 1)), nn.Conv2d(5, 4, 1))
    assert reasons(convolutional, select=None)["0"] is None


def test_two_heads_are_both_the_classifier():
    class Heads(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.one, self.two = nn.Linear(16, 16), nn.Linear(16, 9), nn.Linear(16, 9)

        def forward(self, x):
            x = self.body(x)
            return self.one(x) + self.two(x)

    assert [bool(reason) for reason in reasons(Heads(), select=None).values()] == [False, True, True]


def test_the_first_convolution_is_first_among_convolutions():
    net = nn.Sequential(nn.Linear(16, 16), nn.Unflatten(2, (4, 4)), nn.Conv2d(5, 8, 3), nn.Conv2d(8, 8, 1))
    found = reasons(net, select=None)
    assert found["0"] is None
    assert found["2"] == "first convolution: left alone by skip_first=1"
    assert found["3"] is None
    assert reasons(net, select=Select(skip_last=1))["3"] == "last convolution: left alone by skip_last=1"


@pytest.mark.parametrize(("name", "parts"), [("qkv", 3), ("to_qkv", 3), ("kv", 2), ("query_key_value", 3), ("Wqkv", 3)])
def test_fused_projections_are_left_alone_unless_split(name, parts):
    net = nn.Module()
    setattr(net, name, nn.Linear(16, 48))
    net.out = nn.Linear(48, 16)
    net.forward = lambda x: net.out(getattr(net, name)(x))
    assert f"split *.{name} in {parts}" in reasons(net)[name]
    assert reasons(net, split={name: 1})[name] is None
    assert [path for path in reasons(net, split={name: 3}) if name in path] == [f"{name}.{part}" for part in range(3)]


def test_what_merely_sounds_like_it_is_no_fused_projection():
    net = nn.Sequential()
    for name in ("qkv_norm", "kvark", "proj", "in_proj"):
        net.add_module(name, nn.Linear(16, 16))
    assert set(reasons(net).values()) == {None}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layers": "linear"}, "layers is conv or conv.linear, got 'linear'"),
        ({"layers": "conv", "split": {"*": 3}}, "set layers='conv.linear'"),
        ({"split": {"nothing": 3}}, "'nothing' matches no linear layer; their paths are 0, 1"),
        ({"split": {"0": 5}}, "5 parts do not divide the 16 outputs of 0"),
        ({"split": {"0": 0}}, "a whole number of parts from 1, got 0"),
        ({"split": {"0": "3"}}, "a whole number of parts from 1, got '3'"),
    ],
)
def test_wrong_arguments_are_named(options, message):
    net = nn.Sequential(nn.Linear(16, 16), nn.Linear(16, 4))
    with pytest.raises(MethodError, match=message):
        plan(net, SVD(), TOKENS, **{**LINEAR, **options})


def test_a_trace_of_other_layers_is_refused():
    net = nn.Sequential(nn.Linear(16, 16))
    with pytest.raises(MethodError, match="the trace is one of layers='conv'"):
        plan(net, SVD(), TOKENS, layers="conv+linear", traced=trace(net, TOKENS))


def test_a_method_that_takes_no_linear_layers_says_so():
    net = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.Flatten(2), nn.Linear(144, 16))
    found = reasons(net, torch.randn(1, 3, 12, 12), KMeans(4))
    assert found == {"0": None, "2": "kmeans does not express a Linear"}


def test_a_budget_counts_convolutions_and_linear_layers():
    net = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.Flatten(2), nn.Linear(144, 64), nn.Linear(64, 9))
    made = plan(net, SVD(), torch.randn(1, 3, 12, 12), Target(params=0.4), layers="conv+linear")
    assert made.before.weights == 3 * 16 * 9 + 144 * 64 + 64 * 9
    assert 0.35 < made.ratio() <= 0.4
    assert made.linear_weights[0] == 144 * 64 + 64 * 9
    assert made.after.weights - made.linear_weights[1] == 3 * 16 * 9
    assert "conv and linear weights" in str(made)


def test_a_plan_says_where_convolutions_are_a_small_part():
    net = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.Flatten(2), nn.Linear(144, 64))
    x = torch.randn(1, 3, 12, 12)
    assert "convolutions hold 4.4 % of the 9,728 parameters; layers: conv+linear takes" in str(plan(net, SVD(), x))
    assert plan(net, SVD(), x, layers="conv+linear").small_part is None
    assert plan(nn.Sequential(nn.Conv2d(3, 16, 3)), SVD(), x).small_part is None


def test_a_budget_out_of_reach_names_what_is_left_alone():
    net = nn.Sequential(nn.Conv2d(3, 24, 3, padding=1), nn.Conv2d(24, 24, 3, padding=1), nn.ConvTranspose2d(24, 24, 3))
    with pytest.raises(UnreachableTarget) as caught:
        plan(net, SVD(), torch.randn(1, 3, 12, 12), Target(params=0.3))
    assert "layers left alone hold 52.94 %: 2 47.06 % (svd does not express a ConvTranspose2d), 0 5.88 %" in str(
        caught.value
    )
    nearest = plan(net, SVD(), torch.randn(1, 3, 12, 12), Target(params=0.3), unreachable="nearest")
    assert "2 47.06 %" in (nearest.note or "")


def test_a_target_above_reach_names_nothing():
    net = nn.Sequential(nn.Conv2d(3, 24, 3, padding=1), nn.Conv2d(24, 24, 3, padding=1))
    made = plan(net, SVD(), torch.randn(1, 3, 12, 12), Target(params=1.0), unreachable="nearest")
    assert "left alone" not in (made.note or "")
