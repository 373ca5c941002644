"""Digests of source code: the same for code that does the same, wherever it lies and whatever it says about itself.

A module's digest is over its syntax tree without comments, docstrings, ``if TYPE_CHECKING`` and the places that names
are imported from. The digest of several modules is over their digests, in any order. So a mended comment, a moved
or renamed file, a reordered import and another line break change nothing; another constant, call or default does.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.util
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

#: The package that methods, models and bench are in.
PARENT = __name__.partition(".")[0]
#: Members of a syntax tree that depend on the version of Python or on how something is written.
_LEFT_OUT = frozenset({"ctx", "kind", "type_comment"})
_IMPORTS = (ast.Import, ast.ImportFrom)
_EMPTY_TEXT = ("Constant", ("value", "str ''"))


def source_digest(roots: Iterable[str], within: Iterable[str]) -> str:
    """Return the digest of some modules and of all that they import.

    Parameters
    ----------
    roots
        Modules, or packages for all modules in them, without the leading ``decompbench.``: ``methods.catalogue.svd``.
    within
        Packages and modules that imports are followed into, written likewise.
    """
    return _digest(module_digest(path) for path in import_closure(tuple(roots), tuple(within)).values())


def has_module(name: str) -> bool:
    """Tell whether there is a module or package of ours of a name, written without the leading ``decompbench.``."""
    return _file_of(name) is not None


def folder_digest(path: Path) -> str:
    """Return the digest of a file, or of all Python files in a folder, that belong to a package of somebody else."""
    return _digest(module_digest(file) for file in (sorted(path.rglob("*.py")) if path.is_dir() else [path]))


@functools.cache
def import_closure(roots: tuple[str, ...], within: tuple[str, ...]) -> dict[str, Path]:
    """Return the files of some modules and of all that they import, by module; parameters as for `source_digest`."""
    found: dict[str, Path] = {}
    waiting = [name for root in roots for name in _modules_in(root)]
    while waiting:
        name = waiting.pop()
        path = _file_of(name)
        if path is None or name in found:
            continue
        found[name] = path
        waiting += [other for other in _imported(name, path) if any(_is_in(other, package) for package in within)]
    return found


@functools.cache
def module_digest(path: Path) -> str:
    """Return the digest of one file.

    Raises
    ------
    SyntaxError
        It is not Python.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    imports = sorted({text for node in _run_time_imports(tree) for text in _import_texts(node)})
    return hashlib.sha256(repr((imports, _plain(tree))).encode()).hexdigest()


def _digest(digests: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(sorted(digests)).encode()).hexdigest()[:16]


def _plain(node: Any) -> Any:
    """Return a part of a syntax tree as tuples, without empty members, in which versions of Python differ."""
    if isinstance(node, ast.AST):
        members = [(name, _plain(value)) for name, value in ast.iter_fields(node) if name not in _LEFT_OUT]
        if isinstance(node, ast.JoinedStr):  # some versions of Python put empty texts between nested fields
            members = [("values", tuple(part for part in dict(members)["values"] if part != _EMPTY_TEXT))]
        return (type(node).__name__, *((name, value) for name, value in members if value not in (None, ())))
    if isinstance(node, list):
        return tuple(_plain(item) for item in node if not _says_nothing(item))
    return None if node is None else f"{type(node).__name__} {node!r}"


def _says_nothing(node: Any) -> bool:
    """Tell whether a statement is left out: a docstring, a block for types only, or an import, which counts by name."""
    is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    return is_text or _is_for_types(node) or isinstance(node, _IMPORTS)


def _is_for_types(node: Any) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def _run_time_imports(node: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """Yield the imports of a syntax tree, those in functions included, those for types only left out."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, _IMPORTS):
            yield child
        elif not _is_for_types(child):
            yield from _run_time_imports(child)


def _import_texts(node: Any) -> Iterator[str]:
    """Yield each imported name, with the module it comes from unless that is ours."""
    source = getattr(node, "module", None) or ""
    if isinstance(node, ast.ImportFrom) and node.module in ("__future__", "typing"):
        return
    ours = isinstance(node, ast.ImportFrom) and (node.level > 0 or source.partition(".")[0] == PARENT)
    for alias in node.names:
        yield f"{'' if ours else source}:{alias.name}:{alias.asname or ''}"


def _imported(name: str, path: Path) -> Iterator[str]:
    """Yield the modules of ours that a module imports, and the packages they are in."""
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    for node in _run_time_imports(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            base = [*base, *(node.module.split(".") if node.module else [])]
            if not node.level:
                if base[0] != PARENT:
                    continue
                base = base[1:]
            yield ".".join(base)
            yield from (".".join([*base, alias.name]) for alias in node.names)
        else:
            names = (alias.name.split(".") for alias in node.names)
            yield from (".".join(parts[1:]) for parts in names if parts[0] == PARENT)


def _is_in(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def _modules_in(name: str) -> list[str]:
    """Return a module, or the modules of a package."""
    path = _file_of(name)
    if path is None:
        raise ImportError(f"{PARENT}.{name} is no module")
    if path.name != "__init__.py":
        return [name]
    files = sorted(path.parent.rglob("*.py"))
    parts = [file.relative_to(path.parent).with_suffix("").parts for file in files]
    return [".".join((name, *(part for part in own if part != "__init__"))) for own in parts]


@functools.cache
def _file_of(name: str) -> Path | None:
    """Return the file of a module of ours, None where there is no such module; nothing is imported."""
    top, *rest = name.split(".")
    spec = importlib.util.find_spec(f"{PARENT}.{top}") if top else None
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent.joinpath(*rest)
    candidates = (path / "__init__.py", path.with_suffix(".py")) if rest else (path / "__init__.py",)
    return next((file for file in candidates if file.is_file()), None)
