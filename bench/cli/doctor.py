"""``decompbench doctor``: what this machine is, and what would spoil timings."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import AsJson, output, print_json

if TYPE_CHECKING:
    from ..checks.doctor import DoctorReport

EXAMPLE = "Example: decompbench doctor --strict && decompbench run quick"


def doctor_command(
    seconds: Annotated[float, typer.Option(min=0.1, help="How long to time two equal models, at most.")] = 5.0,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 where there is a warning.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show machine, software and settings, and warn of what would spoil timings.

    Two equal models are timed side by side: how far their ratio can be told from 1 is what this machine is good for at
    the moment.
    """
    from ..checks.doctor import examine, warnings_of

    report = examine(seconds)
    warnings = warnings_of(report)
    if as_json:
        print_json(asdict(report) | {"warnings": warnings})
    else:
        _print(report, warnings)
    if strict and warnings:
        raise typer.Exit(1)


def _print(report: DoctorReport, warnings: list[str]) -> None:
    from rich.table import Table
    from rich.text import Text

    console = output()
    table = Table.grid(padding=(0, 2))
    for title, values in _sections(report).items():
        table.add_row(Text(title, style="bold"))
        for name, value in values.items():
            table.add_row(f"  {name}", Text(_text(value)))
    console.print(table)
    probe = report.probe
    console.print(
        f"\ntwo equal models, {probe['threads']} threads: ratio {probe['ratio']:.3f} "
        f"[{probe['low']:.3f}, {probe['high']:.3f}] after {probe['rounds']} rounds",
        highlight=False,
        markup=False,
    )
    for warning in warnings:
        console.print(Text(f"warning: {warning}", style="yellow"), soft_wrap=True)
    if not warnings:
        console.print("nothing found that would spoil timings")


def _sections(report: DoctorReport) -> dict[str, dict[str, Any]]:
    """Return what to show, by title."""
    torch = dict(report.torch)
    forms = {form: refusal or "can be timed" for form, refusal in torch.pop("forms").items()}
    return {
        "machine": report.machine,
        "system": report.system,
        "torch": torch,
        "forms": forms,
        "packages": report.packages,
        "environment": report.environment or {"": "no variable that matters is set"},
        "code": {"revision": report.code or "not a working tree"},
        "folders": {name: f"{one['path']}" + _about(one) for name, one in report.folders.items()},
    }


def _about(folder: dict[str, Any]) -> str:
    return f" ({'' if folder['exists'] else 'not there yet, '}{folder['free'] / 2**30:.0f} GiB free)"


def _text(value: Any) -> str:
    """Return a value as people write it; bytes are told by their size."""
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) and value >= 2**20:
        return f"{value / 2**30:.1f} GiB"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return str(value)
