"""The method keeps the promises that every method makes: ``pytest`` in this folder."""

import pytest
from random_projection import RandomProjection

from decompbench.methods.conformance import conformance_checks


@pytest.mark.parametrize("check", conformance_checks(RandomProjection()), ids=str)
def test_conforms(check):
    check()
