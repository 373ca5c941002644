"""Where the checkout has what tests look at, wherever a test lies."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "results"
DOCS = ROOT / "docs"
TOOLS = ROOT / "tools"
