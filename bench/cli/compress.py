"""``decompbench compress``: make one model smaller and save it, without training."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import (  # fmt: skip
    AboutLayers,
    Allocate,
    AsJson,
    BitsBudget,
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

EXAMPLE = "Example: decompbench compress resnet8 --pretrained true --method svd --params 0.3 -o r8.st"


def compress_command(
    model: Annotated[str, typer.Argument(help="A model's name, see 'decompbench models'.")],
    method: Annotated[str, typer.Option(help="A method's name, see 'decompbench methods'.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="File to write (safetensors).", dir_okay=False)],
    params: ParamsBudget = None,
    macs: MacsBudget = None,
    bits: BitsBudget = None,
    layers: AboutLayers = "conv",
    split: Split = None,
    pretrained: Annotated[
        str | None, typer.Option(help="'true', the data a packaged file was trained on, or a weights file.")
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(help="Height and width of the input the plan is made for; by default the model's own, or 32x32."),
    ] = None,
    settings: Annotated[list[str] | None, typer.Option("--set", help="A setting of the method: key=value.")] = None,
    options: Annotated[list[str] | None, typer.Option("--option", help="An option of the model: key=value.")] = None,
    nearest: Annotated[bool, typer.Option("--nearest", help="Take the nearest size to a budget out of reach.")] = False,
    allocate: Allocate = "uniform",
    plugin: Plugins = None,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Compress a model and save it; print the plan and what was written."""
    import torch

    from ...methods import begin, get_method, save
    from ...methods import plan as make_plan
    from ...models import load_model
    from ..base.errors import BenchError
    from ..base.runtime import seed_everything
    from ..planning.meta_model import own_input_size

    target = one_budget(params, macs, bits)
    if not out.parent.is_dir():
        raise BenchError(f"cannot write {out}: there is no folder {out.parent}")
    import_plugins(plugin or [])
    seed_everything(seed)
    source = pretrained == "true" or pretrained or False
    net = load_model(model, pretrained=source, **parse_settings(options or [])).eval()
    chosen = get_method(method, **parse_settings(settings or []))
    channels, *own_size = own_input_size(net)
    example = torch.zeros(1, channels, *(own_size if size is None else parse_size(size)))
    about = {"layers": layers, "split": parse_settings(split or []), "allocate": allocate}
    planned = make_plan(net, chosen, example, target, unreachable="nearest" if nearest else "error", **about)
    save(begin(net, planned, seed=seed).finish(), out)
    written = out.stat().st_size
    if as_json:
        shape = list(example.shape)
        print_json({"file": str(out), "bytes": written, "example": shape, "plan": planned.to_json(),
                    "layers": planned.rows()})  # fmt: skip
    else:
        shape = "×".join(map(str, example.shape[1:]))
        weights = "" if source else "\nthe model's weights are random: --pretrained true loads trained ones"
        ending = f"planned for an input of {shape}{weights}\nwrote {out} ({written:,} bytes)"
        output().print(f"{planned}\n{ending}", markup=False, highlight=False, soft_wrap=True)
