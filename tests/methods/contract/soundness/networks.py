"""Networks whose forward pass is a function, for the tests of what may and may not be replaced."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from decompbench.methods import SVD, Plan, Select, compress, plan

X = torch.randn(2, 3, 12, 12, generator=torch.Generator().manual_seed(0))
EVERY: dict[str, Any] = {"select": Select(), "inefficient": "replace"}
"""Options of a plan that replaces every layer that can be."""


def conv(channels: int, out: int = 8, **options: Any) -> nn.Conv2d:
    return nn.Conv2d(channels, out, 3, padding=1, **options)


class Net(nn.Module):
    """Two convolutions ``a`` (3→8) and ``b`` (8→8), and a forward pass ``run(self, x)``."""

    def __init__(self, run: Callable[[Any, Tensor], Any] = lambda net, x: net.b(net.a(x)), **modules: Any) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.run, self.a, self.b = run, conv(3), conv(8)
        for name, module in modules.items():
            setattr(self, name, module)

    def forward(self, x: Tensor) -> Any:
        return self.run(self, x)


def planned(net: nn.Module, x: Any = X) -> Plan:
    return plan(net, SVD(1.0), x, **EVERY)


def reason(net: nn.Module, path: str = "b", x: Any = X) -> str | None:
    """Return why a plan for every layer leaves the one at ``path``; None if it does not."""
    return next(layer.reason for layer in planned(net, x).layers if layer.path == path)


def distance(net: nn.Module, x: Tensor = X) -> float:
    """Return how far, relatively, compression at full rank moves a network's output: by rounding, if it is right."""
    net.eval()
    with torch.no_grad():
        before = net(x)
        after = compress(net, SVD(1.0), x, **EVERY)(x)
    return ((after - before).norm() / before.norm()).item()
