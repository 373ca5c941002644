"""What allocating ranks and refitting to activations do to a trained network at once, before any training.

    DECOMPBENCH_DATA=FOLDER .venv/bin/python benchmarks/allocation.py

The network is the ResNet-20 of the suite `cifar10-jpeg-short` as its weights file has it. It is scored on 2,000
images held out of the training data; sensitivities and refits see others, and no test data is looked at.
"""

from __future__ import annotations

import argparse
import copy
import itertools

import torch
from torch import nn

from decompbench.bench.planning.build import create_trial_model, create_trial_task
from decompbench.bench.suite.load import load_suite
from decompbench.bench.suite.trial import expand
from decompbench.bench.tasks import Task
from decompbench.methods import Plan, Target, compress, get_method

ALLOCATIONS = ("uniform", "energy", "evbmf", "global", "sensitivity")
REFITTED = ("uniform", "energy", "global")
SAMPLES = 256
"""Inputs that a refit sees."""


def errors_of(dense: nn.Module, task: Task, name: str, budget: float, allocate: str, refit: str) -> tuple[float, float]:
    """Return the top-1 error in % of a compressed copy of a network, and its part of the MACs."""
    method, calibration = get_method(name, refit=refit, samples=SAMPLES), task.calibration_batches(2 * SAMPLES, 0)
    target = Target(params=budget)
    small = compress(copy.deepcopy(dense), method, task.example(), target, allocate=allocate, calibration=calibration)
    plan = small.decompbench_plan
    assert isinstance(plan, Plan)
    return 100 - task.evaluate(small)["top1"], plan.ratio("macs")


def main() -> None:
    """Print a Markdown table: top-1 error of every choice, at once and refitted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--methods", nargs="+", default=["svd", "tucker2"])
    parser.add_argument("--budgets", nargs="+", type=float, default=[0.5, 0.3, 0.15])
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)

    dense_trial = expand(load_suite("cifar10-jpeg-short"))[0]
    task = create_trial_task(dense_trial).validation_split(0.04)
    dense = create_trial_model(dense_trial, task.model_kwargs()).eval()
    print(f"dense: {100 - task.evaluate(dense)['top1']:.1f} % error\n")
    print("| method | params | allocate | MACs | error | with refit: ridge |")
    print("|---|---|---|---|---|---|")
    for name, budget, allocate in itertools.product(arguments.methods, arguments.budgets, ALLOCATIONS):
        error, macs = errors_of(dense, task, name, budget, allocate, "none")
        cells = [name, f"{100 * budget:g} %", allocate, f"{100 * macs:.0f} %", f"{error:.1f} %", ""]
        if allocate in REFITTED:
            cells[-1] = f"{errors_of(dense, task, name, budget, allocate, 'ridge')[0]:.1f} %"
        print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
