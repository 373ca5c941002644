"""The runner: the list of all checks with the cases of each, and their run on one method."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from unittest import SkipTest

import torch

from ..contract.forward import untouched_random_numbers
from ..contract.method import Method
from ..contract.whole_model import WholeModelMethod
from . import checks_contract as contract
from . import checks_costs as costs
from . import checks_extremes as extremes
from . import checks_layers as layers
from . import checks_state as state
from . import checks_tools as tools
from . import checks_training as training
from . import checks_weights as weights
from .cases import compiled_cases, conv_cases, few_conv_cases, precision_cases
from .compressing import Case
from .failure import ConformanceFailure, NotApplicable
from .networks import budget_cases, network_cases
from .report import CheckResult, ConformanceReport

Lists = tuple[Callable[[], Sequence[Case]], ...]
"""Functions that return the cases of a check; empty for a check of the method alone."""

ALL, FEW, COMPILED, PRECISIONS = conv_cases, few_conv_cases, compiled_cases, precision_cases
NETWORKS, BUDGETS = network_cases, budget_cases

CHECKS: tuple[tuple[Callable[..., None], Lists], ...] = (
    (contract.check_is_registered_under_its_name, ()),
    (contract.check_describes_itself, ()),
    (contract.check_settings_rebuild_the_method, ()),
    (contract.check_knob_ends_are_settings, ()),
    (contract.check_nonsense_for_the_knob_is_refused, ()),
    (contract.check_plain_convolutions_are_compressed, ()),
    (contract.check_skips_have_a_reason, (ALL,)),
    (costs.check_cost_of_a_layer_alone_is_that_of_its_group, (ALL,)),
    (costs.check_stored_weights_are_as_promised, (ALL, PRECISIONS, NETWORKS)),
    (costs.check_macs_are_as_promised, (ALL, NETWORKS)),
    (costs.check_cost_never_falls_as_the_knob_rises, (FEW,)),
    (costs.check_budgets_are_met, (BUDGETS,)),
    (layers.check_layers_are_of_the_methods_kind, (FEW,)),
    (layers.check_output_has_the_shape_of_the_convolutions, (ALL, PRECISIONS)),
    (layers.check_bias_is_kept, (ALL,)),
    (layers.check_dtype_device_and_memory_format_are_kept, (FEW, PRECISIONS)),
    (layers.check_mode_and_freezing_are_kept, (FEW,)),
    (layers.check_convolutions_given_are_not_changed, (FEW,)),
    (layers.check_running_the_model_changes_nothing, (FEW, NETWORKS)),
    (layers.check_train_eval_train_changes_nothing, (FEW, NETWORKS)),
    (layers.check_layers_may_be_called_by_keyword, (FEW,)),
    (weights.check_dense_weight_is_the_operator, (ALL, PRECISIONS)),
    (weights.check_forms_agree, (ALL, PRECISIONS)),
    (weights.check_full_size_gives_the_convolution_back, (ALL,)),
    (weights.check_error_never_grows_with_the_knob, (FEW,)),
    (weights.check_layers_lose_no_more_than_their_curve_says, (FEW,)),
    (state.check_saved_model_is_bit_equal, (ALL, PRECISIONS, NETWORKS)),
    (state.check_plan_survives_json, (NETWORKS,)),
    (state.check_state_goes_from_one_model_to_another, (FEW, NETWORKS)),
    (state.check_deepcopy_is_equal_and_apart, (FEW, NETWORKS)),
    (state.check_shared_parameters_stay_shared, (NETWORKS,)),
    (state.check_same_seed_same_result, (FEW, NETWORKS)),
    (tools.check_deployed_model_computes_the_same, (FEW, NETWORKS)),
    (tools.check_traces_symbolically, (ALL, NETWORKS)),
    (tools.check_compiles_in_one_graph, (COMPILED,)),
    (tools.check_deployed_model_exports, (COMPILED, NETWORKS)),
    (training.check_gradients_reach_every_parameter, (FEW, NETWORKS)),
    (training.check_penalty_is_a_finite_scalar, (NETWORKS,)),
    (training.check_a_training_loop_ends_in_a_small_model, (NETWORKS,)),
    (training.check_a_session_goes_on_from_its_state, (FEW,)),
    (training.check_trains_under_autocast, (FEW, NETWORKS)),
    (training.check_monitor_names_layers_of_the_plan, (NETWORKS,)),
    (training.check_sizes_chosen_in_training_are_in_the_plan, (NETWORKS, BUDGETS)),
    (extremes.check_zero_weights_stay_zero, (FEW,)),
    (extremes.check_weights_that_are_no_numbers_are_told, (FEW,)),
)
"""Every check with the cases it runs on."""
OF_LAYERS = {contract.check_plain_convolutions_are_compressed, training.check_a_training_loop_ends_in_a_small_model}
"""Checks that look at the replacement of each layer, which a whole-model method has not."""

WHATEVER_THE_SIZES = {
    training.check_penalty_is_a_finite_scalar,
    training.check_a_session_goes_on_from_its_state,
    training.check_trains_under_autocast,
    training.check_monitor_names_layers_of_the_plan,
    training.check_sizes_chosen_in_training_are_in_the_plan,
}
"""The checks with cases that a method keeps whose sizes are chosen in training, and are not those of its plan."""


@dataclass(frozen=True)
class Check:
    """One check of one method on all its cases; calling it raises where the promise is broken.

    Attributes
    ----------
    method
        The method with its settings.
    function
        Takes the method and, if there are cases, one of them.
    lists
        Functions that return the cases.
    quick
        Run on the short lists only.
    """

    method: Method
    function: Callable[..., None]
    lists: Lists
    quick: bool = False

    def __call__(self) -> None:
        """Run the check.

        Raises
        ------
        ConformanceFailure
            With the first failure's message, and how many there are.
        unittest.SkipTest
            If the promise applies to no case; pytest shows the reasons.
        """
        result = self.run()
        if result.failures:
            more = len(result.failures) - 1
            raise ConformanceFailure(result.failures[0] + (f" (and {more} more cases)" if more else ""))
        if not result.passed:
            raise SkipTest("; ".join(result.skipped))

    def run(self) -> CheckResult:
        """Run the check on every case and return the result."""
        passed, failures = 0, []
        skipped: Counter[str] = Counter()
        for case in self._cases():
            try:
                self._run_one(case)
                passed += 1
            except NotApplicable as reason:
                skipped[str(reason)] += 1
            except ConformanceFailure as failure:
                failures.append(f"{self._place(case)}: {failure}")
        promise = (self.function.__doc__ or "").strip().partition("\n")[0]
        return CheckResult(str(self), promise, passed, dict(skipped), tuple(failures))

    def _cases(self) -> list[Case | None]:
        """Return the cases; ``[None]`` for a check of the method alone."""
        if not self.lists:
            return [None]
        lists = [FEW if one is ALL and self.quick else one for one in self.lists]
        return [case for one in lists for case in one()]

    def _run_one(self, case: Case | None) -> None:
        if case is not None and self.method.sizes_from_training and self.function not in WHATEVER_THE_SIZES:
            raise NotApplicable("training chooses the sizes: layers of planned sizes are checked at other settings")
        with untouched_random_numbers():
            torch.default_generator.manual_seed(0)
            try:
                self.function(self.method) if case is None else self.function(self.method, case)
            except (NotApplicable, ConformanceFailure):
                raise
            except Exception as error:  # the method's own, whatever it is
                raise ConformanceFailure(
                    f"{type(error).__name__} instead of an answer: {error} (raised in {_raised_in(error)})"
                ) from error

    def _place(self, case: Case | None) -> str:
        return str(self.method) if case is None else f"{self.method} on {case}"

    def __str__(self) -> str:
        return self.function.__name__


def _raised_in(error: Exception) -> str:
    """Return the function and line that raised an error."""
    trace = error.__traceback__
    assert trace is not None
    while trace.tb_next is not None:
        trace = trace.tb_next
    code = trace.tb_frame.f_code
    return f"{code.co_qualname}, line {trace.tb_lineno} of {code.co_filename}"


def conformance_checks(method: Method, *, quick: bool = False) -> list[Check]:
    """Return all checks of a method, each to be called as a test of its own.

    Parameters
    ----------
    method
        The method with its settings.
    quick
        Fewer convolutions: every value appears, not every pair.

    Examples
    --------
    >>> @pytest.mark.parametrize("check", conformance_checks(MyMethod()), ids=str)
    ... def test_conforms(check):
    ...     check()
    """
    whole = isinstance(method, WholeModelMethod)
    return [Check(method, function, lists, quick) for function, lists in (_of_networks() if whole else CHECKS)]


def _of_networks() -> Iterator[tuple[Callable[..., None], Lists]]:
    """Yield the checks of a whole-model method: those of the method alone, and those on networks."""
    for function, lists in CHECKS:
        on_networks = tuple(one for one in lists if one in (NETWORKS, BUDGETS))
        if function not in OF_LAYERS and (on_networks or not lists):
            yield function, on_networks


def check_method(
    method: Method, *, quick: bool = False, on_check: Callable[[str, int, int], Any] | None = None
) -> ConformanceReport:
    """Run all checks of a method.

    Parameters
    ----------
    method
        The method with its settings.
    quick
        Fewer convolutions: every value appears, not every pair.
    on_check
        Called before each check with its name, its number from 1, and how many there are.

    Returns
    -------
    ConformanceReport
    """
    checks = conformance_checks(method, quick=quick)
    results = []
    for number, check in enumerate(checks, 1):
        if on_check is not None:
            on_check(str(check), number, len(checks))
        results.append(check.run())
    return ConformanceReport(str(method), tuple(results))
