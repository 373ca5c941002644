"""The distributions are scipy's, and Demšar's table."""

import math

import numpy as np
import pytest
from scipy import special, stats

from decompbench.bench.reports.distributions import (
    beta,
    chi2_sf,
    f_sf,
    studentised_range_quantile,
    t_quantile,
    t_sf,
)

close = pytest.approx


@pytest.mark.parametrize("freedom", [1, 1.3, 2, 2.7, 3, 5, 9, 29.5, 200])
def test_students_t(freedom):
    for t in (-30, -1.5, 0, 0.1, 0.7, 2, 6, 150):
        assert t_sf(t, freedom) == close(stats.t.sf(t, freedom), rel=1e-10)
    for p in (0.0005, 0.025, 0.3, 0.6, 0.9, 0.975, 0.9995):
        assert t_quantile(p, freedom) == close(stats.t.ppf(p, freedom), rel=1e-9)
    assert t_quantile(0.5, freedom) == close(0, abs=1e-12)


@pytest.mark.parametrize("freedom", [(2, 4), (1, 1), (5, 45), (3, 2), (11, 120)])
def test_f(freedom):
    for f in (0, 0.2, 1, 3, 10, 100, math.inf):
        assert f_sf(f, *freedom) == close(stats.f.sf(f, *freedom), rel=1e-10, abs=1e-300)


@pytest.mark.parametrize("freedom", range(1, 20))
def test_chi_squared(freedom):
    for x in (0, 0.1, 1, 3, 10, 40, 100):
        assert chi2_sf(x, freedom) == close(stats.chi2.sf(x, freedom), rel=1e-10)


@pytest.mark.parametrize("means", [2, 3, 5, 10, 20, 40])
def test_studentised_range(means):
    for p in (0.9, 0.95, 0.99):
        found = studentised_range_quantile(p, means)
        assert found == close(stats.studentized_range.ppf(p, means, np.inf), rel=1e-7)


def test_studentised_range_is_demsars_table():
    """Demšar 2006, table 5a, α = 0.05: quantiles divided by √2."""
    table = {2: 1.960, 3: 2.343, 4: 2.569, 5: 2.728, 6: 2.850, 7: 2.949, 8: 3.031, 9: 3.102, 10: 3.164}
    for means, value in table.items():
        assert studentised_range_quantile(0.95, means) / math.sqrt(2) == close(value, abs=1e-3)


@pytest.mark.parametrize(("a", "b"), [(0.5, 0.5), (1, 3), (20, 0.5), (50, 70)])
def test_incomplete_beta(a, b):
    for x in (0, 1e-6, 0.2, 0.5, 0.9, 1 - 1e-9, 1):
        assert beta(x, a, b) == close(special.betainc(a, b, x), rel=1e-9, abs=1e-300)
