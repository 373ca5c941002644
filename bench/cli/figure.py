"""``decompbench figure``: figures for papers, from the records."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from ..suite.form_name import EAGER
from .options import DEFAULT_RESULTS, Results
from .shown_records import shown_records

EXAMPLE = "Example: decompbench figure pareto quick -o pareto.pdf"


def figure_command(
    kind: Annotated[str, typer.Argument(help="pareto, layers, curves, spectra, penalty, ranks or images.")],
    suite: Annotated[
        str | None, typer.Argument(help="A suite's name or its YAML file. Default: all that have records.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The file: .svg, .pdf or .png. Default: KIND.svg."),
    ] = None,
    filters: Annotated[
        list[str] | None,
        typer.Option("--filter", help="Only rows like method=tucker2 or conv_weights_percent<40. Repeatable."),
    ] = None,
    cost: Annotated[
        str,
        typer.Option(
            help="params, conv-fc, all-params, effective, macs, bits, disk or latency; of layers params, macs or bits."
        ),
    ] = "params",
    batch: Annotated[int | None, typer.Option(help="Batch size of the latency. Default: the smallest.")] = None,
    form: Annotated[str, typer.Option(help="How models were run for the latency.")] = EAGER,
    budget: Annotated[str, typer.Option(help="At which methods are ranked: params=30%, macs=50%, ...")] = "params=30%",
    metric: Annotated[str | None, typer.Option(help="What methods are ranked by. Default: the main metric.")] = None,
    published: Annotated[bool, typer.Option("--published", help="The papers' points, too, drawn hollow.")] = False,
    linear: Annotated[bool, typer.Option("--linear", help="Linear scales, not logarithmic ones.")] = False,
    quality_range: Annotated[
        tuple[float, float] | None, typer.Option(help="Lower and upper end of the axis of quality.")
    ] = None,
    width: Annotated[
        float, typer.Option(min=4, max=100, help="In cm: 17 over both columns of a paper, 8.5 over one.")
    ] = 17,
    models: Annotated[
        Path | None, typer.Option(help="Images: the folder of 'run --keep-models'.", file_okay=False)
    ] = None,
    image: Annotated[str | None, typer.Option(help="Images: a test image, such as bird. Default: the first.")] = None,
    crop: Annotated[
        str | None, typer.Option(help="Images: left, top and side of the square shown, 40,60,64. Default: the middle.")
    ] = None,
    pictures: Annotated[
        Path | None, typer.Option(help="Images: write them whole to this folder, as PNG.", file_okay=False)
    ] = None,
    results: Results = DEFAULT_RESULTS,
) -> None:
    """Draw quality against cost, layers, curves, singular values, penalties, ranks or images, from records."""
    from ...common.names import suggestion
    from ..base.errors import BenchError
    from ..reports.figures import FigureKind, Options, make_figure, save
    from ..reports.figures.style import check_path

    kinds = [str(one) for one in FigureKind]
    if kind not in kinds:
        raise BenchError(f"unknown figure '{kind}'{suggestion(kind, kinds)}; there are {', '.join(kinds)}")
    output = Path(f"{kind}.svg") if output is None else output
    check_path(output)
    options = Options(
        filters=filters or (),
        cost=cost,
        batch=batch,
        form=form,
        budget=budget,
        metric=metric,
        published=published,
        linear=linear,
        quality_range=quality_range,
        width=width,
        suite=suite,
        models=models,
        image=image,
        crop=_crop(crop),
        pictures=pictures,
    )
    save(make_figure(FigureKind(kind), shown_records(results, suite).records, options, on_note=_tell), output)
    print(output)


def _crop(text: str | None) -> tuple[int, int, int] | None:
    from ..base.errors import BenchError

    if text is None:
        return None
    parts = text.split(",")
    if len(parts) != 3 or not all(part.strip().isdecimal() for part in parts):
        raise BenchError(f"--crop {text}: left, top and side of a square in pixels, such as 40,60,64")
    left, top, side = map(int, parts)
    return left, top, side


def _tell(note: str) -> None:
    print(note, file=sys.stderr)
