"""The package as a whole: which package may import which, and every folder is shipped."""

import ast
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FORBIDDEN = {
    "common": {"methods", "models", "bench"},
    "methods": {"models", "bench"},
    "models": {"methods", "bench"},
    "bench": set(),
}


def imported(path: Path) -> set[str]:
    """Return the packages of ours that a file imports, by relative or absolute name."""
    package = path.relative_to(ROOT).parts[:-1]
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            if node.level > len(package):
                names.update([node.module.split(".")[0]] if node.module else [a.name for a in node.names])
            elif node.level == 0 and (node.module or "").startswith("decompbench"):
                names.update([*node.module.split(".")[1:2]] or [a.name for a in node.names])
        elif isinstance(node, ast.Import):
            names.update(a.name.split(".")[1] for a in node.names if a.name.startswith("decompbench."))
    return names


@pytest.mark.parametrize("package", FORBIDDEN)
def test_imports_go_one_way(package):
    files = list((ROOT / package).rglob("*.py"))
    assert files
    for path in files:
        assert not imported(path) & FORBIDDEN[package], path


def test_what_all_share_needs_nothing_but_the_standard_library():
    for path in (ROOT / "common").rglob("*.py"):
        nodes = list(ast.walk(ast.parse(path.read_text())))
        names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
        names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.level == 0}
        assert {name.split(".")[0] for name in names} <= sys.stdlib_module_names, path


def test_the_import_check_sees_both_ways_of_writing(tmp_path, monkeypatch):
    monkeypatch.setattr(f"{__name__}.ROOT", tmp_path)
    (tmp_path / "methods").mkdir()
    path = tmp_path / "methods" / "bad.py"
    for source in ("from ..bench import run", "from .. import bench", "from decompbench.bench.x import y",
                   "import decompbench.bench.x", "from decompbench import bench"):  # fmt: skip
        path.write_text(source)
        assert imported(path) == {"bench"}, source
    path.write_text("from .cost import Cost\nimport torch")
    assert not imported(path)


def test_no_method_is_named_in_the_harness():
    from decompbench import methods

    names = set(methods.list_methods()) - {"dense", "group"}  # these two are words of the harness's own
    classes = {methods.method_class(name).__name__ for name in names}
    for path in (ROOT / "bench").rglob("*.py"):
        # help texts and docstrings may give examples; no string may be a method's name, nor its class be imported
        nodes = list(ast.walk(ast.parse(path.read_text())))
        strings = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
        imports = {alias.name for node in nodes if isinstance(node, ast.ImportFrom) for alias in node.names}
        assert not strings & names, f"{path} names a method: {strings & names}"
        assert not imports & classes, f"{path} imports a method: {imports & classes}"


def test_every_folder_with_code_is_packaged():
    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    data_only = {"decompbench.bench.reports.published.tables"}  # the folder results/published, put beside what reads it
    assert (ROOT / setuptools["package-dir"]["decompbench.bench.reports.published.tables"] / "li2019.csv").is_file()
    listed = set(setuptools["packages"]) - data_only
    found = {
        "decompbench." + ".".join(path.parent.relative_to(ROOT).parts)
        for package in FORBIDDEN
        for path in (ROOT / package).rglob("__init__.py")
    }
    assert listed == found
    for package in FORBIDDEN:
        assert (ROOT / package / "py.typed").is_file()
