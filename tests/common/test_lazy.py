"""Packages that import their names when they are asked for: complete, and free of what is heavy."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGES = ["decompbench.bench", "decompbench.bench.data"]
HEAVY = {"torch", "numpy", "pandas", "pydantic", "scipy", "typer", "yaml"}


@pytest.mark.parametrize("package", PACKAGES)
def test_all_names_resolve_and_are_listed(package):
    module = importlib.import_module(package)
    for name in module.__all__:
        assert getattr(module, name).__name__ == name
    assert set(module.__all__) <= set(dir(module))


@pytest.mark.parametrize("package", PACKAGES)
def test_type_checkers_see_the_same_names(package):
    module = importlib.import_module(package)
    (block,) = [node for node in ast.parse(Path(module.__file__).read_text()).body if isinstance(node, ast.If)]
    seen = {
        alias.name: f"{package}.{node.module}"
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert set(seen) == set(module.__all__)
    for name, home in seen.items():
        assert getattr(importlib.import_module(home), name) is getattr(module, name)


@pytest.mark.parametrize("package", PACKAGES)
def test_importing_one_imports_nothing_heavy(package):
    code = f"import sys, {package}; dir({package}); print(*{HEAVY!r} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_a_name_that_is_not_there_is_an_attribute_error():
    from decompbench import bench

    with pytest.raises(AttributeError, match=r"'decompbench.bench' has no attribute 'load_suit'"):
        bench.load_suit  # noqa: B018
    with pytest.raises(ImportError):
        from decompbench.bench import load_suit  # noqa: F401
