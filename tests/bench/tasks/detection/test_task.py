"""Detection: targets under augmentation, SSD's loss by hand, a detector that learns, and a whole trial."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from decompbench.bench.data.detection.scenes import Scene
from decompbench.bench.records.find import find_records
from decompbench.bench.suite.recipe import Recipe
from decompbench.bench.tasks import TaskError, create_task, outline_task
from decompbench.bench.tasks.detection.boxes import decode, encode
from decompbench.bench.tasks.detection.task import MEAN, STD, Detection
from decompbench.bench.training.train import train
from decompbench.methods import deploy
from decompbench.models import load_model
from tests.bench.voc_files import write_voc

from ...factories import decompbench, write_suite


@pytest.fixture(scope="module")
def drawings() -> Detection:
    task = create_task("detection", "drawings")
    assert isinstance(task, Detection)
    return task


def with_scenes(task: Detection, scenes: list[Scene], **options: object) -> Detection:
    data = replace(task.data, train=tuple(scenes), test=tuple(scenes))
    return replace(task, data=data, options=task.options.model_copy(update=options))


def as_output(target: Tensor, classes: int) -> tuple[Tensor, Tensor]:
    """What a network that knows the targets puts out."""
    return target[..., :4], 20 * F.one_hot(target[..., 4].long(), classes).float()


class Oracle(nn.Module):
    """Puts out what is in the test images, one after the other."""

    def __init__(self, task: Detection) -> None:
        super().__init__()
        self.scenes = iter(task.data.test)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        targets = []
        for scene in (next(self.scenes) for _ in x):
            height, width = scene.read().shape[1:]
            targets.append(encode(scene.boxes * 300 / torch.tensor([width, height, width, height]), scene.labels))
        return as_output(torch.stack(targets), 4)


def test_who_knows_all_has_all(drawings: Detection) -> None:
    """Boxes go into the network's square and come out in the image's pixels."""
    assert drawings.evaluate(Oracle(drawings)) == pytest.approx({"map_voc07": 100, "map_area": 100})


def test_outputs_that_are_not_finite_are_no_map(drawings: Detection) -> None:
    class Broken(nn.Module):
        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return torch.zeros(len(x), 8732, 4), torch.full((len(x), 8732, 4), math.nan)

    assert all(math.isnan(value) for value in drawings.evaluate(Broken()).values())


def test_a_model_that_does_not_fit_is_refused(drawings: Detection) -> None:
    with pytest.raises(TaskError, match=r"8,732 default boxes .* logits \(b, 8732, 4\)"):
        drawings.evaluate(load_model("ssd300-bn", width=0.02, num_classes=21))
    with pytest.raises(TaskError, match="puts out Tensor"):
        drawings.loss(torch.zeros(1, 4), torch.zeros(1, 8732, 5))


def test_loss_by_hand(drawings: Detection) -> None:
    """Two default boxes of objects in the first image, none in the second: six backgrounds, the worst ones."""
    generator = torch.Generator().manual_seed(0)
    offsets = torch.randn(2, 8732, 4, generator=generator)
    logits = torch.randn(2, 8732, 4, generator=generator)
    target = torch.zeros(2, 8732, 5)
    target[0, 7] = torch.tensor([0.1, 0.2, 3.0, -4.0, 2.0])
    target[0, 99] = torch.tensor([-0.1, 0.5, 0.0, 0.4, 1.0])
    distance = (offsets[0, [7, 99]] - target[0, [7, 99], :4]).abs()
    expected = torch.where(distance < 1, distance**2 / 2, distance - 0.5).sum()
    surprise = -logits[0].log_softmax(dim=1)
    expected += surprise[7, 2] + surprise[99, 1]
    backgrounds = surprise[[place for place in range(8732) if place not in (7, 99)], 0]
    expected += backgrounds.sort(descending=True).values[:6].sum()
    assert drawings.loss((offsets, logits), target).item() == pytest.approx(expected.item() / 2, rel=1e-5)
    assert drawings.loss((offsets[1:], logits[1:]), target[1:]).item() == 0


def test_a_batch_weighs_its_parts_by_the_boxes_of_objects_in_them(drawings: Detection) -> None:
    """A plain mean over parts, which a batch worked through in parts gets, is thus not the batch's loss."""
    generator = torch.Generator().manual_seed(0)
    offsets, logits = torch.randn(2, 8732, 4, generator=generator), torch.randn(2, 8732, 4, generator=generator)
    target = torch.zeros(2, 8732, 5)
    target[0, :30, 4] = 1
    target[1, :10, 4] = 2
    whole = drawings.loss((offsets, logits), target).item()
    first, second = (drawings.loss((offsets[i : i + 1], logits[i : i + 1]), target[i : i + 1]).item() for i in (0, 1))
    assert whole == pytest.approx((30 * first + 10 * second) / 40, rel=1e-5)
    assert whole != pytest.approx((first + second) / 2, rel=1e-3)


