"""Sizes and operations of compressed models: exact, and the same on every machine."""

from __future__ import annotations

import torch

from decompbench.bench.measure import count_model

from .attributes import described
from .work import METHODS, THREADS, compressed, fresh_input, fresh_model, make_plan

MODELS = {"resnet20": (3, 32, 32), "densenet40": (3, 32, 32), "edsr-r4f32x2": (3, 24, 24)}
"""Models with the size of their input: 3×3 convolutions, 1×1 ones too, and none with batch-norm behind it."""


class Counts:
    """Of every model by every method, at 30 % of the conv weights."""

    params = (list(MODELS), METHODS)
    param_names = ("model", "method")
    timeout = 600

    def setup(self, model: str, method: str) -> None:
        """Build the model and plan."""
        torch.set_num_threads(THREADS)
        self.model, self.example = fresh_model(model).eval(), fresh_input(1, *MODELS[model])
        self.plan = make_plan(method, self.model, self.example)

    def count(self, field: str) -> int:
        """Return one of the counts that a record has; all of them are made, since each checks the others."""
        small = compressed(self.model, self.plan, self.example)
        weights, macs = self.plan.after.weights, self.plan.after.macs + self.plan.linear_macs
        counts = count_model(small, self.example, planned_weights=weights, planned_macs=macs, what="compressed")
        return int(getattr(counts, field))

    @described(unit="weights", pretty_name="Conv weights", version="1")
    def track_conv_weights(self, model: str, method: str) -> int:
        """Weights stored for convolutions."""
        return self.count("conv_weights")

    @described(unit="MACs", pretty_name="MACs", version="1")
    def track_macs(self, model: str, method: str) -> int:
        """Multiply-accumulates of convolutions and linear layers for one input, in compact form."""
        return self.count("macs")

    @described(unit="bytes", pretty_name="Bytes on disk", version="1")
    def track_disk_bytes(self, model: str, method: str) -> int:
        """Size of the saved file."""
        return self.count("disk")
