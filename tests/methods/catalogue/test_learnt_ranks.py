"""Ranks that training chooses: the errors they are chosen by, the budget they keep, and the plan they are in."""

import pytest
import torch
from torch import nn

from decompbench.methods import MethodError, Target, Tucker2, begin, load, plan, save
from decompbench.methods.catalogue.tucker2.rank_choice import RankChoice
from decompbench.methods.contract.cost import Skip
from decompbench.methods.lifecycle.counting import count_stored

from ..cases import compressed, small_net, spec_of

EXAMPLE = torch.randn(8, 3, 12, 12)
WAYS = {
    "nuclear": Tucker2(learn="nuclear", shrink=0.01, refresh=2),
    "lc": Tucker2(
        learn="lc", ranks_from="training", strength=0.5, growth=1.5, every=5, lc_max_strength=10.0, alpha=3e-3
    ),
}


def trained(method, target=None, steps=30, change=lambda session: None):
    net = small_net()
    session = begin(net, plan(net, method, EXAMPLE, target))
    wanted = net(EXAMPLE).detach()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.02, momentum=0.9)
    for _ in range(steps):
        optimizer.zero_grad()
        ((net(EXAMPLE) - wanted).square().mean() + session.penalty()).backward()
        optimizer.step()
        session.after_step()
    change(session)
    return session


def ranks(session):
    return {path: group.method.ranks for group in session.plan.groups for path in group.paths}


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("kernel", [1, 3])
def test_the_error_of_a_pair_of_ranks_is_that_of_the_layer_of_these_ranks(kernel, groups):
    torch.manual_seed(0)
    conv, x = nn.Conv2d(8, 12, kernel, bias=False).double(), torch.randn(1, 8, 5, 5).double()
    spec, method = spec_of(conv, x), Tucker2(groups=groups)
    (options,) = RankChoice(method, [spec]).layers.values()
    errors = options.errors(conv.weight)
    assert len(errors) == len(options.costs) == len(options.ranks) + 1 > 4
    assert (errors[-1].item(), options.costs[-1].item()) == (0, conv.weight.numel())
    for pair, error, cost in zip(options.ranks, errors, options.costs, strict=False):
        own = method.with_settings(ranks=pair)
        layer = compressed(conv, own, x)
        found = (layer.dense_weight() - conv.weight).square().sum()
        torch.testing.assert_close(error, found.detach(), rtol=1e-6, atol=1e-9)
        assert cost == own.layer_cost(spec).weights < conv.weight.numel()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("target", [Target(params=0.3), Target(macs=0.4)], ids=str)
def test_ranks_differ_between_layers_and_keep_the_budget(way, target):
    session = trained(WAYS[way], target)
    before = session.plan
    small = session.finish()
    assert session.plan.target == target
    assert 0.85 * before.after.count(target.count) < session.plan.after.count(target.count)
    assert session.plan.after.count(target.count) <= before.after.count(target.count)
    assert count_stored(small).weights == session.plan.after.weights
    specs = {layer.path: layer.spec for layer in session.plan.layers}
    chosen = {path: group.method.layer_ranks(specs[path]) for group in session.plan.groups for path in group.paths}
    assert chosen == ranks(session)
    planned = {path: group.method.layer_ranks(specs[path]) for group in before.groups for path in group.paths}
    assert any(planned[path] != pair for path, pair in chosen.items())


@pytest.mark.parametrize("way", WAYS)
def test_what_training_chose_is_saved_and_loaded(way, tmp_path):
    small = trained(WAYS[way]).finish().eval()
    again = load(save(small, tmp_path / "small.safetensors"), model=small_net(1))
    assert torch.equal(again(EXAMPLE), small(EXAMPLE))


def test_without_a_budget_nuclear_takes_the_energy_that_is_left():
    def lower(session):
        for module in session.model.modules():
            if isinstance(module, nn.Conv2d) and module.groups == 1:
                with torch.no_grad():  # rank 2 along both sides
                    u, s, v = torch.linalg.svd(module.weight.flatten(1), full_matrices=False)
                    rows = (u[:, :2] * s[:2]) @ v[:2]
                    module.weight.copy_(rows.reshape(module.weight.shape))

    session = trained(WAYS["nuclear"].with_settings(energy=0.999999, shrink=1e-9), steps=1, change=lower)
    session.finish()
    assert {pair[1] for pair in ranks(session).values()} == {2}


