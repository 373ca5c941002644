"""Factorisations of matrices of less than the wanted rank: exact, balanced, and nothing divided by zero."""

import pytest
import torch

from decompbench.methods.catalogue.chains.tt import tt_svd
from decompbench.methods.numerics.linear import balancing_root, truncated_svd, whitened_svd


def train(matrix, rank):
    first, last = tt_svd(matrix, [rank])
    return first[0], last[:, :, 0]


FACTORISATIONS = {
    "truncated": truncated_svd,
    "whitened": lambda matrix, rank: whitened_svd(matrix, matrix @ matrix.T, rank),
    "train": train,
}


@pytest.mark.parametrize("name", FACTORISATIONS)
@pytest.mark.parametrize("shape", [(8, 12), (12, 8)])
@pytest.mark.parametrize("rank", [0, 1, 3])
@pytest.mark.parametrize("scale", [1.0, 1e-12, 1e12])
def test_a_matrix_of_lower_rank_comes_back_from_balanced_factors(name, shape, rank, scale):
    generator = torch.Generator().manual_seed(0)
    left, right = (torch.randn(size, rank, generator=generator, dtype=torch.float64) for size in shape)
    matrix = scale * left @ right.T
    columns, rows = FACTORISATIONS[name](matrix, 6)
    torch.testing.assert_close(columns @ rows, matrix, rtol=1e-9, atol=1e-9 * scale)
    torch.testing.assert_close(columns.norm(dim=0)[:rank], rows.norm(dim=1)[:rank])
    # nothing is blown up where there is nothing left
    largest = max(1, scale**0.5 * 10)
    assert columns.abs().max() <= largest
    assert rows.abs().max() <= largest


def test_roots_of_what_is_zero_but_for_rounding_are_one():
    sizes = torch.tensor([9.0, 4.0, 1e-9, 0.0])
    assert balancing_root(sizes).tolist() == [3, 2, 1, 1]
    assert balancing_root(torch.zeros(2)).tolist() == [1, 1]
