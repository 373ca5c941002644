"""Learning towards a decomposition: each way gets there, says so, and leaves frozen layers alone."""

import itertools

import pytest
import torch
from torch import nn

from decompbench.methods import SVD, Basis, Tucker2, begin, plan
from decompbench.methods.catalogue.learning.lc import LearningCompression
from decompbench.methods.catalogue.learning.nuclear import NuclearShrinkage
from decompbench.methods.catalogue.learning.regulariser import LearnedPart, nearest_weights
from decompbench.methods.contract.method import SessionPart
from decompbench.methods.lifecycle.session import Session
from decompbench.methods.numerics.unfolding import Unfolding

from ..cases import relative_error, small_net

EXAMPLE = torch.randn(8, 3, 12, 12)
WAYS = {
    "arp": Tucker2(0.4, learn="arp", eta=0.1, max_strength=10.0),
    "arp-groups": Tucker2(0.6, learn="arp", eta=0.1, max_strength=10.0, groups=2, coefficients="identity"),
    "nuclear": Tucker2(0.4, learn="nuclear", shrink=0.01, refresh=2),
    "lc": Tucker2(0.4, learn="lc", strength=0.5, growth=1.5, every=5, max_strength=10.0),
}


def train(session, steps):
    """Train towards the outputs before training; return how often a step was taken."""
    target = session.model(EXAMPLE).detach()
    optimizer = torch.optim.SGD(session.model.parameters(), lr=0.02, momentum=0.9)
    for done in range(1, steps + 1):
        optimizer.zero_grad()
        ((session.model(EXAMPLE) - target).square().mean() + session.penalty()).backward()
        optimizer.step()
        session.after_step()
        if session.converged():
            return done
    return steps


@pytest.mark.parametrize("way", WAYS)
def test_training_makes_the_decomposition_nearly_free(way):
    net = small_net()
    method = WAYS[way].with_settings(epsilon=0.0)
    cheap = begin(small_net(), plan(net, method.with_settings(learn=None), EXAMPLE)).finish()
    direct = relative_error(cheap(EXAMPLE), small_net()(EXAMPLE))
    session = begin(net, plan(net, method, EXAMPLE))
    assert train(session, 100) == 100
    before = net(EXAMPLE).detach()
    assert relative_error(session.finish()(EXAMPLE), before) < 0.05 * direct


@pytest.mark.parametrize("way", WAYS)
def test_training_ends_when_every_violation_is_below_epsilon(way):
    method = WAYS[way]
    loose, tight = (method.with_settings(epsilon=epsilon) for epsilon in (1.0, 0.05))
    steps = []
    for chosen in (loose, tight):
        net = small_net()
        session = begin(net, plan(net, chosen, EXAMPLE))
        assert not session.converged()
        steps.append(train(session, 300))
        assert session.converged()
        weights = {path: module.weight.clone() for path, module in net.named_modules() if type(module) is nn.Conv2d}
        small = session.finish()
        for layer in session.plan.layers:
            if layer.group is not None:
                error = small.get_submodule(layer.path).dense_weight() - weights[layer.path]
                # both sides of a weight are within epsilon, one step ago
                assert error.square().sum() < 3 * chosen.epsilon
    assert 1 < steps[0] < steps[1] < 300


@pytest.mark.parametrize("way", WAYS)
def test_frozen_layers_are_left_alone_and_do_not_hold_convergence_up(way):
    net = small_net()
    net.stage2.requires_grad_(False)
    frozen = net.stage2[0][0].weight.clone()
    session = begin(net, plan(net, WAYS[way].with_settings(epsilon=1e6, refresh=1), EXAMPLE))
    assert train(session, 10) == 1
    assert torch.equal(net.stage2[0][0].weight, frozen)
    net.requires_grad_(False)
    session = begin(small_net().requires_grad_(False), session.plan)
    assert session.penalty() == 0
    session.after_step()
    assert not session.converged()
    session.finish()(EXAMPLE)


def test_a_session_has_converged_when_all_its_parts_have():
    class Done(SessionPart):
        def converged(self):
            return True

    net = small_net()
    todo = plan(net, SVD(0.3), EXAMPLE)
    assert not Session(net, todo, [], {}).converged()
    assert not Session(net, todo, [Done(), SessionPart()], {}).converged()
    assert Session(net, todo, [Done(), Done()], {}).converged()


