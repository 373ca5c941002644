"""Filter bases: shapes by the paper's formula, and sharing."""

import pytest
import torch

from decompbench.methods import Basis, begin, compress, plan

from .cases import small_net, spec_of

EXAMPLE = torch.randn(2, 3, 12, 12)


def test_split_is_the_divisor_nearest_to_the_optimum():
    conv = torch.nn.Conv2d(64, 64, 3)
    # li2019 eq. 7: p* = sqrt(n·c/k²) = 21.3; of the divisors of 64, 16 is nearest
    assert Basis().shape([spec_of(conv, torch.randn(1, 64, 8, 8))])[0] == 16


def test_counts_follow_the_formula():
    spec = spec_of(torch.nn.Conv2d(12, 20, 3, bias=False), torch.randn(1, 12, 10, 10))
    m, s, p, n = 7, 3, 4, 20
    cost = Basis(size=m, split=p).layer_cost(spec)
    assert cost.weights == m * p * 9 + n * s * m
    assert cost.macs == (s * m * p * 9 + n * s * m) * 64


@pytest.mark.parametrize(
    ("sharing", "groups"),
    [
        ("none", [["stage1.0.0"], ["stage1.1.0"], ["stage2.0.0"], ["stage2.1.0"]]),
        ("block", [["stage1.0.0"], ["stage1.1.0"], ["stage2.0.0"], ["stage2.1.0"]]),
        ("group", [["stage1.0.0", "stage1.1.0"], ["stage2.0.0", "stage2.1.0"]]),
        (r"stage\d", [["stage1.0.0", "stage1.1.0"], ["stage2.0.0", "stage2.1.0"]]),
        ("network", [["stage1.0.0", "stage1.1.0", "stage2.0.0", "stage2.1.0"]]),
    ],
)
def test_sharing_groups(sharing, groups):
    todo = plan(small_net(), Basis(0.2, sharing=sharing), EXAMPLE)
    found = [list(group.paths) for group in todo.groups if "pointwise" not in group.paths]
    assert found == groups


def test_layers_of_a_group_hold_one_parameter_that_gets_all_gradients():
    net = compress(small_net(), Basis(0.3, sharing="group"), EXAMPLE)
    first, second = net.stage1[0][0], net.stage1[1][0]
    assert first.basis.weight is second.basis.weight
    assert first.basis.weight is not net.stage2[0][0].basis.weight
    net(EXAMPLE).sum().backward()
    total = first.basis.weight.grad.clone()
    # the same with the parameters apart: the shared gradient is the sum
    net.zero_grad()
    second.basis.weight = torch.nn.Parameter(second.basis.weight.detach().clone())
    net(EXAMPLE).sum().backward()
    torch.testing.assert_close(total, first.basis.weight.grad + second.basis.weight.grad)


def test_sharing_survives_dtype_changes():
    net = small_net()
    begin(net, plan(net, Basis(0.3, sharing="group"), EXAMPLE))
    net.double()
    assert net.stage1[0][0].basis.weight is net.stage1[1][0].basis.weight


def test_a_split_that_does_not_divide_is_skipped_with_a_reason():
    spec = spec_of(torch.nn.Conv2d(10, 8, 3), torch.randn(1, 10, 8, 8))
    assert "does not divide" in Basis(split=4).layer_cost(spec).reason
