"""Layers in the place of linear ones: they compute, count, save, deploy and train as compressed convolutions do."""

import copy
import itertools

import pytest
import timm
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from decompbench.methods import (
    CP,
    SVD,
    TT,
    Basis,
    CompressedLinear,
    FSNet,
    Select,
    SpatialSVD,
    Target,
    Tucker2,
    begin,
    compress,
    count_stored,
    deploy,
    load,
    plan,
    save,
)
from decompbench.methods.linear_layers.pointwise import PointwiseConv2d, as_convolution
from decompbench.methods.linear_layers.split import SplitLinear

ALL = {"layers": "conv+linear", "select": Select(skip_classifier=False), "inefficient": "replace"}
EXACT = (SVD(1.0), SpatialSVD(1.0), CP(1.0), TT(1.0), Basis(1.0), Basis(1.0, split=8), Tucker2(1.0).at_full())
SMALLER = (
    SVD(0.3),
    SpatialSVD(0.3),
    CP(0.3),
    TT(0.3),
    Basis(0.3),
    Basis(0.3, split=8),
    Basis(0.3, sharing="network", sliced=True),
    Tucker2(0.3),
    Tucker2(0.3, groups_pointwise=4),
    Tucker2(0.3, coefficients="identity"),
    Tucker2(0.3, groups_pointwise=4, coefficients="identity"),
    FSNet(),
    FSNet(weight_bits=8),
)


