"""SSD300's default boxes: their number, order and sizes, and that what is encoded is decoded again."""

from __future__ import annotations

import math

import pytest
import torch

from decompbench.bench.tasks.detection.boxes import decode, default_boxes, encode
from decompbench.models import load_model

CPU = torch.device("cpu")


def test_default_boxes_of_the_paper() -> None:
    """8732 in all; those at a place of the finest map: 30, sqrt(30 * 60), and 30 at the ratios 2 and 1/2."""
    boxes = default_boxes(CPU)
    assert len(boxes) == 8732
    sizes = (boxes[:4, 2:] - boxes[:4, :2]).tolist()
    expected = [(30, 30), (math.sqrt(1800), math.sqrt(1800))]
    expected += [(30 * math.sqrt(2), 30 / math.sqrt(2)), (30 / math.sqrt(2), 30 * math.sqrt(2))]
    assert sizes == [pytest.approx(size, rel=1e-5) for size in expected]
    centres = (boxes[:, 2:] + boxes[:, :2]) / 2
    assert torch.allclose(centres[[0, 4, 38 * 4]], torch.tensor([[4.0, 4.0], [12.0, 4.0], [4.0, 12.0]]))


def test_boxes_stand_in_the_order_of_the_networks_outputs() -> None:
    """Only default boxes near a spot in the image have other outputs when that spot changes."""
    model = load_model("ssd300-bn", width=0.02, num_classes=4).eval()
    image = torch.zeros(1, 3, 300, 300)
    spotted = image.clone()
    spotted[:, :, 100:104, 220:224] = 50.0
    with torch.no_grad():
        change = (model(spotted)[1] - model(image)[1]).abs().sum(dim=(0, 2))
    finest = change[: 4 * 38**2].nonzero().flatten()
    centres = ((default_boxes(CPU)[:, 2:] + default_boxes(CPU)[:, :2]) / 2)[finest]
    assert len(finest)
    assert ((centres.amax(dim=0) + centres.amin(dim=0)) / 2).tolist() == pytest.approx([222, 102], abs=8)


def test_what_is_encoded_is_decoded() -> None:
    boxes = torch.tensor([[10.0, 20.0, 60.0, 90.0], [150.0, 100.0, 290.0, 295.0], [200.0, 10.0, 206.0, 15.0]])
    labels = torch.tensor([3, 1, 2])
    target = encode(boxes, labels)
    assert target.shape == (8732, 5)
    found = decode(target[:, :4], 20 * torch.nn.functional.one_hot(target[:, 4].long(), 4).float())
    order = found.labels.argsort()
    assert found.labels[order].tolist() == [1, 2, 3]  # small as it is, the third has a default box of its own
    assert torch.allclose(found.boxes[order], boxes[[1, 2, 0]], atol=1e-3)


def test_nothing_is_background() -> None:
    target = encode(torch.empty(0, 4), torch.empty(0, dtype=torch.int64))
    assert not target.any()
    found = decode(target[:, :4], 20 * torch.nn.functional.one_hot(target[:, 4].long(), 4).float())
    assert not len(found.scores)


def test_detections_are_few_and_the_surest_come_first() -> None:
    logits = torch.randn(8732, 4, generator=torch.Generator().manual_seed(0))
    found = decode(torch.zeros(8732, 4), logits)
    assert len(found.scores) == 200
    assert (found.scores.diff() <= 0).all()
    assert found.boxes.min() >= 0
    assert found.boxes.max() <= 300
