"""Methods that go wrong, each in another way. A suite imports them by its key ``plugins``."""

import os
import signal
import sys
import time
from dataclasses import dataclass
from typing import ClassVar

import torch

from decompbench.methods import SVD, Cost, Skip, register


@dataclass(frozen=True)
class Bad(SVD):
    """Shares everything with a method that works; the subclasses break one thing."""


@register("raising")
@dataclass(frozen=True)
class Raising(Bad):
    """Raises while compressing."""

    def compress_layer(self, conv, spec, generator):
        print("what a method prints is kept")
        raise RuntimeError(f"cannot compress {spec.path}")


@register("poisoned")
@dataclass(frozen=True)
class Poisoned(Bad):
    """Makes the loss not a number."""

    def start(self, convs, groups, generator):
        part = super().start(convs, groups, generator)
        part.penalty = lambda: torch.tensor(float("nan"))
        return part


@register("greedy")
@dataclass(frozen=True)
class Greedy(Bad):
    """Takes more memory than it may."""

    def compress_layer(self, conv, spec, generator):
        blocks = [torch.ones(2**26) for _ in range(64)]
        time.sleep(60)
        return blocks


@register("waiting")
@dataclass(frozen=True)
class Waiting(Bad):
    """Waits as long as the file in the environment variable ``WAIT_WHILE`` exists."""

    def compress_layer(self, conv, spec, generator):
        while os.path.exists(os.environ["WAIT_WHILE"]):
            time.sleep(0.1)
        return super().compress_layer(conv, spec, generator)


@register("dying")
@dataclass(frozen=True)
class Dying(Bad):
    """Has its process killed."""

    def compress_layer(self, conv, spec, generator):
        os.kill(os.getpid(), signal.SIGKILL)


@register("leaving")
@dataclass(frozen=True)
class Leaving(Bad):
    """Ends its process as if all were well."""

    def compress_layer(self, conv, spec, generator):
        sys.exit(0)


@register("lying")
@dataclass(frozen=True)
class Lying(Bad):
    """Says that it costs less than it does."""

    factor: ClassVar[float] = 0.5

    def layer_cost(self, spec):
        cost = super().layer_cost(spec)
        return Cost.of(cost.weights, round(self.factor * cost.macs)) if isinstance(cost, Cost) else cost


@register("unplannable")
@dataclass(frozen=True)
class Unplannable(Bad):
    """Has a fault in its formula."""

    def layer_cost(self, spec):
        raise ZeroDivisionError("a fault in the formula")


@register("idle")
@dataclass(frozen=True)
class Idle(Bad):
    """Touches nothing."""

    def layer_cost(self, spec):
        return Skip("not to its taste")
