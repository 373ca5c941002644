"""``decompbench baseline``: train a dense model and save its weights, as the packaged ones were made."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import AsJson, Plugins, import_plugins, output, parse_settings, print_json

if TYPE_CHECKING:
    from ..training.baseline import Baseline

EXAMPLE = "Example: decompbench baseline resnet14 --like resnet8 --set epochs=30 -o weights"


def baseline_command(
    model: Annotated[str, typer.Argument(help="A model's name, see 'decompbench models'.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder or .safetensors file to write.")] = Path(),
    like: Annotated[
        str | None, typer.Option(help="Train as the packaged baseline of this model is; default: MODEL.")
    ] = None,
    task: Annotated[str | None, typer.Option(help="Another task than the packaged baseline's.")] = None,
    data: Annotated[str | None, typer.Option(help="Other data, see 'decompbench data'.")] = None,
    recipe: Annotated[
        list[str] | None, typer.Option("--set", help="A field of the recipe: epochs=30; base=NAME takes a named one.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of weights and training.")] = None,
    plugin: Plugins = None,
    as_json: AsJson = False,
) -> None:
    """Train a dense model and save its weights with all that made them.

    Without options the packaged baseline of MODEL is made again, bit by bit on the same machine.
    """
    from ..running.progress import create_progress
    from ..training.callbacks import Callbacks
    from ..training.train_baseline import train_baseline

    import_plugins(plugin or [])
    progress = create_progress()
    chosen = _chosen(model, like, task, data, parse_settings(recipe or []))
    if seed is not None:
        chosen = replace(chosen, seed=seed)
    progress.note(f"training {chosen.model} on {chosen.data} for {chosen.recipe.total_epochs:g} epochs")

    def report(epoch: int, step: int, total: int, loss: float) -> None:
        if step % max(1, total // 20) == 0:
            progress.note(f"epoch {epoch}, step {step} of {total}, loss {loss:.4g}")

    result = train_baseline(chosen, out, callbacks=Callbacks(on_step=report))
    if as_json:
        print_json({"path": str(result.path), "metrics": result.metrics, "training": asdict(result.training)})
        return
    metrics = ", ".join(f"{name} {value:.4f}" for name, value in result.metrics.items())
    output().print(f"{metrics}\nwrote {result.path}", markup=False, highlight=False)


def _chosen(model: str, like: str | None, task: str | None, data: str | None, changes: dict[str, object]) -> Baseline:
    """Return the packaged baseline to follow with what was changed, or a new one where all is given."""
    from ..suite.load import change_recipe
    from ..suite.recipe import Recipe
    from ..training.baseline import Baseline, packaged_baseline

    if like is None and task is not None and data is not None:
        return Baseline(model, task, data, change_recipe(Recipe(), changes, "--set"))
    base = packaged_baseline(like or model)
    recipe = change_recipe(base.recipe, changes, "--set")
    return replace(base, model=model, task=task or base.task, data=data or base.data, recipe=recipe)
