"""Settings of one row of a suite, compared on a split of the training data: the test data decides nothing.

    python tools/settings_on_split.py cifar10-jpeg-short tucker2-arp eta=1e-3,1e-2 max_strength=0.1,1

A tenth of every class's training images is held out. The dense model is trained on the others as the suite has it, by
the entry's baseline or, for packaged weights, by the recipe that made them. From there every combination of the
settings is trained at each of the row's budgets by the entry's recipe; what is printed is measured on the tenth.
Weights that a suite takes from a file may have been trained on the tenth, too: all combinations start from the same.
"""

from __future__ import annotations

import argparse
import copy
import itertools
from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from torch import nn

from decompbench.bench import load_suite
from decompbench.bench.base.yaml import parse_value
from decompbench.bench.planning.build import configure_trial, create_trial_method, create_trial_model, create_trial_plan
from decompbench.bench.suite.recipe import Recipe
from decompbench.bench.suite.trial import Trial, expand
from decompbench.bench.tasks import Task, create_task
from decompbench.bench.training.baseline import packaged_baseline
from decompbench.bench.training.train import train
from decompbench.methods import begin
from decompbench.methods.lifecycle.tensor_file import write_tensors


def main() -> None:
    """Print a table in Markdown, a line as soon as it is there."""
    options = parse()
    trials = trials_of(options.suite, options.row, options.model, options.seed)
    first = trials[0]
    configure_trial(first)
    task = create_task(first.task, first.resolved_data(), **first.task_options).validation_split(options.fraction)
    dense = start_of(first, task, options.start)
    names = [name for name, _ in options.grid]
    metric = task.metrics[0]
    print(f"start: {task.evaluate(dense)[metric.name]:.2f} {metric.unit}", flush=True)
    print(
        f"| budget | {''.join(f'{name} | ' for name in names)}before dec. | after dec. | end, {metric.unit} | steps |"
    )
    print("| --- | " + "---: | " * (len(names) + 4), flush=True)
    for trial, values in itertools.product(trials, itertools.product(*(values for _, values in options.grid))):
        row = line_of(trial, dict(zip(names, values, strict=True)), task, dense)
        print(f"| {trial.budget or ''} | " + "".join(f"{value} | " for value in values) + row, flush=True)


def parse() -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suite", help="name or file")
    parser.add_argument("row", help="label of a method of the suite, or its name")
    parser.add_argument("grid", nargs="*", type=values_of, help="settings with their values: eta=1e-3,1e-2")
    parser.add_argument("--model", help="of the suite's, where several have the row")
    parser.add_argument("--seed", type=int, default=0, help="of the trials; the split is the same for all seeds")
    parser.add_argument("--fraction", type=float, default=0.1, help="of the training data that is held out")
    parser.add_argument("--start", type=Path, help="file that keeps the dense model's weights for the next call")
    return parser.parse_args()


def values_of(text: str) -> tuple[str, list[Any]]:
    """Return a setting's name and its values, read as a suite reads them."""
    name, _, values = text.partition("=")
    return name, [parse_value(one) for one in values.split(",")]


def trials_of(suite: str, row: str, model: str | None, seed: int) -> list[Trial]:
    """Return a row's trials, one for each budget."""
    trials = [
        trial
        for trial in expand(load_suite(suite))
        if trial.method.row == row and model in (None, trial.model) and trial.seed == seed
    ]
    if not trials:
        raise SystemExit(f"{suite} has no row {row!r} with seed {seed}" + (f" of {model}" if model else ""))
    return trials


def start_of(trial: Trial, task: Task, kept: Path | None) -> nn.Module:
    """Return the dense model, trained on what the split leaves."""
    if trial.baseline is None and trial.pretrained is True:
        made = packaged_baseline(trial.model, trial.data)
        fresh, recipe, seed = trial.model_copy(update={"pretrained": False}), made.recipe, made.seed
    else:
        fresh, recipe, seed = trial, trial.baseline.recipe if trial.baseline else Recipe(epochs=0), trial.seed
    model = create_trial_model(fresh, task.model_kwargs())
    if kept is not None and kept.exists():
        model.load_state_dict(load_file(kept))
        return model
    train(model, task, recipe, seed=seed)
    if kept is not None:
        write_tensors({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, kept, {})
    return model


def line_of(trial: Trial, changes: dict[str, Any], task: Task, dense: nn.Module) -> str:
    """Return what one combination comes to: the metric before and after decomposition and at the end, and the steps."""
    metric = task.metrics[0].name
    method = create_trial_method(trial).with_settings(**changes)
    model = copy.deepcopy(dense)
    plan = create_trial_plan(trial, method, model, task.example())
    session = begin(model, plan, seed=trial.seed)
    begun = task.evaluate(session.model)[metric]
    result = train(session.model, task, trial.recipe, seed=trial.seed, hooks=session, teacher=dense)
    trained = task.evaluate(session.model)[metric]
    at_end = session.decomposes_at == "finish"
    end = task.evaluate(session.finish())[metric]
    before, after = (trained, end) if at_end else (task.evaluate(dense)[metric], begun)
    return f"{before:.2f} | {after:.2f} | {end:.2f} | {result.steps} |"


if __name__ == "__main__":
    main()
