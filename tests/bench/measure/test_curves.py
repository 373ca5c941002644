"""Learning curves: both parts of the data, measured alike."""

import torch
from torch import nn

from decompbench.bench.measure.curves import measure_curves


class Part:
    """A task whose metric is its number, plus what the model draws."""

    def __init__(self, number: float) -> None:
        self.number = number

    def validation_split(self, fraction):
        assert fraction == 0.1
        return Part(1.0)

    def evaluate(self, model):
        torch.rand(3)
        return {"top1": self.number, "other": float("nan")}


def test_both_parts_are_measured_and_random_numbers_stay():
    torch.manual_seed(5)
    expected = torch.rand(2)
    torch.manual_seed(5)
    assert measure_curves(Part(2.0))(1, nn.Linear(1, 1)) == {"train_top1": 1.0, "test_top1": 2.0}
    torch.manual_seed(5)
    measure_curves(Part(2.0))(1, nn.Identity())
    assert torch.equal(torch.rand(2), expected)
