"""Ranks from the weights, by energy and by variational Bayes, and their place in a plan."""

import json

import pytest
import torch
from torch import nn

from decompbench.methods import ConvSpec, Plan, SettingError, Target, Tucker2, begin, compress, load, plan, save
from decompbench.methods.numerics.ranks import energy_rank, evbmf_rank
from decompbench.methods.numerics.unfolding import Unfolding, spectra

from ..cases import relative_error, small_net

EXAMPLE = torch.randn(2, 3, 12, 12)


def planted(rows, columns, rank, noise, seed=0):
    """Return a matrix of that rank, its singular values ``sqrt(rows · columns)``, plus noise of that deviation."""
    generator = torch.Generator().manual_seed(seed)
    left = torch.linalg.qr(torch.randn(rows, rank, generator=generator, dtype=torch.double)).Q
    right = torch.linalg.qr(torch.randn(columns, rank, generator=generator, dtype=torch.double)).Q
    low_rank = (rows * columns) ** 0.5 * left @ right.mT
    return low_rank + noise * torch.randn(rows, columns, generator=generator, dtype=torch.double)


@pytest.mark.parametrize(("rows", "columns"), [(64, 576), (576, 64), (40, 40), (16, 27)])
@pytest.mark.parametrize("rank", [1, 3, 6])
@pytest.mark.parametrize("noise", [0.01, 0.3, 1.0])
def test_evbmf_finds_the_planted_rank(rows, columns, rank, noise):
    matrix = planted(rows, columns, rank, noise)
    assert evbmf_rank(torch.linalg.svdvals(matrix).square(), rows, columns) == rank


def test_evbmf_finds_nothing_in_noise_and_everything_without():
    for seed in range(5):
        noise = planted(48, 200, 0, 1.0, seed)
        assert evbmf_rank(torch.linalg.svdvals(noise).square(), 48, 200) == 0
    exact = planted(48, 200, 7, 0.0)
    assert evbmf_rank(torch.linalg.svdvals(exact).square(), 48, 200) == 7
    assert evbmf_rank(torch.zeros(4), 4, 9) == 0


def test_evbmf_does_not_depend_on_the_scale():
    squares = torch.linalg.svdvals(planted(32, 90, 5, 0.5)).square()
    assert {evbmf_rank(scale * squares, 32, 90) for scale in (1e-8, 1.0, 1e8)} == {5}


def test_energy_is_kept_and_no_rank_less_keeps_it():
    squares = torch.linalg.svdvals(torch.randn(2, 20, 60, dtype=torch.double)).square()
    total = squares.sum()
    for fraction in (0.01, 0.5, 0.9, 0.999):
        rank = energy_rank(squares, fraction)
        assert squares[:, :rank].sum() >= fraction * total > squares[:, : rank - 1].sum()
    assert energy_rank(squares, 1.0) == 20


def test_spectra_are_those_of_the_blocks():
    weight = torch.randn(8, 6, 3, 3)
    for mode, unfolded in ((0, weight), (1, weight.transpose(0, 1))):
        expected = [torch.linalg.svdvals(part.flatten(1).double()).square() for part in unfolded.chunk(2)]
        torch.testing.assert_close(spectra(weight, Unfolding(mode, 2, 2)), torch.stack(expected))


@pytest.mark.parametrize("choose", ["energy", "evbmf"])
def test_chosen_ranks_are_in_the_plan_and_rebuild_the_model(choose, tmp_path):
    net = small_net()
    with torch.no_grad():  # of rank (2, 3) but for a little noise
        low = torch.einsum("no,oihw,ci->nchw", torch.randn(16, 3), torch.randn(3, 2, 3, 3), torch.randn(16, 2))
        net.stage2[1][0].weight.copy_(low + 1e-3 * torch.randn(16, 16, 3, 3))
    todo = plan(net, Tucker2(choose=choose, energy=0.999), EXAMPLE)
    methods = {layer.path: todo.method_of(layer) for layer in todo.layers}
    assert methods["stage2.1.0"].ranks == (2, 3)
    assert Plan.from_json(json.loads(json.dumps(todo.to_json()))) == todo
    small = begin(net, todo).finish().eval()
    again = load(save(small, tmp_path / "small.safetensors"), model=small_net(7))
    assert torch.equal(again(EXAMPLE), small(EXAMPLE))


def test_energy_of_one_loses_nothing():
    net = small_net()
    expected = net(EXAMPLE)
    method = Tucker2(choose="energy", energy=1.0, coefficients="identity")
    assert relative_error(compress(net, method, EXAMPLE)(EXAMPLE), expected) < 1e-5


def test_overrides_may_choose_and_may_be_spared_the_choice():
    net = small_net()
    overrides = {"stage1.*": {"choose": "energy", "energy": 0.5}, "stage2.0.0": None}
    todo = plan(net, Tucker2(0.4), EXAMPLE, overrides=overrides)
    methods = {layer.path: todo.method_of(layer) for layer in todo.layers}
    assert methods["stage1.0.0"].ranks is not None
    assert methods["stage2.1.0"] == Tucker2(0.4)
    assert methods["stage2.0.0"] is None
    overrides = {"stage1.*": {"choose": "ratio", "rank": 0.2}, "stage2.*": {"ranks": (2, 2)}}
    todo = plan(net, Tucker2(choose="evbmf"), EXAMPLE, overrides=overrides)
    methods = {layer.path: todo.method_of(layer) for layer in todo.layers}
    assert methods["stage1.0.0"] == Tucker2(0.2)
    assert methods["stage2.1.0"].ranks == (2, 2)


def test_ranks_of_groups_are_multiples_of_them():
    conv = nn.Conv2d(16, 24, 3)
    spec = ConvSpec.of(conv, "conv")
    for choose in ("energy", "evbmf"):
        rank_in, rank_out = Tucker2(choose=choose, groups=4).resolve({"conv": conv}, [spec])["conv"]["ranks"]
        assert rank_in % 4 == rank_out % 4 == 0


def test_ranks_from_weights_leave_nothing_to_a_budget():
    for method in (Tucker2(choose="energy"), Tucker2(choose="evbmf"), Tucker2(ranks=(3, 4))):
        with pytest.raises(SettingError, match="has no knob"):
            plan(small_net(), method, EXAMPLE, Target(params=0.3))


def test_without_weights_no_rank_can_be_chosen():
    with pytest.raises(SettingError, match="choose='evbmf' finds ranks when a plan is made"):
        Tucker2(choose="evbmf").layer_cost(plan(small_net(), Tucker2(), EXAMPLE).layers[1].spec)
