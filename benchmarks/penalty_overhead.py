"""The overhead of the adaptive rank penalty on a training step, beside that of a full SVD in every step.

The same model takes ``--refresh`` steps without a penalty, as many with ours, and as many with the rival, in turn, in
one process; each round gives a ratio of times, and the median over the rounds is printed. A round holds one update of
the tracked subspaces; the exact one, of every ``--exact`` steps, is timed by itself and its share added. Besides the
time that went by, the time the CPUs worked for this process is given, which other programs disturb less.

    OMP_WAIT_POLICY=passive python benchmarks/penalty_overhead.py --model resnet56 --batch 64 --size 32
    OMP_WAIT_POLICY=passive python benchmarks/penalty_overhead.py --model torchvision/resnet50 --batch 16 --size 224
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from statistics import median

import torch
from timing import Timing, quartiles, timed
from torch import Tensor, nn
from torch.nn import functional as F

from decompbench.methods import Plan, Tucker2, begin, plan
from decompbench.methods.catalogue.learning.arp import RankPenalty
from decompbench.methods.numerics.unfolding import Unfolding
from decompbench.models import load_model

WARM_UP = 2
"""Steps of each kind that are not timed."""
Penalty = Callable[[], Tensor | None]
Constraint = tuple[Tensor, list[Unfolding]]


def main() -> None:
    """Time the steps and print a table in Markdown."""
    options = parse()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    model = load_model(options.model, num_classes=10).to(memory_format=options.memory_format).train()
    todo = learning_plan(model, options)
    session = begin(model, todo)
    constraints = constraints_of(model, todo)
    take_step = stepper(model, options)

    def tracked() -> None:
        take_step(session.penalty)
        session.after_step()
        session.converged()

    steps: dict[str, Callable[[], None]] = {
        "none": lambda: take_step(None),
        "tracked subspaces": tracked,
        "full SVD": lambda: take_step(lambda: full_svd_penalty(constraints)),
    }
    if not options.svd_rounds:
        del steps["full SVD"]
    for step in steps.values():
        timed(step, WARM_UP)
    ratios: dict[str, list[Timing]] = {name: [] for name in steps if name != "none"}
    dense = []
    for round_ in range(options.rounds):
        names = [name for name in steps if name != "full SVD" or round_ < options.svd_rounds]
        names = names[round_ % len(names) :] + names[: round_ % len(names)]
        times = {name: timed(steps[name], options.refresh) for name in names}
        dense.append(times["none"])
        for name in ratios.keys() & times.keys():
            wall, cpu = (with_it / without for with_it, without in zip(times[name], times["none"], strict=True))
            ratios[name].append((wall, cpu))
    wall, cpu = (median(clock) / options.refresh for clock in zip(*dense, strict=True))
    report(options, (wall, cpu), ratios, exact_seconds(constraints))


def parse() -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="resnet56")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--size", type=int, default=32, help="side of the images")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--svd-rounds", type=int, default=5, help="rounds that the rival takes part in")
    parser.add_argument("--refresh", type=int, default=5, help="steps between two updates of the subspaces")
    parser.add_argument("--exact", type=int, default=100, help="steps between two exact computations")
    parser.add_argument("--channels-last", action=argparse.BooleanOptionalAction, default=True)
    options = parser.parse_args()
    options.memory_format = torch.channels_last if options.channels_last else torch.contiguous_format
    return options


def learning_plan(model: nn.Module, options: argparse.Namespace) -> Plan:
    """Plan what yu2021 does: half the rank of 3×3 convs, 12/16 of that of 1×1 convs, which are in four groups."""
    method = Tucker2(8 / 16, groups_pointwise=4, learn="arp", refresh=options.refresh, exact=10**9)
    example = torch.zeros(1, 3, options.size, options.size)
    pointwise = [layer.path for layer in plan(model, method, example).layers if layer.spec.kernel_area == 1]
    return plan(model, method, example, overrides={path: {"rank": 12 / 16} for path in pointwise})


def constraints_of(model: nn.Module, todo: Plan) -> list[Constraint]:
    """Return the weights that are to be of low rank, with their unfoldings."""
    methods = {layer.path: (todo.method_of(layer), layer.spec) for layer in todo.layers}
    return [
        (model.get_submodule(path).get_parameter("weight"), method.unfoldings(spec))
        for path, (method, spec) in methods.items()
        if isinstance(method, Tucker2)
    ]


def stepper(model: nn.Module, options: argparse.Namespace) -> Callable[[Penalty | None], None]:
    """Return a function that takes one step of training, with a penalty or without."""
    images = torch.randn(options.batch, 3, options.size, options.size).to(memory_format=options.memory_format)
    labels = torch.randint(10, (options.batch,))
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-4, momentum=0.9, weight_decay=1e-4)

    def take_step(penalty: Penalty | None) -> None:
        loss = F.cross_entropy(model(images), labels)
        extra = penalty() if penalty is not None else None
        (loss if extra is None else loss + extra).backward()
        optimizer.step()
        optimizer.zero_grad()

    return take_step


def full_svd_penalty(constraints: list[Constraint]) -> Tensor:
    """Return the penalty as the paper writes it: both subspaces by SVD in every step, the rest by autograd."""
    total = torch.zeros(())
    for weight, unfoldings in constraints:
        for unfolding in unfoldings:
            for block in weight.transpose(0, unfolding.mode).chunk(unfolding.groups):
                matrix = block.flatten(1)
                basis = torch.linalg.svd(matrix.detach(), full_matrices=False)[0][:, : unfolding.block_rank]
                total = total + 0.005 * (matrix - basis @ (basis.mT @ matrix)).square().sum()
    return total


def exact_seconds(constraints: list[Constraint]) -> Timing:
    """Return what an exact computation of the subspaces takes more than an update; medians of three."""
    weights, unfoldings = zip(*constraints, strict=True)
    penalties = [
        RankPenalty(weights, unfoldings, eta=1e-6, max_strength=0.1, refresh=1, exact=exact) for exact in (10**9, 1)
    ]
    times: list[list[Timing]] = [[], []]
    for _ in range(4):
        for penalty, taken in zip(penalties, times, strict=True):
            taken.append(timed(penalty.penalty))
            penalty.after_step()
    update, exact = ([median(clock) for clock in zip(*taken[1:], strict=True)] for taken in times)
    return exact[0] - update[0], exact[1] - update[1]


def report(
    options: argparse.Namespace,
    dense: Timing,
    ratios: dict[str, list[Timing]],
    exact: Timing,
) -> None:
    """Print the table; ``dense`` is the seconds of a step without a penalty."""
    layout = "channels last" if options.channels_last else "contiguous"
    print(
        f"{options.model}, batch {options.batch}, {options.size}×{options.size}, {options.threads} threads, {layout}, "
        f"torch {torch.__version__}; a step without a penalty: {dense[0]:.2f} s, of all CPUs {dense[1]:.2f} s\n"
    )
    print("| penalty | rounds | wall overhead | quartiles | CPU overhead | quartiles |")
    print("|---|---|---|---|---|---|")
    for name, rounds in ratios.items():
        cells = [name, str(len(rounds))]
        for clock, values in enumerate(zip(*rounds, strict=True)):
            share = exact[clock] / options.exact / dense[clock] if name == "tracked subspaces" else 0.0
            low, middle, high = quartiles(values)
            cells.append(f"{100 * (middle - 1 + share):.1f} %")
            cells.append(f"{100 * (low - 1 + share):.1f} to {100 * (high - 1 + share):.1f} %")
        print(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
