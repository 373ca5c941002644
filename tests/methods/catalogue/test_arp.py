"""The adaptive rank penalty: its gradient, its strength, and the low rank it leads to."""

import pytest
import torch
from torch import nn

from decompbench.methods import SVD, Tucker2, begin, plan
from decompbench.methods.catalogue.learning.arp import RankPenalty
from decompbench.methods.numerics.unfolding import Unfolding

from ..cases import relative_error, small_net

# shapes whose unfoldings are wide, tall and square; the last has more filters than a filter has weights
SHAPES = [(6, 4, 3, 3), (4, 12, 1, 1), (12, 4, 1, 1), (24, 2, 3, 1)]


def penalty_of(weights, unfoldings, **settings):
    options = {"eta": 0.1, "max_strength": 1.0, "refresh": 1, "exact": 1} | settings
    return RankPenalty(weights, [unfoldings] * len(weights), **options)


def constraints(groups=1):
    """Return rank 2 of the input channels and of the output channels, for each of the groups."""
    return [Unfolding(0, 2 * groups, groups), Unfolding(1, 2 * groups, groups)]


def blocks_of(weight, unfolding):
    """Return a weight's unfolding, cut into blocks, as the paper has it: one column a position in the filter."""
    return [part.flatten(1) for part in weight.transpose(0, unfolding.mode).chunk(unfolding.groups)]


def definition(weights, unfoldings, strengths):
    """Return the penalty by its definition, and every violation: the bases by a full SVD, constant in the gradient."""
    violations = []
    for unfolding in unfoldings:
        for weight in weights:
            for block in blocks_of(weight, unfolding):
                basis = torch.linalg.svd(block.detach(), full_matrices=False)[0][:, : unfolding.block_rank]
                violations.append((block - basis @ basis.mT @ block).square().sum())
    return (strengths * torch.stack(violations)).sum() / 2, torch.stack(violations).detach()


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last], ids=str)
def test_value_and_gradient_are_those_of_the_definition(shape, groups, memory_format):
    torch.manual_seed(0)
    weights = [nn.Parameter(torch.randn(shape).double().to(memory_format=memory_format)) for _ in range(2)]
    unfoldings = [Unfolding(u.mode, min(u.rank, shape[u.mode]), u.groups) for u in constraints(groups)]
    penalty = penalty_of(weights, unfoldings)
    penalty.penalty()
    penalty.after_step()
    value = penalty.penalty()
    (3 * value).backward()
    expected, violations = definition(weights, unfoldings, penalty.strengths().double())
    torch.testing.assert_close(value, expected)
    torch.testing.assert_close(penalty.violations().double(), violations, rtol=1e-5, atol=1e-6)
    for weight, gradient in zip(weights, torch.autograd.grad(3 * expected, weights), strict=True):
        torch.testing.assert_close(weight.grad, gradient)


def test_gradient_adds_to_that_of_the_task_in_either_order():
    weight = nn.Parameter(torch.randn(6, 4, 3, 3))
    penalty = penalty_of([weight], constraints())
    for _ in range(2):
        penalty.penalty()
        penalty.after_step()
    alone = torch.autograd.grad(penalty.penalty(), weight)[0]
    for loss in (penalty.penalty() + 3 * weight.sum(), 3 * weight.sum() + penalty.penalty()):
        torch.testing.assert_close(torch.autograd.grad(loss, weight)[0], alone + 3)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_weights_get_gradients_of_their_kind(dtype):
    single = nn.Parameter(torch.randn(6, 4, 3, 3).to(dtype).float())
    half = nn.Parameter(single.detach().to(dtype))
    for weight in (single, half):
        penalty = penalty_of([weight], constraints())
        penalty.penalty()
        penalty.after_step()
        with torch.autocast("cpu", torch.bfloat16):
            penalty.penalty().backward()
    assert half.grad.dtype == dtype
    torch.testing.assert_close(half.grad, single.grad.to(dtype))


