"""The faces of the package: names for users, names for authors, and a room that has the name of a function."""

import ast
import importlib
import re
from pathlib import Path

from decompbench import methods
from decompbench.methods import authoring

CATALOGUE = Path(methods.__file__).parent / "catalogue"
GUIDE = Path(__file__).parents[2] / "docs" / "writing-a-method.md"


def imported_from_below() -> set[str]:
    """Return the names that the methods' own modules import from the contract and from numerics."""
    nodes = [node for path in CATALOGUE.rglob("*.py") for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))]
    below = [node for node in nodes if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(
        ("contract.", "numerics.")
    )]  # fmt: skip
    return {alias.name for node in below for alias in node.names}


def test_an_author_has_all_that_our_methods_import():
    names = imported_from_below()
    assert {"Method", "truncated_svd"} <= names
    assert names <= set(authoring.__all__)


def test_the_guide_names_what_there_is():
    section = GUIDE.read_text(encoding="utf-8").partition("## What to import\n")[2].partition("\n## ")[0]
    named = {name for row in section.splitlines() if row.startswith("| ") for name in re.findall(r"`(\w+)`", row)}
    assert {"Method", "truncated_svd", "LearnedPart"} <= named
    assert named - {"block", "group", "network"} <= set(authoring.__all__)


def test_the_faces_export_what_they_say_and_one_thing_a_name():
    for face in (methods, authoring):
        assert sorted(set(face.__all__)) == sorted(face.__all__)
        assert all(hasattr(face, name) for name in face.__all__)
    for name in set(methods.__all__) & set(authoring.__all__):
        assert getattr(methods, name) is getattr(authoring, name)


def test_plan_is_the_function_and_the_room_can_be_imported():
    import decompbench.methods.plan.planner
    from decompbench.methods import plan
    from decompbench.methods.plan import planner

    assert decompbench.methods.plan is plan
    assert plan is planner.plan is importlib.import_module("decompbench.methods.plan.planner").plan