class Tokens(nn.Module):
    """Linear layers on inputs of two to four dimensions: one without bias, one called twice, a fused projection."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 24, 4, 4)
        self.expand, self.reduce = nn.Linear(24, 96), nn.Linear(96, 24, bias=False)
        self.qkv = nn.Linear(24, 72)
        self.mix = nn.Linear(24, 40)
        self.head = nn.Linear(40, 10)

    def forward(self, x):
        x = self.stem(x).permute(0, 2, 3, 1)
        x = (x + self.reduce(self.expand(x).relu())).flatten(1, 2)
        q, k, v = self.qkv(x).chunk(3, -1)
        x = x + torch.softmax(q @ k.mT, -1) @ v
        x = x + self.reduce(input=self.expand(x).relu())
        return self.head(self.mix(x.mean(1)).relu())


@pytest.fixture
def net():
    torch.manual_seed(0)
    return Tokens().eval()


@pytest.fixture
def x():
    return torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(1))


def away(a, b):
    return float(((a - b).norm() / b.norm()).detach())


@pytest.mark.parametrize("split", [{"qkv": 1}, {"*qkv": 3}], ids=str)
@pytest.mark.parametrize("method", EXACT, ids=str)
def test_at_full_rank_the_network_is_the_same(net, x, method, split):
    small = compress(copy.deepcopy(net), method, x, split=split, **ALL)
    assert away(small(x), net(x)) < 1e-5
    assert sum(isinstance(layer, CompressedLinear) for layer in small.modules()) == 4 + sum(split.values())


@pytest.mark.parametrize("split", [{"qkv": 1}, {"*qkv": 3}], ids=str)
@pytest.mark.parametrize("method", SMALLER, ids=str)
def test_counts_files_and_forms_are_those_of_the_plan(net, x, method, split, tmp_path):
    todo = plan(net, method, x, split=split, **ALL)
    small = begin(copy.deepcopy(net), todo).finish().eval()
    stored = count_stored(small, "conv+linear")
    assert (stored.weights, stored.bits) == (todo.after.weights, todo.after.bits)
    assert load(save(small, tmp_path / "small.safetensors"), model=Tokens())(x).equal(small(x))
    for forms in ("compact", "fastest"):
        deployed = deploy(small, x, forms=forms)
        assert away(deployed(x), small(x)) < 1e-5
        if forms == "compact":
            with FlopCounterMode(display=False) as counter:
                deployed(x)
            assert counter.get_total_flops() / 2 / len(x) == todo.macs_after


def test_what_a_factorisation_is_deployed_as_is_plain_torch(net, x):
    small = compress(net, SVD(0.3), x, **ALL)
    deployed = deploy(small, x, forms="compact")
    assert [type(layer) for layer in deployed.expand.children()] == [nn.Linear, nn.Linear]
    assert type(small.expand.dense()) is nn.Linear


def test_only_convolutions_are_counted_without_being_asked(net, x):
    before = count_stored(net).weights
    small = compress(net, SVD(0.3), x, **ALL, overrides={"stem": None})
    assert count_stored(small).weights == before == net.stem.weight.numel()


def test_a_layer_has_the_attributes_of_the_linear_one(net, x):
    dense = copy.deepcopy(net.expand)
    layer = compress(net, SVD(1.0), x, **ALL).expand
    assert (layer.in_features, layer.out_features) == (24, 96)
    assert away(layer.weight, dense.weight) < 1e-5
    assert layer.bias.equal(dense.bias)
    assert not hasattr(layer, "kernel_size")
    assert net.reduce.bias is None


def test_frozen_layers_stay_frozen_and_the_mode_is_kept(net, x):
    net.expand.requires_grad_(False)
    net.train()
    small = compress(net, SVD(0.5), x, **ALL)
    assert {parameter.requires_grad for parameter in small.expand.parameters()} == {False}
    assert {parameter.requires_grad for parameter in small.reduce.parameters()} == {True}
    assert all(module.training for module in small.modules())


@pytest.mark.parametrize("learn", ["arp", "nuclear", "lc"])
def test_learnt_methods_train_the_dense_layers_and_decompose_them_at_the_end(net, x, learn):
    method = Tucker2(0.3, learn=learn, eta=10.0, strength=1.0, shrink=0.1, ranks_from="plan")
    session = begin(net.train(), plan(net, method, x, split={"qkv": 3}, **ALL))
    paths = [path for group in session.plan.groups for path in group.paths if path != "stem"]
    before = {path: session.model.get_submodule(path).weight.detach().clone() for path in paths}
    optimizer = torch.optim.SGD(session.model.parameters(), lr=0.05)
    for parameter in session.model.parameters():  # as when the model moves to another device
        parameter.data = parameter.data.clone()
    for _ in range(6):
        (session.model(x).square().mean() + session.penalty()).backward()
        optimizer.step()
        optimizer.zero_grad()
        session.after_step()
    moved = {path: session.model.get_submodule(path).weight.detach() for path in paths}
    assert not any(moved[path].equal(before[path]) for path in paths)
    tail = {path: torch.linalg.svdvals(w)[len(w) // 2 :].square().sum() for path, w in moved.items()}
    was = {path: torch.linalg.svdvals(w)[len(w) // 2 :].square().sum() for path, w in before.items()}
    assert sum(tail.values()) < sum(was.values())
    small = session.finish()
    assert all(isinstance(small.get_submodule(path), CompressedLinear) for path in paths)


@pytest.mark.parametrize("refit", ["ridge", "whitened"])
def test_layers_are_refitted_to_the_activations_of_tokens(refit):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 5)).eval()
    batch = torch.randn(64, 10, 32) @ torch.randn(32, 32)
    plain, refitted = (
        compress(copy.deepcopy(net), SVD(0.3, refit=how), batch[:1], layers="conv+linear", calibration=[batch])
        for how in ("none", refit)
    )
    assert away(refitted(batch), net(batch)) < 0.9 * away(plain(batch), net(batch))


def test_autocast_and_half_precision(net, x):
    small = compress(net, Tucker2(0.5, groups_pointwise=4), x, **ALL)
    with torch.autocast("cpu", torch.bfloat16):
        small(x).float().sum().backward()
    assert all(p.grad is None or p.grad.dtype == p.dtype for p in small.parameters())
    assert small.bfloat16()(x.bfloat16()).dtype == torch.bfloat16


def test_a_split_layer_is_one_linear_layer_in_its_dense_form(net, x):
    split = compress(copy.deepcopy(net), SVD(1.0), x, split={"qkv": 3}, **ALL).qkv
    assert isinstance(split, SplitLinear)
    assert away(split.weight, net.qkv.weight) < 1e-5
    assert type(split.forms()["dense"]) is nn.Linear
    tokens = torch.randn(2, 7, 24)
    for form in split.forms().values():
        assert away(form(tokens), split(tokens)) < 1e-5


def test_parts_that_stay_dense_do_not_split_a_layer(net, x):
    todo = plan(net, SVD(1.0), x, layers="conv+linear", split={"qkv": 3})  # at this rank nothing gets smaller
    assert not todo.groups
    assert [layer.path for layer in todo.layers if "qkv" in layer.path] == ["qkv.0", "qkv.1", "qkv.2"]
    assert isinstance(begin(net, todo).finish().qkv, nn.Linear)


def test_an_error_leaves_the_model_unsplit(net, x):
    todo = plan(net, SVD(0.3, refit="ridge"), x, split={"qkv": 3}, **ALL)
    with pytest.raises(ValueError, match="calibration"):
        begin(net, todo)
    assert isinstance(net.qkv, nn.Linear)
    other = Tokens()
    other.qkv = nn.Linear(24, 71)
    with pytest.raises(ValueError, match="qkv"):
        begin(other, todo)


def test_stages_go_on_from_one_another(net, x, tmp_path):
    first = compress(copy.deepcopy(net), SVD(0.3), x, layers="conv+linear", select=Select(include=("expand",)))
    two = compress(first, SVD(0.5), x, layers="conv+linear", split={"qkv": 3}, select=Select(include=("qkv*", "mix")),
                   inefficient="replace")  # fmt: skip
    assert isinstance(two.expand, CompressedLinear)
    assert isinstance(two.qkv, SplitLinear)
    assert load(save(two, tmp_path / "two.safetensors"), model=Tokens())(x).equal(two(x))


@pytest.mark.parametrize("groups", [1, 4])
@pytest.mark.parametrize("bias", [True, False])
def test_a_product_is_the_convolution(groups, bias):
    conv = nn.Conv2d(8, 12, 1, groups=groups, bias=bias)
    maps = torch.randn(2, 8, 3, 5)
    product = PointwiseConv2d.like(conv)
    assert product.weight is conv.weight
    assert away(product(maps), conv(maps)) < 1e-6


def test_a_linear_layer_as_a_convolution_lies_in_its_memory():
    linear = nn.Linear(8, 12)
    tokens = torch.randn(5, 8)
    conv = as_convolution(linear)
    assert conv.weight.data_ptr() == linear.weight.data_ptr()
    assert away(conv(tokens[:, :, None, None]).flatten(1), linear(tokens)) < 1e-6


@pytest.mark.parametrize(("name", "size"), [("vit_tiny_patch16_224", 224), ("convnext_atto", 64)])
def test_networks_of_timm_meet_a_budget_from_below(name, size, tmp_path):
    torch.manual_seed(0)
    net, x = timm.create_model(name).eval(), torch.randn(1, 3, size, size)
    todo = plan(net, SVD(), x, Target(params=0.4), layers="conv+linear", split={"*.qkv": 3} if "vit" in name else {})
    assert 0.399 < todo.ratio() <= 0.4
    small = begin(copy.deepcopy(net), todo).finish().eval()
    assert count_stored(small, "conv+linear").weights == todo.after.weights
    assert load(save(small, tmp_path / "small.safetensors"), model=timm.create_model(name))(x).equal(small(x))
    assert away(deploy(small, x)(x), small(x)) < 1e-5


def test_shapes_of_a_linear_layers_input():
    net = nn.Sequential(nn.Linear(8, 12))
    small = compress(copy.deepcopy(net), SVD(0.5), torch.zeros(2, 8), **ALL)
    for shape in itertools.chain([(8,), (0, 8)], [(*(2,) * n, 8) for n in range(1, 5)]):
        assert small(torch.randn(shape)).shape == net(torch.randn(shape)).shape