def test_strength_starts_at_zero_grows_by_violation_and_is_capped():
    weights = [nn.Parameter(torch.randn(6, 4, 3, 3))]
    penalty = penalty_of(weights, constraints(), eta=0.01, max_strength=0.5)
    assert penalty.penalty() == 0
    violation = penalty.violations()
    penalty.after_step()
    torch.testing.assert_close(penalty.strengths(), (0.01 * violation).clamp(max=0.5))
    penalty.after_step()  # no penalty was asked for in this step: nothing has been seen
    torch.testing.assert_close(penalty.strengths(), (0.01 * violation).clamp(max=0.5))
    for _ in range(100):
        penalty.penalty()
        penalty.after_step()
    assert (penalty.strengths() == 0.5).all()


def test_weights_of_low_rank_are_not_penalised():
    core = torch.randn(2, 2, 3, 3)
    weight = torch.einsum("no,oihw,ci->nchw", torch.randn(8, 2), core, torch.randn(6, 2))
    penalty = penalty_of([nn.Parameter(weight)], constraints())
    penalty.penalty()
    assert (penalty.violations() < 1e-5 * weight.square().sum()).all()


def test_tracked_subspaces_stay_close_to_exact_ones():
    torch.manual_seed(0)
    weight = nn.Parameter(torch.randn(32, 16, 3, 3))
    unfoldings = [Unfolding(0, 12), Unfolding(1, 6)]
    penalty = penalty_of([weight], unfoldings, refresh=3, exact=10_000)
    ratios = []
    for _ in range(60):
        with torch.no_grad():
            weight += 0.05 * torch.randn_like(weight)  # far more than a step of training changes
        penalty.penalty()
        exact = definition([weight], unfoldings, torch.ones(2))[1]
        ratios.append(penalty.violations() / exact)
        penalty.after_step()
    ratios = torch.stack(ratios)
    assert (ratios > 1 - 1e-5).all()  # an exact subspace leaves the least
    assert ratios[1:].max() < 1.25


def test_nothing_to_penalise_is_no_penalty():
    penalty = RankPenalty([], [], eta=0.1, max_strength=1.0, refresh=1, exact=1)
    penalty.after_step()
    assert penalty.penalty() is None
    assert penalty.violations().numel() == penalty.strengths().numel() == 0


def test_training_under_the_penalty_makes_decomposition_cheap():
    example = torch.randn(8, 3, 12, 12)
    losses = {}
    for learn in (None, "arp"):
        net = small_net()
        todo = plan(net, Tucker2(0.4, learn=learn, eta=0.1, max_strength=10.0), example)
        target = net(example).detach()
        session = begin(net, todo)
        if learn:
            optimizer = torch.optim.SGD(net.parameters(), lr=0.02, momentum=0.9)
            for _ in range(60):
                optimizer.zero_grad()
                ((net(example) - target).square().mean() + session.penalty()).backward()
                optimizer.step()
                session.after_step()
            target = net(example).detach()
        losses[learn] = relative_error(session.finish()(example), target)
    assert losses["arp"] < 0.2 * losses[None]


def test_ranks_are_the_same_with_and_without_learning():
    net, example = small_net(), torch.randn(1, 3, 12, 12)
    plans = [plan(net, Tucker2(0.4, learn=learn), example) for learn in (None, "arp")]
    assert plans[0].after == plans[1].after != plan(net, SVD(0.4), example).after


@pytest.mark.parametrize("groups", [1, 2])
def test_what_is_told_of_a_weight_is_its_own_whatever_batch_it_is_in(groups):
    shapes = [(6, 4, 3, 3), (12, 4, 1, 1), (6, 4, 3, 3), (12, 4, 1, 1), (24, 2, 3, 1)]
    weights = [nn.Parameter((number + 1) * torch.randn(shape)) for number, shape in enumerate(shapes)]
    unfoldings = [[Unfolding(0, 2 * groups, groups), Unfolding(1, groups, groups)]] * len(shapes)
    penalty = RankPenalty(weights, unfoldings, eta=0.01, max_strength=1e6, refresh=1, exact=1)
    assert penalty.monitor() == [{"strength": [0.0] * 2 * groups}] * len(shapes)
    penalty.penalty()
    penalty.after_step()
    for weight, wanted, told in zip(weights, unfoldings, penalty.monitor(), strict=True):
        expected = definition([weight], wanted, torch.ones(2 * groups))[1]
        torch.testing.assert_close(torch.tensor(told["violation"]), expected, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(torch.tensor(told["strength"]), 0.01 * expected, rtol=1e-4, atol=1e-5)
