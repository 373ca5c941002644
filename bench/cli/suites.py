"""``decompbench suites``: what ships with the package."""

from __future__ import annotations

from .options import AsJson, print_list

EXAMPLE = "Example: decompbench suites"


def suites_command(as_json: AsJson = False) -> None:
    """List the packaged suites. Any YAML file with the same keys works, too."""
    from ..suite.load import load_suite, packaged_suites
    from ..suite.trial import expand

    rows = []
    for name, path in packaged_suites().items():
        suite = load_suite(name)
        trials = expand(suite)
        rows.append(
            {
                "name": name,
                "version": suite.version,
                "trials": len(trials),
                "tables": list(dict.fromkeys(trial.table for trial in trials)),
                "description": suite.description,
                "path": str(path),
            }
        )
    print_list(rows, ("name", "version", "trials", "tables", "description"), as_json)
