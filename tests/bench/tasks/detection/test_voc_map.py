"""Average precision as VOC has it: by hand, and where the rules agree, as pycocotools has it."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from decompbench.bench.tasks.detection.voc_map import Detections, Objects, area, eleven_points, mean_average_precision


def box(left: float, top: float = 0.0, side: float = 10.0) -> list[float]:
    return [left, top, left + side, top + side]


def detections(*found: tuple[list[float], float, int]) -> Detections:
    boxes, scores, labels = zip(*found, strict=True) if found else ((), (), ())
    return Detections(torch.tensor(boxes).reshape(-1, 4), torch.tensor(scores), torch.tensor(labels, dtype=torch.int64))


def objects(*there: tuple[list[float], int, bool]) -> Objects:
    boxes, labels, difficult = zip(*there, strict=True) if there else ((), (), ())
    return Objects(torch.tensor(boxes).reshape(-1, 4), torch.tensor(labels), torch.tensor(difficult, dtype=torch.bool))


def test_both_rules_by_hand() -> None:
    """Right, wrong, right of three objects: precision 1 up to recall 1/3, 2/3 up to 2/3, and nothing beyond."""
    hits, misses = np.array([1, 1, 2]), np.array([0, 1, 1])
    assert area(hits, misses, 3) == pytest.approx((1 + 2 / 3) / 3)
    # recalls 0 to 0.3 and 0.4 to 0.6
    assert eleven_points(hits, misses, 3) == pytest.approx((4 * 1 + 3 * 2 / 3) / 11)


def test_recalls_are_compared_exactly() -> None:
    """Three of ten objects are a recall of 0.3, although 0.1 + 0.1 + 0.1 is more than that."""
    assert eleven_points(np.array([1, 2, 3]), np.zeros(3, dtype=int), 10) == pytest.approx(4 / 11)


def test_a_second_detection_of_an_object_is_wrong() -> None:
    there = [objects((box(0), 1, False))]
    once = mean_average_precision([detections((box(0), 0.5, 1))], there, 1)
    assert once == {"map_voc07": 100.0, "map_area": 100.0}
    # the surer one counts, though the other fits better
    twice = [detections((box(0), 0.5, 1), (box(2), 0.9, 1))]
    assert mean_average_precision(twice, there, 1) == once
    # and it does not take the object beside it that another one would be for
    beside = [objects((box(0), 1, False), (box(4), 1, False))]
    assert mean_average_precision([detections((box(0), 0.9, 1), (box(1), 0.8, 1))], beside, 1)["map_area"] == 50.0


def test_overlap_of_a_half_is_enough() -> None:
    there = [objects((box(0), 1, False))]
    for right, expected in ((5.0, 100.0), (4.9, 0.0)):
        found = [detections(([0.0, 0.0, right, 10.0], 0.5, 1))]
        assert mean_average_precision(found, there, 1)["map_voc07"] == expected


def test_difficult_objects_count_neither_way() -> None:
    there = [objects((box(0), 1, False), (box(50), 1, True))]
    assert mean_average_precision([detections((box(0), 0.5, 1))], there, 1)["map_area"] == 100.0
    found = [detections((box(0), 0.5, 1), (box(50), 0.9, 1), (box(51), 0.8, 1))]
    assert mean_average_precision(found, there, 1)["map_area"] == 100.0


def test_images_and_classes_are_kept_apart() -> None:
    there = [objects((box(0), 1, False)), objects((box(0), 2, False))]
    wrong = [detections((box(0), 0.9, 2)), detections((box(0), 0.9, 1))]
    assert mean_average_precision(wrong, there, 2)["map_area"] == 0.0
    one = [detections((box(0), 0.9, 1)), detections()]
    assert mean_average_precision(one, there, 2)["map_area"] == 50.0
    assert mean_average_precision(one, there, 5)["map_area"] == 50.0  # classes without objects are left out


def test_without_objects_there_is_no_map() -> None:
    values = mean_average_precision([detections((box(0), 0.9, 1))], [objects((box(0), 1, True))], 1)
    assert all(math.isnan(value) for value in values.values())


def test_as_pycocotools_where_the_rules_agree() -> None:
    """Objects far apart and none difficult: what is left is the area against a mean over 101 recalls."""
    pytest.importorskip("pycocotools", reason="the extra 'detection' is not installed")
    from torchmetrics.detection import MeanAveragePrecision

    generator = torch.Generator().manual_seed(0)
    metric = MeanAveragePrecision(iou_thresholds=[0.5], max_detection_thresholds=[1, 10, 400])
    found, there = [], []
    for _ in range(60):
        lefts = 40.0 * torch.randperm(8, generator=generator)
        truth = torch.stack([lefts, lefts.new_zeros(8), lefts + 20, lefts.new_full((8,), 20)], dim=1)
        labels = torch.randint(1, 4, (8,), generator=generator)
        moved = truth.repeat(2, 1) + 6 * torch.randn(16, 4, generator=generator)
        guess = Detections(moved, torch.rand(16, generator=generator), labels.repeat(2))
        found.append(guess)
        there.append(Objects(truth, labels, torch.zeros(8, dtype=torch.bool)))
        metric.update([vars(guess)], [{"boxes": truth, "labels": labels}])
    theirs: Tensor = metric.compute()["map_50"]
    ours = mean_average_precision(found, there, 3)
    assert 5 < ours["map_area"] < 95
    assert ours["map_area"] == pytest.approx(100 * theirs.item(), abs=0.5)
