"""Import closures: a method reaches its own modules, the rooms below, and what methods share on purpose."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from decompbench import methods

PACKAGE = "decompbench.methods"
ROOT = Path(methods.__file__).parent
#: Entries of the catalogue that are no method, and why methods share them.
SHARED = {
    "refit": "the base class of methods refitted to activations alike: svd, group, spatial-svd, tucker2, basis",
    "learning": "regularisers that lead to any decomposition; tucker2 offers three of them",
}
#: Modules that several methods of one folder share, and why.
SHARED_IN_FOLDER = {"catalogue.chains.chain": "one layer is the form of spatial SVD, CP and tensor-train"}
OURS = {
    name: cls.__module__.removeprefix(f"{PACKAGE}.")
    for name in methods.list_methods()
    if (cls := methods.method_class(name)).__module__.startswith(f"{PACKAGE}.catalogue.")
}


def path_of(module: str) -> Path | None:
    """Return the file of a module, named without the leading package; None if there is none."""
    plain = ROOT.joinpath(*module.split(".")) if module else ROOT
    return next((path for path in (plain.with_suffix(".py"), plain / "__init__.py") if path.is_file()), None)


def imported(module: str) -> Iterator[str]:
    """Yield the modules of the package that a module imports, by relative or absolute name."""
    path = path_of(module)
    assert path is not None
    folder = [*path.relative_to(ROOT).parts[:-1]]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level > len(folder) + 1:
            continue  # of another package
        if isinstance(node, ast.ImportFrom) and node.level:
            base = ".".join([*folder[: len(folder) - node.level + 1], *([node.module] if node.module else [])])
        elif isinstance(node, ast.ImportFrom) and f"{node.module}.".startswith(f"{PACKAGE}."):
            base = (node.module or "").removeprefix(PACKAGE).removeprefix(".")
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names if f"{alias.name}.".startswith(f"{PACKAGE}.")]
            yield from (name.removeprefix(PACKAGE).removeprefix(".") for name in names)
            continue
        else:
            continue
        for alias in node.names:
            inner = f"{base}.{alias.name}".removeprefix(".")
            yield inner if path_of(inner) else base


def closure(module: str) -> set[str]:
    """Return a module and all that it reaches by imports, without the folders' ``__init__``."""
    seen, waiting = set[str](), [module]
    while waiting:
        one = waiting.pop()
        if one not in seen:
            seen.add(one)
            waiting += imported(one)
    return seen


def entry(module: str) -> str:
    """Return the file or folder of the catalogue that a module is in."""
    return module.split(".")[1]


@pytest.mark.parametrize("name", OURS)
def test_a_method_reaches_no_other_method(name):
    home = OURS[name]
    reached = {module for module in closure(home) if module.startswith("catalogue")} - {home}
    assert not reached & set(OURS.values())
    assert {entry(module) for module in reached} <= {entry(home), *SHARED}
    neighbours = [other for other in OURS.values() if other != home and entry(other) == entry(home)]
    if neighbours:
        others = set().union(*(closure(other) for other in neighbours))
        assert {one for one in reached & others if entry(one) == entry(home)} <= set(SHARED_IN_FOLDER)


@pytest.mark.parametrize("name", OURS)
def test_a_method_reaches_only_the_rooms_below(name):
    assert {module.partition(".")[0] for module in closure(OURS[name])} <= {"numerics", "contract", "catalogue"}


def test_what_is_shared_is_no_method_and_is_shared():
    homes = {entry(home) for home in OURS.values()}
    reached = {home: closure(home) for home in OURS.values()}
    used = {entry(module) for modules in reached.values() for module in modules if module.startswith("catalogue.")}
    assert not homes & SHARED.keys()
    assert used - homes == SHARED.keys()
    for one in SHARED_IN_FOLDER:
        assert sum(one in modules for modules in reached.values()) > 1


def test_a_method_does_not_reach_what_it_does_not_use():
    assert "numerics.clustering" in closure(OURS["kmeans"])
    assert not {"numerics.clustering", "numerics.ranks"} & closure(OURS["svd"])
    assert "catalogue.refit.data_aware" in closure(OURS["basis"])
    assert "catalogue.refit.data_aware" not in closure(OURS["kmeans"])


def test_the_closure_sees_all_ways_of_writing(tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    for name in ("room", "room/inner"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("")
    (tmp_path / "__init__.py").write_text("")
    (tmp_path / "room" / "other.py").write_text("")
    source = tmp_path / "room" / "inner" / "one.py"
    for text, expected in {
        "from ..other import x": "room.other",
        "from .. import other": "room.other",
        "def f():\n    from decompbench.methods.room.other import x": "room.other",
        "from decompbench.methods.room import other": "room.other",
        "import decompbench.methods.room.other": "room.other",
        "from ... import svd": "",
        "from decompbench.methods import svd": "",
        "from ...room import inner": "room.inner",
    }.items():
        source.write_text(text)
        assert list(imported("room.inner.one")) == [expected], text
    source.write_text("import torch\nfrom decompbench import models")
    assert not list(imported("room.inner.one"))
