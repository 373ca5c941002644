"""What allocating ranks and refitting to activations do to a trained network at once, before any training.

    DECOMPBENCH_DATA=FOLDER .venv/bin/python benchmarks/allocation.py

The network is the ResNet-20 of the suite `cifar10-jpeg-short` as its weights file has it. It is scored on a tenth of
the training data; sensitivities and refits see other inputs of the training data, and no test data is looked at.
"""

from __future__ import annotations

import argparse
import copy
import time
from collections.abc import Iterator

import torch

from decompbench.bench.planning.build import create_trial_model, create_trial_task
from decompbench.bench.suite.load import load_suite
from decompbench.bench.suite.trial import expand
from decompbench.methods import Target, compress, get_method

ALLOCATIONS = ("uniform", "energy", "evbmf", "global", "sensitivity")


def choices(name: str) -> Iterator[tuple[str, str]]:
    """Yield allocation and refit of each row of a method."""
    refits = ("ridge",) if name in ("spatial-svd", "basis") else ("ridge", "whitened")
    for allocate in ALLOCATIONS:
        yield allocate, "none"
    for refit in refits:
        yield "uniform", refit
    for refit in refits:
        yield "global", refit


def main() -> None:
    """Print a Markdown table: top-1 error and summed relative error of every choice."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--methods", nargs="+", default=["svd", "tucker2"])
    parser.add_argument("--budgets", nargs="+", type=float, default=[0.3, 0.15])
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)

    dense_trial = expand(load_suite("cifar10-jpeg-short"))[0]
    task = create_trial_task(dense_trial).validation_split(0.1)
    dense = create_trial_model(dense_trial, task.model_kwargs()).eval()
    example = task.example()
    print(f"dense: {100 - task.evaluate(dense)['top1']:.2f} % error\n")
    print("| method | budget | allocate | refit | params | MACs | error | seconds |")
    print("|---|---|---|---|---|---|---|---|")
    for name in arguments.methods:
        for budget in arguments.budgets:
            for allocate, refit in choices(name):
                method = get_method(name, refit=refit)
                calibration = task.calibration_batches(512, seed=0)
                start = time.perf_counter()
                small = compress(copy.deepcopy(dense), method, example, Target(params=budget), allocate=allocate,
                                 calibration=calibration)  # fmt: skip
                seconds = time.perf_counter() - start
                plan = small.decompbench_plan
                error = 100 - task.evaluate(small)["top1"]
                print(f"| {name} | {100 * budget:g} % | {allocate} | {refit} | {100 * plan.ratio():.2f} % | "
                      f"{100 * plan.ratio('macs'):.1f} % | {error:.2f} % | {seconds:.1f} |", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