def test_shrinkage_takes_the_threshold_off_every_singular_value():
    weight = nn.Parameter(torch.randn(6, 4, 3, 3))
    before = torch.linalg.svdvals(weight.detach().flatten(1))
    shrinkage = NuclearShrinkage([weight], [[Unfolding(0, 2)]], shrink=0.5, refresh=3)
    for _ in range(2):
        shrinkage.after_step()
    torch.testing.assert_close(torch.linalg.svdvals(weight.detach().flatten(1)), before)
    assert shrinkage.violations().numel() == 0
    shrinkage.after_step()
    after = torch.linalg.svdvals(weight.detach().flatten(1))
    torch.testing.assert_close(after, (before - 1.5).clamp(min=0), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(shrinkage.violations(), after[2:].square().sum()[None], rtol=1e-4, atol=1e-4)


def test_shrinkage_by_more_than_there_is_leaves_nothing():
    weight = nn.Parameter(torch.randn(6, 4, 1, 1))
    shrinkage = NuclearShrinkage([weight], [[Unfolding(0, 2, 2), Unfolding(1, 2)]], shrink=100.0, refresh=1)
    shrinkage.after_step()
    assert not weight.any()


def test_strength_of_learning_compression_follows_its_schedule_whatever_the_violation():
    weight = nn.Parameter(torch.ones(3))
    targets = itertools.count(start=0.0, step=1.0)
    rival = LearningCompression(
        [weight], lambda: [torch.full((3,), next(targets))], strength=0.1, growth=2.0, max_strength=0.3, every=2
    )
    values = []
    for _ in range(6):
        values.append(rival.penalty().item())
        rival.after_step()
    # distances to targets of 0, 1 and 2, half the strength each
    assert values == pytest.approx([0.15, 0.15, 0.0, 0.0, 0.45, 0.45])
    rival.penalty().backward()


def test_any_weight_space_method_can_be_learnt_towards():
    """The hooks know nothing of Tucker-2: a basis shared by a stage is learnt the same way."""
    net = small_net()
    todo = plan(net, Basis(0.3, sharing="group"), EXAMPLE)
    specs = {layer.path: layer.spec for layer in todo.layers}
    groups = [[specs[path] for path in group.paths] for group in todo.groups]
    convs = {spec.path: net.get_submodule(spec.path) for group in groups for spec in group}
    method, generator = todo.groups[0].method, torch.Generator().manual_seed(0)
    rival = LearningCompression(
        [conv.weight for conv in convs.values()],
        lambda: [nearest_weights(method, convs, groups, generator)[path] for path in convs],
        strength=5.0, growth=1.2, max_strength=20.0, every=10,
    )  # fmt: skip
    session = Session(net, todo, [LearnedPart(method, convs, groups, generator, rival, 1e-3)], convs)
    assert 1 < train(session, 600) < 600
    before = net(EXAMPLE).detach()
    assert relative_error(session.finish()(EXAMPLE), before) < 0.05


def test_shrinkage_is_exact_for_small_singular_values_beside_large_ones():
    left, right = (torch.linalg.qr(torch.randn(size, 64, dtype=torch.double)).Q for size in (64, 576))
    values = torch.cat((torch.tensor([10.0, 8, 6, 4]), torch.full((60,), 2e-3))).double()
    weight = nn.Parameter((left * values @ right.mT).reshape(64, 64, 3, 3).float())
    before = torch.linalg.svdvals(weight.detach().double().flatten(1))
    shrinkage = NuclearShrinkage([weight], [[Unfolding(0, 4)]], shrink=1e-4, refresh=5)
    for _ in range(5):
        shrinkage.after_step()
    taken = before - torch.linalg.svdvals(weight.detach().double().flatten(1))
    torch.testing.assert_close(taken, torch.full_like(taken, 5e-4), atol=2e-6, rtol=0)


PENALTIES = {"joint": Basis(0.3, gamma=1.0), "lc": WAYS["lc"], "arp": WAYS["arp"]}


@pytest.mark.parametrize("method", PENALTIES.values(), ids=PENALTIES)
def test_a_penalty_is_the_same_under_autocast(method):
    session = begin(small_net(), plan(small_net(), method, EXAMPLE))
    for _ in range(3):  # the adaptive rank penalty starts at zero and grows with the violation
        plain = session.penalty()
        session.after_step()
    plain = session.penalty()
    with torch.autocast("cpu", torch.bfloat16):
        mixed = session.penalty()
    assert plain > 0
    torch.testing.assert_close(mixed, plain, rtol=1e-6, atol=0)


def test_a_model_may_be_moved_after_the_session_has_begun():
    session = begin(small_net(), plan(small_net(), PENALTIES["joint"], EXAMPLE))
    session.model.to("meta")  # the one other device there always is
    assert session.penalty().device.type == "meta"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("method", PENALTIES.values(), ids=PENALTIES)
def test_a_model_may_be_moved_to_a_gpu_after_the_session_has_begun(method):
    session = begin(small_net(), plan(small_net(), method, EXAMPLE))
    session.penalty()
    session.after_step()
    session.model.to("cuda")
    session.after_step()
    assert session.penalty().device.type == "cuda"
