"""Failing checks: every check of the conformance suite can fail, and tells a method's author what to do."""

import threading

import pytest
import torch

from decompbench.methods import SVD
from decompbench.methods.conformance import ConformanceFailure, check_method, conformance_checks
from decompbench.methods.conformance import runner as runner_module
from decompbench.methods.conformance.checks_extremes import within
from decompbench.methods.contract import registry as registry_module

from .broken_methods import BROKEN, Anonymous, Tweaked


@pytest.fixture
def registered(monkeypatch):
    """Register methods for one test."""

    def register(*classes):
        known = dict(registry_module._methods)
        monkeypatch.setattr(registry_module, "_methods", {**{cls.name: cls for cls in classes}, **known})

    return register


def named(method, name):
    return next(check for check in conformance_checks(method, quick=True) if str(check) == name)


def test_there_is_a_broken_method_for_each_check():
    assert set(BROKEN) == {str(check) for check in conformance_checks(SVD())}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_method_is_told_what_to_do(name, registered):
    method, message = BROKEN[name]
    registered(type(method))
    result = named(method, name).run()
    assert result.outcome == "failed"
    told = [failure for failure in result.failures if message in failure]
    assert told, result.failures[0]
    assert all(failure.startswith(str(method)) for failure in told)


def test_what_is_called_fails_with_the_message_and_the_number_of_cases(registered):
    method, message = BROKEN["check_bias_is_kept"]
    registered(type(method))
    with pytest.raises(ConformanceFailure, match=r"on conv .*: .*copy_bias.* \(and \d+ more cases\)") as caught:
        named(method, "check_bias_is_kept")()
    assert message in str(caught.value)


def test_an_error_of_the_methods_own_is_a_failure_that_names_the_line(registered):
    class Raising(Tweaked):
        """Raises."""

        name = "broken-raising"

        def tweak(self, layer, conv):
            raise ZeroDivisionError("a fault in the formula")

    registered(Raising)
    (first, *_) = named(Raising(), "check_forms_agree").run().failures
    assert "ZeroDivisionError instead of an answer: a fault in the formula" in first
    assert "tweak, line" in first
    assert "test_conformance_fails.py" in first


def test_a_method_that_hangs_is_given_up():
    released = threading.Event()
    with pytest.raises(ConformanceFailure, match="does not end within"):
        within(0.05, released.wait)
    released.set()
    with pytest.raises(KeyError):
        within(10, {}.popitem)
    assert within(10, lambda: 3) == 3


def test_a_report_tells_what_failed(registered, monkeypatch):
    registered(Anonymous)
    monkeypatch.setattr(runner_module, "CHECKS", runner_module.CHECKS[:8])
    report = check_method(Anonymous(), quick=True)
    assert not report.ok
    assert [result.name for result in report.results if result.failures] == ["check_describes_itself"]
    assert "paper is empty" in str(report)
    (failed,) = [check for check in report.to_json()["checks"] if check["outcome"] == "failed"]
    assert failed["passed"] == 0
    assert failed["promise"] == "A method has a version, a kind, a summary and a paper."
    assert len(failed["failures"]) == 1


def test_global_random_numbers_are_left_alone():
    state = torch.get_rng_state()
    for name in ("check_same_seed_same_result", "check_forms_agree"):
        named(SVD(), name)()
    assert torch.equal(torch.get_rng_state(), state)