def test_a_higher_price_of_weights_leaves_fewer():
    sizes = []
    for alpha in (1e-5, 1e-3, 1e-1):
        session = trained(WAYS["lc"].with_settings(alpha=alpha))
        session.finish()
        sizes.append(session.plan.after.weights)
    assert sizes[0] > sizes[1] > sizes[2]


def test_a_layer_that_needs_all_its_ranks_stays_dense_and_the_plan_says_why():
    session = trained(WAYS["nuclear"].with_settings(energy=1.0), steps=1)
    assert session.plan.groups
    small = session.finish()
    assert not session.plan.groups
    assert session.plan.after == session.plan.before
    assert {layer.reason.partition(":")[0] for layer in session.plan.layers} >= {"not efficient"}
    assert small.decompbench_plan is session.plan


def test_layers_of_two_planned_ranks_trade_with_each_other():
    """A budget gives the layers two neighbouring ranks; they are one part all the same."""
    net = small_net()
    made = plan(net, WAYS["nuclear"], EXAMPLE, Target(params=0.3))
    assert len({group.method for group in made.groups}) == 2
    session = begin(net, made)
    (part,) = session._parts
    assert part.limit == ("params", sum(layer.after.weights for layer in made.layers if layer.group is not None))


def test_epsilon_is_met_by_what_would_be_chosen_now():
    method = WAYS["nuclear"].with_settings(energy=0.5)
    net = small_net()
    assert not begin(net, plan(net, method, EXAMPLE)).converged()
    assert not begin(net, plan(net, method.with_settings(epsilon=1e-9), EXAMPLE)).converged()
    assert begin(net, plan(net, method.with_settings(epsilon=1e9), EXAMPLE)).converged()


def test_ranks_that_are_given_or_chosen_when_planned_stay():
    for settings in ({"ranks": (2, 2)}, {"choose": "energy"}, {"ranks_from": "plan"}):
        method = WAYS["nuclear"].with_settings(**settings)
        assert not method.sizes_from_training
        session = trained(method, steps=1)
        before = session.plan
        session.finish()
        assert session.plan is before


def test_only_nuclear_and_lc_choose_ranks_in_training():
    assert Tucker2(learn="nuclear").sizes_from_training
    assert not Tucker2(learn="lc").sizes_from_training
    for learn in (None, "arp"):
        with pytest.raises(MethodError, match="ranks come from training where learn is nuclear or lc"):
            Tucker2(learn=learn, ranks_from="training")


def test_the_penalty_and_learning_compression_have_caps_of_their_own():
    session = trained(
        Tucker2(0.4, learn="lc", strength=1.0, growth=100.0, every=1, max_strength=0.1, lc_max_strength=7.0)
    )
    assert {own["strength"][0] for own in session.monitor().values()} == {7.0}


def test_a_plan_with_sizes_to_come_says_so():
    net = small_net()
    assert "training chooses the ranks" in str(plan(net, WAYS["nuclear"], EXAMPLE))
    assert "params=30% is kept" in str(plan(net, WAYS["nuclear"], EXAMPLE, Target(params=0.3)))
    assert "training chooses" not in str(plan(net, Tucker2(), EXAMPLE))
    session = trained(WAYS["nuclear"], steps=1)
    session.finish()
    assert "training chooses" not in str(session.plan)


def test_settled_layers_are_those_named():
    net = small_net()
    made = plan(net, Tucker2(0.5), EXAMPLE)
    first, second = (group.paths[0] for group in made.groups[:2])
    settled = made.settled({first: {"ranks": (1, 1)}, second: Skip("for a test")})
    found = {layer.path: layer for layer in settled.layers}
    assert settled.method_of(found[first]).ranks == (1, 1)
    assert (found[second].group, found[second].reason, found[second].after) == (
        None,
        "for a test",
        found[second].before,
    )
    for layer in made.layers:
        if layer.path not in (first, second):
            assert (layer.after, made.method_of(layer)) == (
                found[layer.path].after,
                settled.method_of(found[layer.path]),
            )
