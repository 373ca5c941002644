"""Conformance: the promises that every compression method keeps, as checks that anyone's method gets for free.

In: a method with its settings. Out: a report with the result of every check.

In a test file::

    @pytest.mark.parametrize("check", conformance_checks(MyMethod()), ids=str)
    def test_conforms(check):
        check()

On the command line: ``decompbench check my-method``.
"""

from .cases import ConvCase, conv_cases
from .failure import ConformanceFailure
from .report import CheckResult, ConformanceReport
from .runner import Check, check_method, conformance_checks

__all__ = [
    "Check",
    "CheckResult",
    "ConformanceFailure",
    "ConformanceReport",
    "ConvCase",
    "check_method",
    "conformance_checks",
    "conv_cases",
]
