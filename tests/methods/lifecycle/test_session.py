"""Sessions: what is carried over to the new layers, and what training loops see."""

import pytest
import torch
from torch import nn

from decompbench.methods import (
    SVD,
    Basis,
    MethodError,
    Select,
    Target,
    Tucker2,
    begin,
    compress,
    deploy,
    get_method,
    list_methods,
    plan,
)

from ..cases import SmallNet, small_net

EXAMPLE = torch.randn(4, 3, 12, 12)


@pytest.mark.parametrize(
    ("name", "settings"),
    [*((name, {}) for name in list_methods()), *(("tucker2", {"learn": learn}) for learn in ("arp", "nuclear", "lc"))],
)
def test_any_training_loop_trains_it(name, settings):
    net = small_net().train()
    todo = plan(net, get_method(name, **settings), EXAMPLE)
    session = begin(net, todo)
    optimizer = torch.optim.SGD(session.model.parameters(), lr=0.01)
    paths = [path for group in todo.groups for path in group.paths]
    assert paths or name == "dense"
    trained = {
        f"{path}.{key}": parameter
        for path in paths
        for key, parameter in session.model.get_submodule(path).named_parameters()
    }
    before = {key: parameter.clone() for key, parameter in trained.items()}
    for _ in range(2):
        loss = session.model(EXAMPLE).square().mean() + session.penalty()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        session.after_step()
    assert all(parameter.grad is not None for parameter in session.model.parameters())
    assert [key for key, parameter in trained.items() if torch.equal(parameter, before[key])] == []
    small = session.finish()
    assert small(EXAMPLE).isfinite().all()
    assert session.finish() is small


@pytest.mark.parametrize("name", list_methods())
def test_same_seed_same_result(name):
    states = []
    for _ in range(2):
        net = small_net()
        states.append(compress(net, get_method(name), EXAMPLE, seed=3).state_dict())
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])