@pytest.mark.parametrize("augment", [False, True])
def test_targets_lie_on_their_objects(drawings: Detection, augment: bool) -> None:
    """However an image is cut, mirrored and shrunk: inside a rectangle's box there is one colour, the rectangle's."""
    rectangle = next(s for s in drawings.data.train if s.labels.tolist() == [1] and s.boxes[0, :2].min() > 5)
    task = with_scenes(drawings, [rectangle] * 16, augment=augment)
    ((images, targets),) = task.train_batches(16, torch.Generator().manual_seed(0))
    pixels = images * torch.tensor(STD).view(3, 1, 1) + torch.tensor(MEAN).view(3, 1, 1)
    sizes = set()
    for image, target in zip(pixels, targets, strict=True):
        found = decode(*as_output(target, 4))
        assert found.labels.tolist() == [1]
        left, top, right, bottom = found.boxes[0].round().int().tolist()
        inside = image[:, top + 2 : bottom - 2, left + 2 : right - 2]
        assert inside.std(dim=(1, 2)).max() < 0.05
        sizes.add((right - left, bottom - top))
    assert (len(sizes) > 8) == augment


def test_difficult_objects_are_not_taught(drawings: Detection) -> None:
    scene = next(scene for scene in drawings.data.train if len(scene.labels) == 2)
    scene = replace(scene, difficult=torch.tensor([True, False]))
    for augment in (False, True):
        ((_, targets),) = with_scenes(drawings, [scene], augment=augment).train_batches(1, torch.Generator())
        assert set(targets[0, :, 4].unique().tolist()) <= {0, scene.labels[1].item()}
    scene = replace(scene, difficult=torch.tensor([True, True]))
    ((_, targets),) = with_scenes(drawings, [scene]).train_batches(1, torch.Generator())
    assert not targets.any()


def test_batches_follow_the_generator_and_nothing_else(drawings: Detection) -> None:
    def batch(seed: int, workers: int = 0) -> tuple[Tensor, Tensor]:
        task = with_scenes(drawings, list(drawings.data.train[:4]), workers=workers)
        return next(task.train_batches(4, torch.Generator().manual_seed(seed)))

    before = torch.get_rng_state()
    first = batch(1)
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(1)
    for again in (batch(1), batch(1, workers=2)):
        assert all(torch.equal(*sides) for sides in zip(first, again, strict=True))
    assert not torch.equal(first[0], batch(2)[0])


def test_outline_is_what_the_task_has(drawings: Detection) -> None:
    outline = outline_task("detection", "drawings")
    assert outline.model_kwargs == drawings.model_kwargs() == {"in_chans": 3, "num_classes": 4}
    assert outline.example_shape == drawings.example(2).shape[1:]
    assert outline_task("detection", "voc:nowhere").model_kwargs["num_classes"] == 21


def test_validation_split_parts_the_training_images(drawings: Detection) -> None:
    split = drawings.validation_split(0.25, seed=1)
    parts = [{scene.name for scene in scenes} for scenes in (split.data.train, split.data.test)]
    assert [len(part) for part in parts] == [90, 30]
    assert parts[0] | parts[1] == {scene.name for scene in drawings.data.train}
    assert split.data_revision != drawings.validation_split(0.25, seed=2).data_revision


def test_a_detector_learns_and_is_deployed(drawings: Detection) -> None:
    torch.manual_seed(1)
    model = load_model("ssd300-bn", width=1 / 16, **drawings.model_kwargs())
    task = replace(drawings, options=drawings.options.model_copy(update={"augment": False}))
    before = task.evaluate(model)
    recipe = Recipe(epochs=2, batch_size=8, optimizer="adam", lr=5e-3, weight_decay=0, schedule="constant")
    history = train(model, task, recipe, seed=1).history
    assert history[-1]["loss"] < history[0]["loss"] / 2
    after = task.evaluate(model)
    assert before["map_voc07"] < 1
    assert after["map_voc07"] > 3
    deployed = deploy(model, task.example(1))
    assert deployed.decompbench_folded
    assert task.evaluate(deployed) == pytest.approx(after, abs=0.5)


def test_whole_trial_on_voc_files(tmp_path: Path) -> None:
    write_voc(tmp_path, train={2007: 4, 2012: 4}, test=3)
    entry = {
        "model": "ssd300-bn",
        "model_options": {"width": 1 / 16},
        "task": "detection",
        "data": "voc:.",
        "methods": ["svd"],
        "budgets": [{"params": 0.5}],
        "recipe": {"epochs": 1, "batch_size": 4, "optimizer": "adam", "lr": 1e-3},
        "measure": {"batch_sizes": [1], "seconds": 0.2, "threads": 1},
    }
    suite = write_suite(tmp_path, {"name": "boxes", "entries": [entry]})
    run = decompbench("run", suite, results=tmp_path / "results")
    assert run.returncode == 0, run.stdout + run.stderr
    (dense, svd), _ = find_records(tmp_path / "results")
    for record in (dense, svd):
        assert record.measured.metric == "map_voc07"
        assert set(record.measured.quality["deployed"]) == {"map_voc07", "map_area"}
        assert record.measured.latency[0].folded
    assert svd.measured.counts is not None
    assert svd.measured.dense_counts is not None
    assert svd.measured.counts.conv_weights <= 0.5 * svd.measured.dense_counts.conv_weights
    assert svd.measured.counts.macs < svd.measured.dense_counts.macs
