"""The options ``--format`` and ``--output`` of the verbs that print tables, and the one function behind them.

A verb names its formats in a constant, declares ``format_option`` and :data:`OutputPath`, asks :func:`choose_output`
before it works, and hands :func:`write_output` a writer for each format. The flags of before, ``--markdown`` and the
like, stay for one version as hidden options.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from ...common.names import suggestion
from ...common.plain import plain_json
from ..base.errors import BenchError
from .options import UNFOLDED, output, stream_encoding

TERMINAL, HTML = "terminal", "html"

OutputPath = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", metavar="PATH", help="File to write to, or of html the folder. Default: standard output."
    ),
]
OldMarkdown = Annotated[bool, typer.Option("--markdown", hidden=True)]
OldLatex = Annotated[bool, typer.Option("--latex", hidden=True)]
OldCsv = Annotated[bool, typer.Option("--csv", hidden=True)]
OldJson = Annotated[bool, typer.Option("--json", hidden=True)]
OldHtml = Annotated[Path | None, typer.Option("--html", metavar="DIR", hidden=True)]

#: Prints to a console.
Printer = Callable[[Console], None]
#: Returns the whole text.
Writer = Callable[[], str]


def format_option(formats: Sequence[str]) -> Any:
    """Return the declaration of ``--format`` for a verb that has these formats; it refuses all others."""

    def check(value: str | None) -> str | None:
        if value is not None and value not in formats:
            raise typer.BadParameter(f"no format '{value}'{suggestion(value, formats)}; there is {', '.join(formats)}")
        return value

    told = f"{', '.join(formats[:-1])} or {formats[-1]}. Default: {TERMINAL}."
    return typer.Option("--format", metavar="FORMAT", callback=check, help=told)


@dataclass(frozen=True)
class Destination:
    """Where a verb's result goes, and how it is written.

    Attributes
    ----------
    format
        One of the verb's formats.
    path
        A file, or of html the folder that gets ``index.html``; None for standard output.
    """

    format: str
    path: Path | None

    @property
    def file(self) -> Path | None:
        """The file that is written; None for standard output."""
        if self.path is None or self.format != HTML or self.path.suffix.lower() in (".html", ".htm"):
            return self.path
        return self.path / "index.html"


def choose_output(chosen: str | None, path: Path | None, old: Mapping[str, bool | Path | None]) -> Destination:
    """Return format and place as asked for; a note on standard error gives the new form of an old flag.

    Parameters
    ----------
    chosen, path
        Of ``--format`` and ``--output``.
    old
        By format whether its old flag was given; of html the folder that was given with it.

    Raises
    ------
    typer.BadParameter
        More than one format or place was asked for, or a page is to be printed on a terminal.
    """
    flags = {name: value for name, value in old.items() if value}
    asked = [f"--{name}" for name in flags] + (["--format"] if chosen is not None else [])
    if len(asked) > 1:
        raise typer.BadParameter(f"give one of {' and '.join(asked)}")
    for name, value in flags.items():
        chosen, new = name, f"--format {name}"
        if isinstance(value, Path):
            if path is not None:
                raise typer.BadParameter(f"give one of --{name} and --output")
            path, new = value, f"{new} --output {value}"
        print(f"note: --{name} is now {new} and will be removed", file=sys.stderr)
    if chosen == HTML and path is None and sys.stdout.isatty():
        raise typer.BadParameter("--format html needs --output DIR or FILE.html, or a pipe")
    return Destination(chosen or TERMINAL, path)


def write_output(where: Destination, writers: Mapping[str, Writer], printer: Printer | None = None) -> None:
    """Write a verb's result in the format that was asked for; name the file, where it is written to one.

    Parameters
    ----------
    where
        From :func:`choose_output`.
    writers
        By format the function that returns the text.
    printer
        Prints the result for people, in the format ``terminal``; None where the caller writes another format.

    Raises
    ------
    BenchError
        The file cannot be written.
    """
    file = where.file
    if where.format == TERMINAL and printer is not None:
        if file is None:
            printer(output())
            return
        text = _printed(printer)
    else:
        text = writers[where.format]()
    if file is None:
        _write_to_stdout(text, where.format)
        return
    from ...common.files import require_writable, write_atomically

    try:
        require_writable(file.parent)
        write_atomically(file, text.encode())
    except OSError as error:
        raise BenchError(f"cannot write {file}: {error.strerror or error}") from None
    print(file)


def _write_to_stdout(text: str, format: str) -> None:
    """Write a text; where the stream is not UTF-8, JSON is escaped, and a page is UTF-8 all the same, as it says."""
    if format == HTML and isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.flush()
        sys.stdout.buffer.write(text.encode())
        return
    sys.stdout.write(plain_json(text, stream_encoding(sys.stdout)) if format == "json" else text)


def _printed(printer: Printer) -> str:
    """Return the text that a pipe would get."""
    console = Console(file=io.StringIO(), width=UNFOLDED, force_terminal=False, color_system=None)
    printer(console)
    return console.file.getvalue()  # pyright: ignore[reportAttributeAccessIssue]
