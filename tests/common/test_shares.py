"""The share of convolutions in words."""

import pytest

from decompbench.common.shares import small_part


@pytest.mark.parametrize("sizes", [(50, 50, 100), (99, 0, 100), (0, 0, 0)])
def test_nothing_is_said_where_convolutions_are_most_or_there_are_no_parameters(sizes):
    assert small_part(*sizes) is None


def test_linear_layers_are_offered_where_there_are_some():
    assert small_part(1_880_000, 26_600_000, 28_600_000) == (
        "convolutions hold 6.6 % of the 28,600,000 parameters; layers: conv+linear takes the linear layers, too, "
        "which hold 93 %"
    )
    assert small_part(49, 0, 100) == "convolutions hold 49 % of the 100 parameters"
