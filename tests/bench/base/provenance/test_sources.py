"""Digests of sources: what changes them, and what does not."""

from __future__ import annotations

import ast
import textwrap
from pathlib import Path

import pytest

from decompbench.bench.base.provenance import sources
from decompbench.bench.base.provenance.sources import folder_digest, import_closure, module_digest, source_digest

SOURCE = """
from __future__ import annotations

import math
from typing import TYPE_CHECKING

from .cost import Cost, Skip
from ..numerics.linear import ridge

if TYPE_CHECKING:
    from .plan import Plan

RANK = 0.5


class Method:
    '''A method.'''

    rank: float = RANK
    '''Its rank.'''

    def cost(self, spec: int) -> Cost:
        '''Return the cost.'''
        return Cost(math.ceil(self.rank * spec), f"{spec} of {ridge}")
"""


@pytest.fixture
def digest_of(tmp_path: Path):
    """Return a function that gives the digest of a text."""

    def digest(text: str, name: str = "module.py") -> str:
        path = tmp_path / name
        path.write_text(textwrap.dedent(text))
        module_digest.cache_clear()
        return module_digest(path)

    return digest


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("RANK = 0.5", "# a comment\nRANK = 0.5  # and another"),
        ("A method.", "A method, explained better."),
        ("        '''Return the cost.'''\n", ""),
        ("RANK = 0.5", "RANK = (\n    0.5\n)"),
        ("from .cost import Cost, Skip", "from .contract.cost import Cost\nfrom .contract.skip import Skip"),
        ("from ..numerics.linear import ridge\n", ""),
        ("    from .plan import Plan", "    from .plan.plan import Plan, Layer"),
        ("import math\n", ""),
    ],
)
def test_what_changes_no_result_changes_no_digest(digest_of, old, new):
    assert old in SOURCE
    changed = SOURCE.replace(old, new)
    if "import" in old and not new:  # moved to where it is used
        changed = changed.replace("        return", f"        {old.strip()}\n        return")
    ast.parse(textwrap.dedent(changed))
    assert digest_of(changed) == digest_of(SOURCE)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("RANK = 0.5", "RANK = 0.4"),
        ("RANK = 0.5", "RANK = '0.5'"),
        ("math.ceil", "math.floor"),
        ("self.rank * spec", "spec * self.rank"),
        (" of ", " off "),
        ("rank: float = RANK", "rank: float = 1.0"),
        ("import math", "import cmath as math"),
        ("import Cost, Skip", "import Cost as Skip, Skip as Cost"),
    ],
)
def test_what_can_change_a_result_changes_the_digest(digest_of, old, new):
    assert old in SOURCE
    assert digest_of(SOURCE.replace(old, new)) != digest_of(SOURCE)


def test_versions_of_python_agree_on_nested_fields():
    """Python 3.12.0 to 3.12.3 put an empty text into the tree of a nested format."""
    tree = ast.parse('f"{key:{width}} of {total}"')
    before = sources._plain(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            node.values = [part for one in node.values for part in (ast.Constant(""), one)]
    assert sources._plain(tree) == before


def test_a_moved_or_renamed_file_keeps_its_digest(digest_of, tmp_path):
    assert digest_of(SOURCE, "one.py") == digest_of(SOURCE, "two.py")
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder, names in zip(folders, (("x.py", "y.py"), ("sub/p.py", "q.py")), strict=True):
        for name, text in zip(names, (SOURCE, "X = 1"), strict=True):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
    assert folder_digest(folders[0]) == folder_digest(folders[1])


def test_a_closure_is_what_a_method_imports_and_no_other_method():
    within = ("methods.catalogue", "methods.contract", "methods.numerics")
    found = import_closure(("methods.catalogue.svd",), within)
    assert {"methods.catalogue.svd", "methods.contract.method", "methods.numerics.linear"} <= found.keys()
    assert not any("tucker2" in name or "kmeans" in name for name in found)
    assert all(path.is_file() for path in found.values())
    assert import_closure(("methods.catalogue.svd",), ()).keys() == {"methods.catalogue.svd"}


def test_a_part_that_is_no_module_is_said():
    with pytest.raises(ImportError, match=r"methods\.catalogue\.nothing is no module"):
        source_digest(("methods.catalogue.nothing",), ())
