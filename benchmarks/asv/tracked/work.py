"""The work that is measured, for any registered method: compress, take a training step, run the deployed model.

asv runs this file against the revision that is installed, which may be older than the file: it uses the public
interface only. The benchmarks of single layers in ``benchmarks/micro`` use it, too.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from decompbench.methods import (
    Plan,
    Select,
    Session,
    Target,
    UnknownNameError,
    begin,
    deploy,
    get_method,
    list_methods,
    plan,
)
from decompbench.models import load_model

METHODS = list_methods()
"""Every registered method, plugins included."""
BUDGET = Target(params=0.3)
"""What every method is sized to, or the nearest size that it reaches."""
THREADS = 1
"""One thread: a second one makes times depend on what else runs."""

Work = Callable[[], object]


class NothingToMeasure(NotImplementedError):
    """A method leaves the model alone, or is not there in this revision; asv skips what raises this in its setup."""


def fresh_model(name: str, **options: object) -> nn.Module:
    """Return a model of `load_model`, its random weights always the same."""
    torch.manual_seed(0)
    return load_model(name, **options)


def fresh_input(batch: int, *size: int) -> Tensor:
    """Return a normally distributed input ``(batch, *size)``, always the same."""
    return torch.randn(batch, *size, generator=torch.Generator().manual_seed(1))


def make_plan(name: str, model: nn.Module, example: Tensor, select: Select | None = None) -> Plan:
    """Return the plan of a method at `BUDGET`, or at its own settings where it has nothing to size.

    Raises
    ------
    NothingToMeasure
        The method compresses no layer, with the reasons; or there is none of that name.
    """
    try:
        method = get_method(name)
    except UnknownNameError as error:
        raise NothingToMeasure(f"not in this revision: {error}") from error
    target = None if method.budget_knob() is None else BUDGET
    todo = plan(model, method, example, target, select=select, unreachable="nearest")
    if not todo.groups and method.kind != "none":
        raise NothingToMeasure("; ".join(sorted({layer.reason for layer in todo.layers if layer.reason})))
    return todo


def require_compression(name: str, todo: Plan) -> None:
    """Raise `NothingToMeasure` for the dense reference, where the time it takes to compress is meant."""
    if not todo.groups:
        raise NothingToMeasure(f"{name} replaces nothing")


def started(model: nn.Module, todo: Plan, example: Tensor) -> Session:
    """Return a session, in which methods that look at activations see those of ``example``."""
    return begin(model, todo, calibration=[example])


def compressed(model: nn.Module, todo: Plan, example: Tensor) -> nn.Module:
    """Return the model compressed, not trained, in eval mode; ``model`` itself is changed."""
    return started(model, todo, example).finish().eval()


def training_step(model: nn.Module, todo: Plan, example: Tensor) -> Work:
    """Return a function that takes one step of training: forward, penalty, backward, SGD with momentum."""
    session = started(model.train(), todo, example)
    optimizer = torch.optim.SGD(session.model.parameters(), lr=1e-4, momentum=0.9)

    def step() -> None:
        loss = session.model(example).square().mean() + session.penalty()
        loss.backward()
        optimizer.step()
        session.after_step()
        optimizer.zero_grad()
        example.grad = None  # an inner layer's input has a gradient, too

    return step


def deployed_forward(model: nn.Module, todo: Plan, example: Tensor) -> Work:
    """Return a function that runs the deployed model, in the fastest form of each layer, on ``example``."""
    fast = deploy(compressed(model, todo, example), example)

    def forward() -> Tensor:
        with torch.inference_mode():
            return fast(example)

    return forward
