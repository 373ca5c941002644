"""Classification: batches, augmentation, metrics against hand calculations, splits, options."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from decompbench.bench.data import ClassificationData, DataError
from decompbench.bench.tasks import Task, TaskError, create_task, list_tasks
from decompbench.bench.tasks.classification.task import Classification, ClassificationOptions


def small_task(**options) -> Classification:
    """20 + 6 images of 3x5 in 2 classes, each image of one value: its index."""
    images = torch.arange(1, 27, dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, 3, 5, 5).contiguous()
    labels = torch.arange(26) % 2
    data = ClassificationData.create("small", (images[:20], labels[:20]), (images[20:], labels[20:]), ("even", "odd"))
    return Classification(data, ClassificationOptions(**options))


def epoch(task: Task, batch_size: int, seed: int = 0) -> list[tuple[Tensor, Tensor]]:
    return list(task.train_batches(batch_size, torch.Generator().manual_seed(seed)))


class Fixed(nn.Module):
    """Puts out given logits, in order."""

    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self.logits = logits
        self.at = 0
        self.norm = nn.BatchNorm2d(3)
        self.modes: list[bool] = []

    def forward(self, x: Tensor) -> Tensor:
        self.modes.append(self.training)
        self.at += len(x)
        return self.logits[self.at - len(x) : self.at]


def test_an_epoch_shows_every_image_once() -> None:
    task = small_task(flip=False, crop_padding=0, mean=(0, 0, 0), std=(1, 1, 1))
    batches = epoch(task, 5)
    assert len(batches) == task.steps_per_epoch(5) == 4
    values = torch.cat([(images[:, 0, 0, 0] * 255).round() for images, _ in batches])
    assert sorted(values.tolist()) == list(range(1, 21))
    assert values.tolist() != sorted(values.tolist())
    for images, labels in batches:
        assert torch.equal(((images[:, 0, 0, 0] * 255).round().long() + 1) % 2, labels)


def test_an_incomplete_batch_is_left_out_unless_it_is_the_only_one() -> None:
    assert [len(labels) for _, labels in epoch(small_task(), 8)] == [8, 8]
    assert [len(labels) for _, labels in epoch(small_task(), 64)] == [20]


def test_batches_follow_the_generator() -> None:
    task = create_task("classification", "fashion-mnist-10k")
    first, second, other = (
        next(iter(task.train_batches(16, torch.Generator().manual_seed(seed)))) for seed in (1, 1, 2)
    )
    assert torch.equal(first[0], second[0])
    assert not torch.equal(first[0], other[0])


def test_inputs_are_normalised_by_the_training_images() -> None:
    task = create_task("classification", "fashion-mnist-10k")
    images = torch.cat([images for images, _ in task.train_batches(1000, torch.Generator())])
    assert images.dtype == torch.float32
    plain = create_task("classification", "fashion-mnist-10k", flip=False, crop_padding=0)
    images = torch.cat([images for images, _ in plain.train_batches(1000, torch.Generator())])
    assert images.mean().item() == pytest.approx(0, abs=1e-3)
    assert images.std().item() == pytest.approx(1, abs=1e-3)


def test_every_augmented_image_is_a_shifted_and_maybe_mirrored_one() -> None:
    generator = torch.Generator().manual_seed(0)
    image = torch.randint(1, 256, (1, 3, 6, 7), generator=generator).byte()
    data = ClassificationData.create("one", (image, torch.tensor([0])), (image, torch.tensor([0])), ("only",))
    task = Classification(data, ClassificationOptions(crop_padding=2, mean=(0, 0, 0), std=(1, 1, 1)))
    padded = nn.functional.pad(image[0], (2, 2, 2, 2))
    crops = [padded[:, top : top + 6, left : left + 7] for top in range(5) for left in range(5)]
    allowed = {tuple(turned.flatten().tolist()) for crop in crops for turned in (crop, crop.flip(2))}
    seen = set()
    for _ in range(600):
        images, _ = next(iter(task.train_batches(1, generator)))
        seen.add(tuple((images[0] * 255).round().int().flatten().tolist()))
    assert seen == allowed
    assert len(allowed) == 50


def test_evaluate_against_a_hand_calculation() -> None:
    task = small_task(eval_batch_size=4)  # labels 0 1 0 1 0 1
    logits = torch.tensor([[2.0, 0], [0, 1], [0, 3], [1, 2], [5, 0], [1, 0]])
    model = Fixed(logits)
    values = task.evaluate(model)
    assert values["top1"] == pytest.approx(100 * 4 / 6, abs=1e-12)
    margins = [2.0, 1, -3, 1, 5, -1]
    expected = sum(math.log1p(math.exp(-margin)) for margin in margins) / 6
    assert values["cross_entropy"] == pytest.approx(expected, abs=1e-12)
    assert [metric.name for metric in task.metrics] == list(values)


def test_top5_counts_classes_among_the_five_highest() -> None:
    count = 120
    images, labels = torch.zeros(count, 3, 4, 4, dtype=torch.uint8), torch.arange(count)
    data = ClassificationData.create("many", (images, labels), (images, labels), map(str, range(count)))
    task = Classification(data, ClassificationOptions())
    # image i has its own class at rank i % 8 + 1: the classes after it, as many, have more
    logits = torch.zeros(count, count)
    for image in range(count):
        for place in range(image % 8 + 1):
            logits[image, (image + place) % count] = 1.0 + place
    values = task.evaluate(Fixed(logits))
    assert values["top1"] == pytest.approx(100 / 8, abs=1e-12)
    assert values["top5"] == pytest.approx(100 * 5 / 8, abs=1e-12)
    assert [metric.name for metric in task.metrics if metric.shown] == ["top5"]


def test_evaluate_uses_evaluation_mode_and_puts_the_modes_back() -> None:
    model = Fixed(torch.zeros(6, 2))
    model.norm.eval()
    small_task().evaluate(model)
    assert model.modes == [False]
    assert model.training
    assert not model.norm.training


def test_outputs_that_are_not_finite_are_no_accuracy() -> None:
    logits = torch.zeros(6, 2)
    logits[3, 1] = math.nan
    assert math.isnan(small_task().evaluate(Fixed(logits))["top1"])


def test_a_model_of_other_classes_is_refused() -> None:
    with pytest.raises(TaskError, match=r"puts out \(3,\).* 2 classes"):
        small_task().evaluate(Fixed(torch.zeros(6, 3)))


def test_label_smoothing() -> None:
    output, target = torch.tensor([[1.0, -2.0]]), torch.tensor([0])
    log_odds = torch.log_softmax(output, 1)[0]
    smooth = small_task(label_smoothing=0.2).loss(output, target)
    assert smooth.item() == pytest.approx(-(0.9 * log_odds[0] + 0.1 * log_odds[1]).item(), rel=1e-6)


def test_auxiliary_classifiers_count_three_tenths() -> None:
    task = small_task()
    logits, first, target = torch.randn(4, 3), torch.randn(4, 3), torch.tensor([0, 2, 1, 0])
    expected = task.loss(logits, target) + 0.3 * task.loss(first, target)
    torch.testing.assert_close(task.loss((logits, first, None), target), expected)


def test_validation_split_parts_the_training_images_by_class() -> None:
    task = create_task("classification", "fashion-mnist-10k")
    split = task.validation_split(0.2, seed=1)
    assert isinstance(task, Classification)
    assert isinstance(split, Classification)
    assert split.data.test_labels.bincount().tolist() == [200] * 10
    assert split.data.train_labels.bincount().tolist() == [800] * 10
    both = torch.cat([split.data.train_images, split.data.test_images])
    assert both.long().sum() == task.data.train_images.long().sum()
    assert split.data_revision != task.data_revision
    assert split.data_revision == task.validation_split(0.2, seed=1).data_revision
    assert split.data_revision != task.validation_split(0.2, seed=2).data_revision
    assert "validation" in split.data_name


@pytest.mark.parametrize("fraction", [0, 1, 1.5, 0.001])
def test_validation_split_that_is_none(fraction: float) -> None:
    with pytest.raises(TaskError):
        small_task().validation_split(fraction)


def test_example_and_model_kwargs() -> None:
    task = create_task("classification", "fashion-mnist-10k")
    assert task.model_kwargs() == {"in_chans": 1, "num_classes": 10}
    assert task.example(3).shape == (3, 1, 28, 28)
    assert torch.equal(task.example(3), task.example(3))
    assert small_task().example(50).shape == (50, 3, 5, 5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"flips": True}, "no option 'flips'.*did you mean 'flip'"),
        ({"crop_padding": -1}, "crop_padding.*-1"),
        ({"mean": (0.5, 0.5, 0.5)}, "mean has 3 values; .* 1 channels"),
    ],
)
def test_wrong_options(options: dict, message: str) -> None:
    with pytest.raises(TaskError, match=message):
        create_task("classification", "fashion-mnist-10k", **options)


def test_image_size_is_for_folders() -> None:
    with pytest.raises(DataError, match="imagefolder"):
        create_task("classification", "fashion-mnist-10k", image_size=32)


def test_wrong_task() -> None:
    with pytest.raises(TaskError, match="did you mean 'classification'"):
        create_task("clasification", "fashion-mnist-10k")
    assert list_tasks() == ["classification", "detection", "size", "super_resolution"]
