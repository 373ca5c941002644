"""Quality of a compressed model after a short training with a fixed seed."""

from __future__ import annotations

import torch

from decompbench.bench.tasks import create_task
from decompbench.methods import begin

try:
    from decompbench.bench.suite.recipe import Recipe
    from decompbench.bench.training.train import train
except ImportError:  # where they are in revisions before 2432d8d, with which newer ones are compared
    from decompbench.bench.recipe import Recipe
    from decompbench.bench.train import train

from .attributes import described
from .work import METHODS, THREADS, fresh_model, make_plan

RECIPE = {"epochs": 0.2, "batch_size": 128, "optimizer": "sgd", "lr": 0.02}


class ShortTraining:
    """The packaged ResNet-8 at 30 % of its conv weights, a fifth of an epoch on the packaged 10,000 images."""

    params = METHODS
    param_names = ("method",)
    timeout = 600

    def setup(self, method: str) -> None:
        """Load images and network, and plan."""
        torch.set_num_threads(THREADS)
        self.task = create_task("classification", "fashion-mnist-10k", crop_padding=1)
        self.model = fresh_model("resnet8", pretrained="fashion-mnist-10k")
        self.plan = make_plan(method, self.model, self.task.example())

    @described(unit="%", pretty_name="Top-1 error after a short training", version="1")
    def track_top1_error(self, method: str) -> float:
        """100 % less the accuracy, since asv takes every value that grows for one that gets worse."""
        samples = self.plan.calibration_samples
        calibration = self.task.calibration_batches(samples, 0, "cpu") if samples else None
        session = begin(self.model, self.plan, seed=0, calibration=calibration)
        train(session.model, self.task, Recipe.model_validate(RECIPE), hooks=session)
        return 100 - self.task.evaluate(session.finish())["top1"]
