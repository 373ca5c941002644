"""``decompbench latency``: time a model and its compressed versions side by side, without training."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..base.text import counted
from .options import (  # fmt: skip
    AboutLayers,
    AsJson,
    BitsBudget,
    Device,
    MacsBudget,
    ParamsBudget,
    Plugins,
    Split,
    import_plugins,
    one_budget,
    output,
    parse_settings,
    parse_size,
    print_json,
)

if TYPE_CHECKING:
    from ..measure import Comparison

EXAMPLE = "Example: decompbench latency resnet20 --method svd --method tucker2 --macs 0.5"
DENSE = "dense"


def latency_command(
    model: Annotated[str, typer.Argument(help="A model's name, see 'decompbench models'.")],
    method: Annotated[list[str], typer.Option(help="A method's name, see 'decompbench methods'. Repeatable.")],
    params: ParamsBudget = None,
    macs: MacsBudget = None,
    bits: BitsBudget = None,
    layers: AboutLayers = "conv",
    split: Split = None,
    batch: Annotated[int, typer.Option(min=1, help="Images at a time.")] = 1,
    size: Annotated[str | None, typer.Option(help="Height and width, HxW; the model's own, or 32x32.")] = None,
    form: Annotated[str, typer.Option(help="eager, or channels_last, bf16, compile, onnx, cudagraph, with '+'.")] = (
        "eager"
    ),
    seconds: Annotated[float, typer.Option(min=0.1, help="How long at most.")] = 20.0,
    half_width: Annotated[float, typer.Option(min=0.0, help="End when all ratios are known so well.")] = 0.01,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads.")] = None,
    cold: Annotated[bool, typer.Option("--cold", help="Empty the last cache before every call.")] = False,
    options: Annotated[list[str] | None, typer.Option("--option", help="An option of the model: key=value.")] = None,
    nearest: Annotated[bool, typer.Option("--nearest", help="Take the nearest size to a budget out of reach.")] = False,
    plugin: Plugins = None,
    device: Device = "cpu",
    as_json: AsJson = False,
) -> None:
    """Time a dense model and its compressed versions in turn, each deployed, with random weights.

    The ratio to the dense model is taken within rounds; its interval is of 99 %. What spoils timings is told.
    """
    import torch

    from ...methods import begin, deploy, get_method
    from ...methods import plan as make_plan
    from ...models import load_model
    from ..base.machine import describe_machine
    from ..base.runtime import RuntimeSettings, configure, device_name, seed_everything
    from ..measure import compare
    from ..measure.forms import layout_of, require
    from ..measure.intervals import CONFIDENCE
    from ..planning.meta_model import own_input_size

    target = one_budget(params, macs, bits)
    if len({DENSE, *method}) <= len(method):
        raise typer.BadParameter(f"a method is named twice ({DENSE} is always there)")
    device_name(device)
    require(form, torch.device(device).type)
    import_plugins(plugin or [])
    configure(RuntimeSettings(threads=threads))
    seed_everything(0)
    net = load_model(model, **parse_settings(options or [])).eval().to(device)
    net = net.to(memory_format=layout_of(form))  # pyright: ignore[reportCallIssue]
    channels, *own_size = own_input_size(net)
    one = torch.randn(1, channels, *(own_size if size is None else parse_size(size)), device=device)
    example = one.expand(batch, -1, -1, -1).contiguous(memory_format=layout_of(form))
    timed, plans = {DENSE: deploy(net, example)}, {}
    about = {"layers": layers, "split": parse_settings(split or [])}
    for name in method:
        how = "nearest" if nearest else "error"
        plans[name] = make_plan(net, get_method(name), one, target, unreachable=how, **about)
        timed[name] = deploy(begin(copy.deepcopy(net), plans[name], seed=0).finish(), example)
    found = compare(timed, example, form=form, seconds=seconds, half_width=half_width, cold=cold)
    rows = [_row(name, found, plans.get(name)) for name in timed]
    summary = {"model": model, "shape": list(example.shape), "form": form, "device": device, "threads": found.threads,
               "cores": found.cores, "cold": cold, "rounds": found.rounds, "ended": found.ended, "warm": found.warm,
               "confidence": CONFIDENCE, "machine": describe_machine()["id"],
               "noise": found.conditions.describe()}  # fmt: skip
    if as_json:
        print_json(summary | {"rows": rows})
    else:
        _print(summary, rows)


def _row(name: str, found: Comparison, plan: Any) -> dict[str, Any]:
    timing, ratio = found.timings[name], found.ratio(name)
    return {
        "method": name,
        "weights_percent": 100.0 if plan is None else 100 * plan.after.weights / plan.before.weights,
        "macs_percent": 100.0 if plan is None else 100 * plan.after.macs / plan.before.macs,
        "milliseconds": 1000 * timing.median.value,
        "low": 1000 * timing.median.low,
        "high": 1000 * timing.median.high,
        "ratio": ratio.value,
        "ratio_low": ratio.low,
        "ratio_high": ratio.high,
        "samples": (1000 * timing.samples).tolist(),
        "note": plan.note if plan is not None else None,
    }


def _print(summary: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(show_edge=False, pad_edge=False)
    for number, column in enumerate(("method", "weights %", "MACs %", "ms", "ratio to dense")):
        table.add_column(column, justify="right" if number else "left", no_wrap=True)
    for row in rows:
        ratio = f"{row['ratio']:.3f} [{row['ratio_low']:.3f}, {row['ratio_high']:.3f}]"
        sizes = (f"{row['weights_percent']:.1f}", f"{row['macs_percent']:.1f}", f"{row['milliseconds']:.3f}")
        table.add_row(Text(row["method"]), *sizes, "" if row["method"] == DENSE else ratio)
    console = output()
    console.print(table)
    shape = "×".join(map(str, summary["shape"]))
    because = {"narrow": "all intervals are narrow enough", "time": "the time is spent", "rounds": "there are enough"}
    threads = counted(summary["threads"], "thread")
    cold = ", cold caches" if summary["cold"] else ""
    ending = f"{summary['rounds']} rounds, as {because[summary['ended']]}"
    console.print(
        f"{summary['model']}, {shape}, {summary['form']}, {summary['device']}, {threads}{cold}; {ending}",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    for row in rows:
        if row["note"]:
            console.print(Text(f"{row['method']}: {row['note']}"), soft_wrap=True)
    if not summary["warm"]:
        console.print(Text("not warm: times were still changing when sampling began", style="yellow"), soft_wrap=True)
    for text in summary["noise"]:
        console.print(Text(f"noisy: {text}", style="yellow"), soft_wrap=True)
