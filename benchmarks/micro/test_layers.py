"""One convolution, by every registered method: compressing it, a training step, the deployed layer's forward pass.

    make bench                     # three layers, one image: a few minutes
    make bench BENCH_ALL=1         # all layers, 1 and 32 images

A group is one layer, one batch size and one kind of work, with a row for each method and one for the dense layer.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import product

import pytest
import torch
from torch import Tensor, nn
from tracked.work import (
    METHODS,
    THREADS,
    NothingToMeasure,
    compressed,
    deployed_forward,
    fresh_input,
    make_plan,
    training_step,
)

from decompbench.methods import Plan, Select


@dataclass(frozen=True)
class Layer:
    """A convolution as networks for 224×224 images have it, with the size of its input."""

    in_channels: int
    out_channels: int
    kernel: int
    size: int

    def conv(self) -> nn.Sequential:
        """Return the convolution, its weights always the same."""
        torch.manual_seed(0)
        same = self.kernel // 2
        return nn.Sequential(nn.Conv2d(self.in_channels, self.out_channels, self.kernel, padding=same, bias=False))

    def input(self, batch: int) -> Tensor:
        """Return an input ``(batch, c, size, size)``."""
        return fresh_input(batch, self.in_channels, self.size, self.size)

    def __str__(self) -> str:
        return f"{self.in_channels}-{self.out_channels}-{self.kernel}x{self.kernel}-{self.size}px"


QUICK = (Layer(64, 64, 3, 56), Layer(256, 256, 3, 14), Layer(256, 1024, 1, 14))
OTHERS = (Layer(256, 256, 3, 28), Layer(512, 512, 3, 7))
ALL = bool(os.environ.get("BENCH_ALL"))
LAYERS = QUICK + OTHERS if ALL else QUICK
BATCHES = (1, 32) if ALL else (1,)


def cases(*parts: tuple[object, ...]) -> pytest.MarkDecorator:
    """Parametrise by layer and more; methods come last, so that those of a group are measured one after the other."""
    names = ("layer", "batch", "method") if len(parts) == 2 else ("layer", "method")
    points = list(product(LAYERS, *parts))
    ids = ["-".join([str(point[0]), *(f"batch{batch}" for batch in point[1:-1]), str(point[-1])]) for point in points]
    return pytest.mark.parametrize(names, points, ids=ids)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    yield
    torch.set_num_threads(before)


def planned(layer: Layer, method: str, example: Tensor) -> Plan:
    """Return the plan of a lone convolution, or skip with the reason the method has."""
    try:
        return make_plan(method, layer.conv(), example, select=Select())
    except NothingToMeasure as reason:
        pytest.skip(f"{method}: {reason}")


def label(benchmark, table: str, layer: Layer, method: str) -> None:
    """Name the group, and what the report needs to know."""
    benchmark.group = f"{table}: {layer}"
    benchmark.extra_info.update(table=table, layer=str(layer), method=method)


@cases(METHODS)
def test_compress(benchmark, layer, method):
    example = layer.input(1)
    plan = planned(layer, method, example)
    label(benchmark, "compress", layer, method)
    benchmark.pedantic(
        compressed, setup=lambda: ((layer.conv(), plan, example), {}), rounds=5, warmup_rounds=1, iterations=1
    )


@cases(BATCHES, METHODS)
def test_train_step(benchmark, layer, batch, method):
    example = layer.input(batch).requires_grad_()
    plan = planned(layer, method, example)
    label(benchmark, f"train step, batch {batch}", layer, method)
    benchmark(training_step(layer.conv(), plan, example))


@cases(BATCHES, METHODS)
def test_forward(benchmark, layer, batch, method):
    example = layer.input(batch)
    plan = planned(layer, method, example)
    label(benchmark, f"deployed forward, batch {batch}", layer, method)
    benchmark(deployed_forward(layer.conv(), plan, example))