def test_random_numbers_come_from_the_seed_alone():
    torch.manual_seed(0)
    first = compress(small_net(), get_method("factor"), EXAMPLE, seed=1)
    torch.manual_seed(99)
    torch.rand(7)
    second = compress(small_net(), get_method("factor"), EXAMPLE, seed=1)
    other = compress(small_net(), get_method("factor"), EXAMPLE, seed=2)
    weights = [net.stage1[0][0].blocks[0].pointwise.weight for net in (first, second, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


@pytest.mark.parametrize("name", [name for name in list_methods() if name != "dense"])
def test_new_layers_carry_what_the_old_ones_had(name):
    net = small_net().to(torch.float64).to(memory_format=torch.channels_last)
    net.train()
    net.stage1.eval()
    net.stage2.requires_grad_(False)
    small = compress(net, get_method(name), EXAMPLE.double())
    # kmeans: scales are 16-bit in the end
    dtypes = {p.dtype for key, p in small.named_parameters() if not key.endswith("scale")}
    assert dtypes == {torch.float64}
    assert not any(m.training for m in small.stage1.modules())
    assert all(m.training for m in small.stage2.modules())
    trained = {id(p) for p in small.stage1.parameters()}
    # what a frozen layer shares with one that trains goes on training
    assert not any(p.requires_grad for p in small.stage2.parameters() if id(p) not in trained)
    assert all(p.requires_grad for p in small.stage1.parameters())
    small(EXAMPLE.double())


@pytest.mark.parametrize("name", [name for name in list_methods() if name != "dense"])
def test_train_eval_train_changes_nothing(name):
    net = compress(small_net(), get_method(name), EXAMPLE)
    before = {key: value.clone() for key, value in net.state_dict().items()}
    net.train().eval().train()
    assert all(torch.equal(before[key], value) for key, value in net.state_dict().items())


def test_a_plan_for_another_model_is_refused():
    todo = plan(small_net(), SVD(0.3), EXAMPLE)
    with pytest.raises(ValueError, match="made for another model"):
        begin(SmallNet(channels=16), todo)
    with pytest.raises(ValueError, match="does not have"):
        begin(nn.Sequential(), todo)


def test_a_model_cannot_be_compressed_twice():
    net = small_net()
    todo = plan(net, SVD(0.3), EXAMPLE)
    begin(net, todo)
    with pytest.raises(ValueError, match="compressed already"):
        begin(net, todo)


@pytest.mark.parametrize("name", [name for name in list_methods() if name != "dense"])
def test_a_compressed_model_is_not_compressed_again(name):
    net = compress(small_net(), get_method(name), EXAMPLE)
    with pytest.raises(MethodError, match=r"compressed already, 'st\S+' is a \w+: start from the dense model"):
        compress(net, SVD(0.3), EXAMPLE)
    with pytest.raises(MethodError, match="compressed already"):
        plan(net, SVD(0.3), EXAMPLE, Target(params=0.3), select=Select(include=("stage2*",)))


def test_a_deployed_model_is_not_compressed():
    fast = deploy(compress(small_net(), SVD(0.3), EXAMPLE), EXAMPLE)
    with pytest.raises(MethodError, match="is deployed"):
        compress(fast, SVD(0.3), EXAMPLE)
    assert plan(deploy(small_net(), EXAMPLE), SVD(0.3), EXAMPLE).groups  # a dense one is


def test_chosen_layers_of_a_compressed_model_are_a_next_stage():
    net = compress(small_net(), SVD(0.3), EXAMPLE, select=Select(include=("stage1*",)))
    first = net.stage1[0][0]
    todo = plan(net, SVD(0.3), EXAMPLE, select=Select(exclude=("stem",)))
    assert {layer.reason for layer in todo.layers if "stage1" in layer.path} == {"part of a compressed layer"}
    begin(net, todo).finish()(EXAMPLE)
    assert net.stage1[0][0] is first
    assert type(net.stage2[0][0]).__name__ == "FactoredConv2d"


def test_methods_without_a_penalty_add_nothing():
    net = small_net()
    assert begin(net, plan(net, SVD(0.3), EXAMPLE)).penalty() == 0


def test_learning_methods_leave_the_model_dense_until_the_end():
    net = small_net()
    session = begin(net, plan(net, Tucker2(0.3, learn="arp"), EXAMPLE))
    assert session.decomposes_at == "finish"
    assert type(net.stage1[0][0]) is nn.Conv2d
    session.penalty()
    session.finish()
    assert type(net.stage1[0][0]).__name__ == "Tucker2Conv2d"
    net = small_net()
    assert begin(net, plan(net, Tucker2(0.3), EXAMPLE)).decomposes_at == "begin"


def test_joint_objective_pulls_towards_the_trained_weights():
    net = small_net()
    original = net.stage1[0][0].weight.detach().clone()
    session = begin(net, plan(net, Basis(0.3, gamma=2.0), EXAMPLE))
    layers = [m for m in net.modules() if hasattr(m, "basis")]
    assert len(layers) > 1
    first = net.stage1[0][0].dense_weight()
    assert float(session.penalty()) > 2.0 * float((original - first).square().sum()) > 0
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
    optimum = float(session.penalty())
    with torch.no_grad():
        net.stage1[0][0].basis.weight.mul_(1.5)
    disturbed = float(session.penalty())
    for _ in range(50):
        optimizer.zero_grad()
        session.penalty().backward()
        optimizer.step()
    assert optimum < float(session.penalty()) < optimum + 0.3 * (disturbed - optimum)


def test_kmeans_scales_end_in_the_16_bits_they_are_counted_as():
    net = small_net()
    session = begin(net, plan(net, get_method("kmeans", clusters=20), EXAMPLE))
    assert net.stem.scale.dtype == torch.float32
    session.finish()
    assert net.stem.scale.dtype == torch.float16


@pytest.mark.parametrize("name", list_methods())
def test_layers_before_an_in_place_activation_train(name):
    net = nn.Sequential(nn.Conv2d(3, 16, 3), nn.Conv2d(16, 32, 3), nn.ReLU(inplace=True), nn.Conv2d(32, 4, 3))
    session = begin(net, plan(net, get_method(name), EXAMPLE))
    (session.model(EXAMPLE).sum() + session.penalty()).backward()
