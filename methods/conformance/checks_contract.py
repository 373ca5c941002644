"""Checks of what a method says about itself: its name, its settings, its knob."""

from __future__ import annotations

import json
import math
from typing import Any, get_args

from ..contract.cost import Skip
from ..contract.errors import MethodError, SettingError
from ..contract.method import Kind, Method
from ..contract.registry import get_method, method_class
from .cases import plain_cases
from .checks_costs import knob_of
from .compressing import Case, plan_lone_conv
from .failure import NotApplicable, demand


def check_is_registered_under_its_name(method: Method) -> None:
    """The registry gives the method's class for its name, as suites and saved plans need it."""
    try:
        found = method_class(method.name)
    except MethodError as error:
        found = error
    demand(
        found is type(method),
        f"the name {method.name!r} stands for {found} and not for this class: decorate the class with "
        '@register("its-name"), below which @dataclass(frozen=True) has to stand',
    )


def check_describes_itself(method: Method) -> None:
    """A method has a version, a kind, a summary and a paper."""
    demand(
        isinstance(method.version, int) and method.version >= 1,
        f"version is {method.version!r}: make it a whole number from 1 and raise it when the same settings give other "
        "results",
    )
    demand(method.kind in get_args(Kind), f"kind is {method.kind!r}: it has to be one of {', '.join(get_args(Kind))}")
    demand(
        bool(method.summary()) and not method.summary().startswith(f"{type(method).__name__}("),
        "the class has no docstring: its first line is what 'decompbench methods' shows, so say in it what the method "
        "does",
    )
    demand(
        bool(method.paper.strip()) or method.kind == "none",
        "paper is empty: say where the method comes from, or 'unpublished'",
    )


def check_settings_rebuild_the_method(method: Method) -> None:
    """The settings go through JSON and give an equal method, which is how saved plans are read."""
    try:
        hash(method)
    except TypeError as error:
        demand(False, f"the method cannot be hashed ({error}): use frozen fields, tuples in place of lists")
    try:
        text = json.dumps(method.settings(), allow_nan=False)
    except (TypeError, ValueError) as error:
        demand(False, f"settings() cannot be written as JSON ({error}): use numbers, texts, truth values and None")
        raise AssertionError from error
    again = get_method(method.name, **json.loads(text))
    demand(
        again == method,
        f"settings() written as JSON and read again give {again}, not {method}: turn lists into tuples in "
        "__post_init__, and let no field depend on another",
    )


def check_knob_ends_are_settings(method: Method) -> None:
    """The knob names a field, and the method takes all the values that the knob says."""
    knob = knob_of(method)
    demand(
        knob.field in method.field_names(),
        f"the knob moves {knob.field!r}, which is no field: the fields are {', '.join(method.field_names())}",
    )
    for value in (knob.low, knob.high, *knob.choices):
        try:
            method.with_settings(**{knob.field: value})
        except SettingError as error:
            demand(False, f"the knob goes to {knob.field}={value}, which the method refuses: {error}")


def check_nonsense_for_the_knob_is_refused(method: Method) -> None:
    """A value that makes no sense raises `SettingError` when the method is made, not later."""
    field = knob_of(method).field
    nonsense: tuple[Any, ...] = (math.nan, "no such value", [1])
    for value in nonsense:
        try:
            made = method.with_settings(**{field: value})
        except SettingError:
            continue
        demand(False, f"{field}={value!r} is accepted and gives {made}: raise SettingError in __post_init__")


def check_plain_convolutions_are_compressed(method: Method) -> None:
    """A method that replaces anything replaces at least one plain 3×3 convolution."""
    if method.kind == "none":
        raise NotApplicable("the method replaces nothing, as its kind says")
    reasons = []
    for case in plain_cases():
        try:
            case.plan(method)
            return
        except NotApplicable as skipped:
            reasons.append(str(skipped))
    demand(
        False,
        f"every plain 3×3 convolution is skipped ({'; '.join(sorted(set(reasons)))}): let layer_cost() return a Cost "
        "for what the method can do, or set kind to 'none'",
    )


def check_skips_have_a_reason(method: Method, case: Case) -> None:
    """A skip has a reason, which is a line of words."""
    made = plan_lone_conv(method, case)
    if isinstance(made, Skip):
        demand(
            isinstance(made.reason, str) and len(made.reason.split()) >= 2 and "\n" not in made.reason,
            f"layer_cost() skips with the reason {made.reason!r}: give a line that a person can read, such as "
            "Skip('grouped convolution (4 groups)')",
        )
