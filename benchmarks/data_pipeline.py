"""The cost of choosing, moving and augmenting images of CIFAR's size, beside a training step of ResNet-20.

In turn, in one process: an epoch of batches that nothing is done with, and a few training steps on one batch. Each
round gives a ratio of the times per batch; the median over the rounds is printed, with the quartiles. The epoch's
random numbers and what is moved once an epoch are in it. Besides the time that went by, the time the CPUs worked for
this process is given, which other programs disturb less; on a GPU it is what Python needs.

    python benchmarks/data_pipeline.py
    python benchmarks/data_pipeline.py --device cuda --images 50000 --steps 100
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from statistics import median

import torch
from timing import Timing, quartiles, timed
from torch.nn import functional as F

from decompbench.bench.data import ClassificationData
from decompbench.bench.tasks.classification.task import Classification, ClassificationOptions
from decompbench.models import load_model

STEP = "a training step"


def main() -> None:
    """Time batches and steps, and print a table in Markdown."""
    options = parse()
    torch.set_num_threads(options.threads)
    device = torch.device(options.device)
    data = noise(options.images)
    kinds: dict[str, tuple[Callable[[], None], int]] = {STEP: (stepper(options.batch, device), options.steps)}
    for name, variant in (
        ("crop and flip", ClassificationOptions()),
        ("crop, flip and cutout", ClassificationOptions(cutout=16)),
    ):
        kinds[name] = whole_epoch(Classification(data, variant), options.batch, device), 1
    batches = options.images // options.batch
    times: dict[str, list[Timing]] = {name: [] for name in kinds}
    for round_ in range(-1, options.rounds):  # the first is to warm up
        for name, (run, count) in kinds.items():
            seconds = timed(run, count, device)
            each = count if name == STEP else batches
            if round_ >= 0:
                times[name].append((seconds[0] / each, seconds[1] / each))
    report(options, device, times)


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--images", type=int, default=2560, help="in an epoch; CIFAR-10 has 50,000")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--steps", type=int, default=4, help="training steps a round")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


def noise(count: int) -> ClassificationData:
    """Images of the size of CIFAR-10's; what is in them costs no time."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (count, 3, 32, 32), generator=generator, dtype=torch.uint8)
    labels = torch.arange(count) % 10
    return ClassificationData.create("noise", (images, labels), (images[:10], labels[:10]), map(str, range(10)))


def whole_epoch(task: Classification, batch: int, device: torch.device) -> Callable[[], None]:
    """Return a function that makes all batches of an epoch."""
    generator = torch.Generator().manual_seed(0)

    def run() -> None:
        for _ in task.train_batches(batch, generator, device):
            pass

    return run


def stepper(batch: int, device: torch.device) -> Callable[[], None]:
    """Return a function that takes one training step, always on the same batch, as the training loop takes it."""
    torch.manual_seed(0)
    model = load_model("resnet20").to(device).to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    images = torch.randn(batch, 3, 32, 32, device=device).to(memory_format=torch.channels_last)
    target = torch.arange(batch, device=device) % 10

    def step() -> None:
        optimizer.zero_grad()
        F.cross_entropy(model(images), target).backward()
        optimizer.step()

    return step


def report(options: argparse.Namespace, device: torch.device, times: dict[str, list[Timing]]) -> None:
    """Print the table."""
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else f"{options.threads} CPU thread(s)"
    print(f"ResNet-20, batch {options.batch}, float32, {options.images:,} images an epoch,")
    print(f"{where}, torch {torch.__version__}\n")
    print("| a batch | ms | of a step | CPU ms | of a step's |")
    print("|---|---|---|---|---|")
    for name, own in times.items():
        cells = [name]
        for clock in (0, 1):
            shares = [100 * mine[clock] / step[clock] for mine, step in zip(own, times[STEP], strict=True)]
            low, middle, high = quartiles(shares)
            cells.append(f"{1000 * median(mine[clock] for mine in own):.2f}")
            cells.append("" if name == STEP else f"{middle:.2f} % [{low:.2f}, {high:.2f}]")
        print(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
