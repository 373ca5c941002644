"""How the weights that ship with decompbench were trained: each can be made again."""

from __future__ import annotations

from ..base.errors import BenchError, suggestion
from ..suite.recipe import Recipe
from .train_baseline import Baseline

PACKAGED = (
    Baseline(
        "resnet8",
        "classification",
        "fashion-mnist-10k",
        Recipe(epochs=30, batch_size=64, optimizer="sgd", lr=0.2, weight_decay=5e-4, warmup_epochs=1),
        threads=2,
        task_options={"crop_padding": 1},
    ),
    Baseline(
        "edsr-r4f32x2",
        "super_resolution",
        "photographs",
        Recipe(epochs=13, batch_size=16, optimizer="adam", lr=2e-3, weight_decay=0, warmup_epochs=0.2),
        threads=2,
        task_options={"patch_size": 24, "patches_per_epoch": 4800},
    ),
)
"""The baselines whose weights ship with decompbench."""


def packaged_baseline(model: str, data: str | None = None) -> Baseline:
    """The packaged baseline of a model, to be trained again.

    Raises
    ------
    BenchError
        There is none; the message lists those there are.
    """
    for baseline in PACKAGED:
        if baseline.model == model and data in (None, baseline.data):
            return baseline
    known = [baseline.model for baseline in PACKAGED]
    listed = ", ".join(f"{baseline.model} on {baseline.data}" for baseline in PACKAGED)
    on_data = f" on {data}" if data else ""
    raise BenchError(
        f"No recipe ships for {model}{on_data}{suggestion(model, known)}. There is {listed}; "
        "for any other model give the task, the data and a recipe."
    )
