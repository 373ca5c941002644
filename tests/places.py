"""Folders of the checkout that tests look at, whatever folder a test lies in."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "results"
DOCS = ROOT / "docs"
TOOLS = ROOT / "tools"
