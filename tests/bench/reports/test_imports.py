"""Imports of reports: a table is printed without the libraries that train, measure and test."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import decompbench.bench.reports

ROOM = Path(decompbench.bench.reports.__file__).parent
#: Loaded by the functions that use them; of ours what loads torch.
LATE = {"torch", "torchvision", "timm", "scipy", "plotly", "methods", "models", "measure", "training", "planning"}
#: Modules of the room that need nothing but the standard library and what prints.
LIGHT = ("text.table", "text.terminal", "text.markdown", "text.latex", "text.csv", "text.json", "statistics", "budgets")


def loaded_at_once(path):
    """Yield the names that a file imports when it is imported itself."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]


@pytest.mark.parametrize("path", sorted(ROOM.rglob("*.py")), ids=lambda path: str(path.relative_to(ROOM)))
def test_heavy_libraries_are_loaded_by_the_functions_that_use_them(path):
    assert not LATE & set(loaded_at_once(path))


def test_the_writers_load_no_heavy_library():
    modules = ", ".join(f"decompbench.bench.reports.{name}" for name in LIGHT)
    heavy = ("torch", "timm", "scipy", "pandas", "pyarrow", "numpy", "plotly", "matplotlib")
    code = f"import sys, {modules}; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
