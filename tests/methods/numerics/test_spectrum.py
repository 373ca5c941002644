"""Spectra: squared singular values, and what is lost of them at every rank."""

import pytest
import torch

from decompbench.methods.numerics.spectrum import discarded_squares, squared_spectra


@pytest.mark.parametrize("shape", [(5, 7), (7, 5), (6, 6), (1, 4)])
def test_spectra_are_the_squared_singular_values_of_each_matrix(shape):
    torch.manual_seed(0)
    matrices = torch.randn(3, *shape)
    torch.testing.assert_close(squared_spectra(matrices), torch.linalg.svdvals(matrices.double()).square())


def test_rounding_below_zero_is_zero():
    assert squared_spectra(torch.ones(4, 4)).min() >= 0


def test_discarded_squares_are_those_of_the_truncated_matrices():
    torch.manual_seed(0)
    matrices = torch.randn(3, 5, 7).double()
    lost = discarded_squares(squared_spectra(matrices))
    assert lost.shape == (6,)
    u, s, v = torch.linalg.svd(matrices, full_matrices=False)
    for rank in range(6):
        cut = (u[..., :rank] * s[..., None, :rank]) @ v[:, :rank]
        assert lost[rank].item() == pytest.approx((matrices - cut).square().sum().item(), abs=1e-12)
