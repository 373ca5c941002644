"""The cost of the training loop beside a bare one: forward, backward, step, on tensors that lie in memory.

Both take the same model, optimiser and batch size through the same number of steps, in turn, in one process; each
round gives a ratio of times, and the median over the rounds is printed with its quartiles. Ours has to draw, shift
and mirror its images, too, look at every loss, tell it, and keep its state when that is due, as a trial does. The
bare loop adds and steps the penalty by hand.

    OMP_WAIT_POLICY=passive python benchmarks/training_step.py
    OMP_WAIT_POLICY=passive python benchmarks/training_step.py --model resnet56 --batch 64 --rounds 5
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median

import torch
from timing import quartiles, timed
from torch import nn
from torch.nn import functional as F

from decompbench.bench.base.runtime import RuntimeSettings, configure
from decompbench.bench.data import ClassificationData
from decompbench.bench.suite.recipe import Recipe
from decompbench.bench.tasks.classification.task import Classification, ClassificationOptions
from decompbench.bench.training.callbacks import report_to
from decompbench.bench.training.checkpoint import Checkpoint
from decompbench.bench.training.train import train
from decompbench.methods import Method, Session, Tucker2, begin, get_method, plan
from decompbench.models import load_model

CLASSES = 10


def main() -> None:
    """Time the steps and print a table in Markdown."""
    options = parse()
    configure(RuntimeSettings(threads=options.threads))
    rows = {
        "plain": compare(options, get_method("dense")),
        "adaptive rank penalty": compare(options, Tucker2(0.5, learn="arp", epsilon=0)),
    }
    report(options, rows)


def parse() -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="resnet20")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--size", type=int, default=32, help="side of the images")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--steps", type=int, default=5, help="steps of each loop in a round")
    parser.add_argument("--rounds", type=int, default=15)
    return parser.parse_args()


def compare(options: argparse.Namespace, method: Method) -> list[tuple[float, float]]:
    """Return, for each round, the seconds that a step of the bare loop and one of ours take."""
    recipe = Recipe(epochs=1, batch_size=options.batch, optimizer="momentum", lr=1e-4, schedule="constant")
    task = Classification(noise(options.steps * options.batch, options.size), ClassificationOptions())
    bare = bare_loop(started(options, method), recipe, options)
    ours = our_loop(started(options, method), recipe, task)
    loops = {"bare": bare, "ours": ours}
    for loop in loops.values():
        loop()
    rounds = []
    for round_ in range(options.rounds):
        names = sorted(loops, reverse=bool(round_ % 2))
        times = {name: timed(loops[name], device=options.device)[0] / options.steps for name in names}
        rounds.append((times["bare"], times["ours"]))
    return rounds


def noise(count: int, size: int) -> ClassificationData:
    """Return images of noise with arbitrary labels; what is learnt from them is of no interest."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (count, 3, size, size), dtype=torch.uint8, generator=generator)
    labels = torch.randint(CLASSES, (count,), generator=generator)
    names = tuple(str(label) for label in range(CLASSES))
    return ClassificationData.create("noise", (images, labels), (images[:CLASSES], torch.arange(CLASSES)), names)


def started(options: argparse.Namespace, method: Method) -> Session:
    """Return a session with a method on a fresh network, always the same."""
    torch.manual_seed(0)
    model = load_model(options.model, num_classes=CLASSES)
    todo = plan(model, method, torch.zeros(1, 3, options.size, options.size))
    return begin(model.to(options.device), todo)


def our_loop(ours: Session, recipe: Recipe, task: Classification) -> Callable[[], None]:
    """Return one epoch of ``train``, as a trial calls it."""
    callbacks = report_to(lambda name, value: None)

    def loop() -> None:
        with tempfile.TemporaryDirectory() as folder:
            checkpoint = Checkpoint(Path(folder, "state"), "of this benchmark")
            train(ours.model, task, recipe, hooks=ours, callbacks=callbacks, checkpoint=checkpoint)

    return loop


def bare_loop(ours: Session, recipe: Recipe, options: argparse.Namespace) -> Callable[[], None]:
    """Return as many steps on one batch that lies in memory."""
    model: nn.Module = ours.model.to(memory_format=torch.channels_last).train()  # pyright: ignore[reportCallIssue]
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(options.batch, 3, options.size, options.size, generator=generator)
    images = images.to(options.device, memory_format=torch.channels_last)
    labels = torch.randint(CLASSES, (options.batch,), generator=generator).to(options.device)
    optimizer = torch.optim.SGD(
        model.parameters(), lr=recipe.lr, momentum=recipe.momentum, weight_decay=recipe.weight_decay
    )
    penalised = bool(ours.penalty().requires_grad)

    def loop() -> None:
        for _ in range(options.steps):
            loss = F.cross_entropy(model(images), labels)
            (loss + ours.penalty() if penalised else loss).backward()
            optimizer.step()
            optimizer.zero_grad()
            if penalised:
                ours.after_step()

    return loop


def report(options: argparse.Namespace, rows: dict[str, list[tuple[float, float]]]) -> None:
    """Print the table."""
    print(
        f"{options.model}, batch {options.batch}, {options.size}×{options.size}, {options.device}, {options.threads} "
        f"threads, torch {torch.__version__}; {options.rounds} rounds of {options.steps} steps of each\n"
    )
    print("| training | bare loop, ms a step | ours, ms a step | ratio | quartiles |")
    print("|---|---|---|---|---|")
    for name, rounds in rows.items():
        bare, ours = (1000 * median(column) for column in zip(*rounds, strict=True))
        ratios = [mine / other for other, mine in rounds]
        low, middle, high = quartiles(ratios)
        print(f"| {name} | {bare:.1f} | {ours:.1f} | {middle:.3f} | {low:.3f} to {high:.3f} |")


if __name__ == "__main__":
    main()
