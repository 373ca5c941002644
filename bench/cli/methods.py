"""``decompbench methods``: what can be compared."""

from __future__ import annotations

from .common import AsJson, print_list

EXAMPLE = "Example: decompbench methods --json"


def methods_command(as_json: AsJson = False) -> None:
    """List the methods, those of plugins included, with their settings."""
    from ...methods import get_method, list_methods

    rows = []
    for name in list_methods():
        method = get_method(name)
        knob = method.knob
        rows.append(
            {
                "method": name,
                "kind": method.kind,
                "version": method.version,
                "knob": knob.field if knob else None,
                "paper": method.paper,
                "summary": method.summary(),
                "settings": method.settings(),
            }
        )
    print_list(rows, ("method", "kind", "knob", "paper", "summary"), as_json)
