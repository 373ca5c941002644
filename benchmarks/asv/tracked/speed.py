"""Time and memory of compressing, training and running ResNet-20, for every method."""

from __future__ import annotations

from functools import cache

import torch

from .attributes import described
from .work import (
    METHODS,
    THREADS,
    Work,
    compressed,
    deployed_forward,
    fresh_input,
    fresh_model,
    make_plan,
    require_compression,
    training_step,
)

MODEL = "resnet20"
BATCH = 32
SIZE = (3, 32, 32)
STEPS = 3
"""Training steps whose peak memory is measured: the optimiser has its state from the second on."""

# asv calls setup before every timed call; what can be used again is made once in a process, of which each benchmark
# with its parameters has one of its own.


@cache
def ready_step(method: str) -> Work:
    """Return a training step of the compressed model."""
    model, example = fresh_model(MODEL), fresh_input(BATCH, *SIZE)
    return training_step(model, make_plan(method, model, example), example)


@cache
def ready_forward(method: str) -> Work:
    """Return a forward pass of the deployed compressed model."""
    model, example = fresh_model(MODEL), fresh_input(BATCH, *SIZE)
    return deployed_forward(model, make_plan(method, model, example), example)


class _OfEveryMethod:
    params = METHODS
    param_names = ("method",)
    timeout = 600
    repeat = (3, 10, 5.0)  # samples a round, from 3 to 10, for 5 s

    def setup(self, method: str) -> None:
        torch.set_num_threads(THREADS)


class Planning(_OfEveryMethod):
    """Planning at 30 % of the conv weights: the search of the budget."""

    def setup(self, method: str) -> None:
        """Build the model."""
        super().setup(method)
        self.model, self.example = fresh_model(MODEL), fresh_input(1, *SIZE)
        require_compression(method, make_plan(method, self.model, self.example))

    @described(pretty_name="Plan", version="1")
    def time_plan(self, method: str) -> None:
        """From model and budget to the plan."""
        make_plan(method, self.model, self.example)


class Compression(_OfEveryMethod):
    """Compressing by a ready plan; each time another model, since it is changed in place."""

    def setup(self, method: str) -> None:
        """Build the model and plan."""
        super().setup(method)
        self.model, self.example = fresh_model(MODEL), fresh_input(1, *SIZE)
        self.plan = make_plan(method, self.model, self.example)
        require_compression(method, self.plan)

    @described(pretty_name="Compress", version="1")
    def time_compress(self, method: str) -> None:
        """From plan to compressed model."""
        compressed(self.model, self.plan, self.example)

    @described(pretty_name="Compress: peak memory", version="1")
    def peakmem_compress(self, method: str) -> None:
        """The process's, libraries included."""
        compressed(self.model, self.plan, self.example)


class Training(_OfEveryMethod):
    """Training on 32 images of 32×32."""

    def setup(self, method: str) -> None:
        """Compress, once."""
        super().setup(method)
        self.step = ready_step(method)

    @described(pretty_name="Training step", version="1")
    def time_train_step(self, method: str) -> None:
        """Forward, penalty, backward, SGD."""
        self.step()

    @described(pretty_name="Training: peak memory", version="1")
    def peakmem_train(self, method: str) -> None:
        """The process's, libraries included."""
        for _ in range(STEPS):
            self.step()


class Inference(_OfEveryMethod):
    """Running the deployed model on 32 images of 32×32."""

    def setup(self, method: str) -> None:
        """Compress and deploy, once."""
        super().setup(method)
        self.forward = ready_forward(method)

    @described(pretty_name="Deployed forward", version="1")
    def time_forward(self, method: str) -> None:
        """In the fastest form of each layer."""
        self.forward()
