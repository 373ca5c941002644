"""Functions that are named in strings, to be called in another process: the arrows that imports do not show."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import re
from collections.abc import Iterator

import pytest

from decompbench.bench.base import process
from decompbench.bench.base.process import BENCH, find_function
from tests.test_rooms import MODULES, ORDER, room

FUNCTION = re.compile(r"\.[a-z_.]+:[a-z_]+")


def functions_by_name() -> Iterator[tuple[str, str]]:
    """Yield each module of bench with a function that it names in a string."""
    for module, path in MODULES.items():
        if module.startswith("bench."):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str) and FUNCTION.fullmatch(node.value):
                    yield module, node.value


NAMED = sorted(set(functions_by_name()))


def test_there_are_some():
    assert {room(module) for module, _ in NAMED} >= {"training", "running", "checks"}


@pytest.mark.parametrize(("module", "name"), NAMED)
def test_a_function_named_in_a_string_can_be_called_in_a_process(module, name):
    function = find_function(name)
    assert inspect.isfunction(function)
    assert next(iter(inspect.signature(function).parameters)) == "emit"


@pytest.mark.parametrize(("module", "name"), NAMED)
def test_a_room_names_functions_of_rooms_before_it_only(module, name):
    order = ORDER["bench"]
    target = "bench" + name.partition(":")[0]
    assert target in MODULES
    assert order.index(room(target) or "") <= order.index(room(module) or "")


def test_what_the_fork_server_imports_is_there():
    """The one name of a room further on: the server imports it by itself, and base calls nothing of it."""
    (preload,) = process.PRELOAD
    assert preload == f"{BENCH}.running.preload"
    assert importlib.util.find_spec(preload) is not None
