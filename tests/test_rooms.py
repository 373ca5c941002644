"""The rooms of the house: which may import which, no circles, and no more on one level than a reader takes in.

A room is a folder of ``bench/`` or ``methods/``. Imports inside functions count like those on top, and so do those for
types only: what a reader must follow is the same.
"""

import ast
import re
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
#: Each room may import those before it in its line, and itself.
ORDER = {
    "bench": (
        "base", "data", "tasks", "suite", "records", "measure", "training", "planning", "running", "reports", "checks",
        "cli",
    ),
    "methods": ("numerics", "contract", "linear_layers", "catalogue", "plan", "lifecycle", "conformance"),
}  # fmt: skip
PACKAGES = (*ORDER, "models", "common")
#: Modules in front of the rooms. Like a package's ``__init__`` they re-export what is in rooms; no room imports them.
FACES = {"methods.authoring"}
#: Entries of a folder that a reader takes in at once. A verb, a conformance check, a suite and a file of static assets
#: is found by its name alone: their folders are lists.
MOST_ENTRIES = 12
LISTS = {"bench/cli", "bench/suite/packaged/suites", "methods/conformance", "bench/reports/page/static"}


def modules() -> dict[str, Path]:
    """Return the files of all packages by module name, without the leading ``decompbench``."""
    files = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    return {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in files}


MODULES = modules()


def imported(name: str) -> Iterator[str]:
    """Yield the modules of ours that a module imports, whether the import is relative or absolute."""
    path = MODULES[name]
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            targets = [alias.name.split(".") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = ["decompbench", *package[: len(package) - node.level + 1]] if node.level else []
            base += node.module.split(".") if node.module else []
            targets = [[*base, alias.name] for alias in node.names]
        else:
            continue
        for target in targets:
            if target[0] == "decompbench":
                found = [".".join(target[1:end]) for end in range(len(target), 1, -1)]
                yield from (one for one in found[:2] if one in MODULES)


def room(name: str) -> str | None:
    """Return the room that a module is in, None for what stands in front of all rooms."""
    parts = name.split(".")
    return parts[1] if parts[0] in ORDER and len(parts) > 1 and name not in FACES else None


@pytest.mark.parametrize("package", ORDER)
def test_the_rooms_are_those_of_the_order(package):
    assert {room(name) for name in MODULES if name.startswith(f"{package}.")} - {None} == set(ORDER[package])


@pytest.mark.parametrize("package", ORDER)
def test_rooms_import_only_those_before_them(package):
    order = ORDER[package]
    wrong = [
        f"{name} imports {other}"
        for name in MODULES
        if name.startswith(f"{package}.") and name not in FACES
        for other in imported(name)
        if other in (package, *FACES)
        or (other.startswith(f"{package}.") and order.index(room(other) or "") > order.index(room(name) or ""))
    ]
    assert not wrong, "\n".join(sorted(set(wrong)))


def test_no_imports_go_in_a_circle():
    """A folder's ``__init__`` re-exports what is in it, so it counts as a file of its own."""
    graph = {name: {other for other in imported(name) if other != name} for name in MODULES}
    graph = {
        name: {other for other in others if not name.startswith(f"{other}.")}  # importing a neighbour names the folder
        for name, others in graph.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        raise AssertionError(" -> ".join(error.args[1])) from None


def test_a_level_is_taken_in_at_once():
    for package in PACKAGES:
        for folder in [ROOT / package, *(path for path in (ROOT / package).rglob("*") if path.is_dir())]:
            shown = [path for path in folder.iterdir() if path.name not in ("__init__.py", "__pycache__", "py.typed")]
            if str(folder.relative_to(ROOT)) not in LISTS:
                assert len(shown) <= MOST_ENTRIES, f"{folder}: {sorted(path.name for path in shown)}"


@pytest.mark.parametrize("package", ORDER)
def test_a_room_says_what_flows_in_and_out(package):
    for name in ORDER[package]:
        text = ast.get_docstring(ast.parse((ROOT / package / name / "__init__.py").read_text(encoding="utf-8"))) or ""
        assert re.search(r"\bIn: .*\bOut: ", text, re.DOTALL), f"{package}/{name}: In: …; Out: …"
