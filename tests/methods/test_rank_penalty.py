"""The adaptive rank penalty: its gradient, its strength, and what it is for."""

import torch
from torch import nn

from decompbench.methods import SVD, Tucker2, begin, plan
from decompbench.methods.rank_penalty import RankPenalty

from .cases import relative_error, small_net


def penalty_of(weights, rank, **settings):
    options = {"eta": 0.1, "max_strength": 1.0, "refresh": 1} | settings
    return RankPenalty(weights, [rank] * len(weights), **options)


def projected(unfolding, rank):
    left = torch.linalg.svd(unfolding, full_matrices=False)[0][:, :rank]
    return left @ left.mT @ unfolding


def test_gradient_is_strength_times_residual():
    weights = [nn.Parameter(torch.randn(6, 4, 3, 3)) for _ in range(2)]
    penalty = penalty_of(weights, (2, 3))
    penalty.penalty()
    penalty.after_step()
    penalty.penalty().backward()
    for index, weight in enumerate(weights):
        out, into = penalty.strengths()[index], penalty.strengths()[2 + index]
        first = weight.detach().flatten(1)
        second = weight.detach().transpose(0, 1).flatten(1)
        expected = out * (first - projected(first, 3)).reshape(6, 4, 3, 3)
        expected = expected + into * (second - projected(second, 2)).reshape(4, 6, 3, 3).transpose(0, 1)
        torch.testing.assert_close(weight.grad, expected, rtol=1e-3, atol=1e-5)


def test_strength_starts_at_zero_grows_by_violation_and_is_capped():
    weights = [nn.Parameter(torch.randn(6, 4, 3, 3))]
    penalty = penalty_of(weights, (2, 2), eta=0.01, max_strength=0.5)
    assert penalty.penalty() == 0
    violation = penalty.violations()
    penalty.after_step()
    torch.testing.assert_close(penalty.strengths(), (0.01 * violation).clamp(max=0.5))
    for _ in range(100):
        penalty.penalty()
        penalty.after_step()
    assert (penalty.strengths() == 0.5).all()


def test_weights_of_low_rank_are_not_penalised():
    core = torch.randn(2, 2, 3, 3)
    weight = torch.einsum("no,oihw,ci->nchw", torch.randn(8, 2), core, torch.randn(6, 2))
    penalty = penalty_of([nn.Parameter(weight)], (2, 2))
    penalty.penalty()
    assert (penalty.violations() < 1e-5 * weight.square().sum()).all()


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
