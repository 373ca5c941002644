"""``decompbench check``: does a method keep the promises that every method makes?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ..base.text import counted
from .options import AsJson, Plugins, import_plugins, output, parse_settings, print_json

if TYPE_CHECKING:
    from ...methods.conformance import ConformanceReport

EXAMPLE = "Example: decompbench check svd --quick"


def check_command(
    method: Annotated[str, typer.Argument(help="A method's name, see 'decompbench methods'.")],
    settings: Annotated[
        list[str] | None, typer.Option("--settings", "--set", help="A setting of the method: key=value.")
    ] = None,
    plugin: Plugins = None,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer convolutions: each value, not each pair.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run the conformance suite on a method; exit code 1 if it breaks a promise.

    Convolutions of all kinds and two small networks are compressed, run, counted, saved, loaded, traced, compiled,
    exported and trained.
    """
    from rich.console import Console

    from ...methods import get_method
    from ...methods.conformance import check_method

    import_plugins(plugin or [])
    chosen = get_method(method, **parse_settings(settings or []))
    with Console(stderr=True).status(f"checking {chosen}") as status:
        report = check_method(
            chosen,
            quick=quick,
            on_check=lambda name, number, count: status.update(f"{chosen}: {name} ({number} of {count})"),
        )
    if as_json:
        print_json({"quick": quick, **report.to_json()})
    else:
        _print_report(report)
    if not report.ok:
        raise typer.Exit(1)


def _print_report(report: ConformanceReport) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(show_edge=False, pad_edge=False)
    table.add_column("check", no_wrap=True)
    table.add_column("passed", justify="right")
    table.add_column("failed", justify="right")
    table.add_column("skipped")
    for result in report.results:
        failed = Text(str(len(result.failures)), style="bold red") if result.failures else Text("")
        table.add_row(result.name, str(result.passed), failed, Text(result.skipped_in_short()))
    console = output()
    console.print(table)
    broken = [result for result in report.results if result.failures]
    for result in broken:
        console.print(Text(f"\n{result.name} failed: {result.promise}\n{result.failures[0]}"), soft_wrap=True)
    outcome = f"breaks {counted(len(broken), 'promise')}" if broken else "keeps every promise that applies to it"
    console.print(Text(f"\n{report.method} {outcome}"), soft_wrap=True)
