"""Images streamed by timm's loader, from generated JPEG files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from decompbench.bench.data import DataError
from decompbench.bench.tasks import Task, TaskError, create_task, outline_task

STREAM = {"workers": 2}


@pytest.fixture(scope="module")
def jpegs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """10 + 6 pictures of 40x30 in two classes, dark and bright, with a pattern."""
    root = tmp_path_factory.mktemp("jpegs")
    rows, columns = np.mgrid[:30, :40]
    for half, count in (("train", 5), ("val", 3)):
        for label, level in (("bright", 200), ("dark", 50)):
            (root / half / label).mkdir(parents=True)
            for index in range(count):
                pixels = np.stack([level + 30 * np.sin(rows / 3 + index), level + columns, level + rows], 2)
                Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(root / half / label / f"{index}.jpg")
    return root


def streamed(folder: Path, **options) -> Task:
    stream = STREAM | options.pop("stream", {})
    return create_task("classification", f"imagefolder:{folder}", image_size=16, stream=stream, **options)


def epoch(task: Task, batch_size: int = 4, seed: int = 0) -> list[tuple[Tensor, Tensor]]:
    return list(task.train_batches(batch_size, torch.Generator().manual_seed(seed)))


class ByBrightness(nn.Module):
    """Tells the classes apart by their mean."""

    def forward(self, x: Tensor) -> Tensor:
        mean = x.mean((1, 2, 3))
        return torch.stack([mean, -mean], 1)


def test_an_epoch_is_made_of_full_batches_and_follows_the_generator(jpegs: Path) -> None:
    task = streamed(jpegs, stream={"auto_augment": "rand-m9-mstd0.5"})
    torch.manual_seed(0)
    first = epoch(task)
    torch.manual_seed(1)
    again, other = epoch(task), epoch(task, seed=1)
    assert [inputs.shape for inputs, _ in first] == [(4, 3, 16, 16)] * 2 == [(4, 3, 16, 16)] * task.steps_per_epoch(4)
    for (inputs, labels), (same, same_labels) in zip(first, again, strict=True):
        assert torch.equal(inputs, same)
        assert torch.equal(labels, same_labels)
    assert not torch.equal(first[0][0], other[0][0])


def test_fewer_images_than_a_batch_are_one_batch(jpegs: Path) -> None:
    ((inputs, labels),) = epoch(streamed(jpegs), 64)
    assert len(inputs) == 10
    assert sorted(labels.tolist()) == [0] * 5 + [1] * 5


def test_the_test_set_is_evaluated_whole_and_in_order(jpegs: Path) -> None:
    task = streamed(jpegs, eval_batch_size=4)
    values = task.evaluate(ByBrightness())
    assert values["top1"] == 100


def test_a_test_image_is_the_centre_as_timm_cuts_it(jpegs: Path) -> None:
    example = streamed(jpegs, stream={"crop_pct": 1.0}, mean=(0, 0, 0), std=(1, 1, 1)).example()[0]
    with Image.open(jpegs / "train" / "bright" / "0.jpg") as image:
        scaled = image.resize((21, 16), Image.Resampling.BILINEAR).crop((2, 0, 18, 16))
    expected = torch.from_numpy(np.asarray(scaled).copy()).permute(2, 0, 1) / 255
    torch.testing.assert_close(example, expected, atol=0.03, rtol=0)


def test_mixed_images_have_shares_of_classes_as_targets(jpegs: Path) -> None:
    task = streamed(jpegs, stream={"mixup": 0.8, "cutmix": 1.0}, label_smoothing=0.1)
    for inputs, targets in epoch(task, 10):
        assert targets.shape == (10, 2)
        torch.testing.assert_close(targets.sum(1), torch.ones(10))
        assert ((targets > 0) & (targets < 1)).any()
        assert task.loss(ByBrightness()(inputs), targets).isfinite()
    with pytest.raises(TaskError, match="even batch_size, not 5"):
        epoch(task, 5)


def test_outline_and_example_are_of_the_size_asked_for(jpegs: Path) -> None:
    outline = outline_task("classification", f"imagefolder:{jpegs}", image_size=16, stream=STREAM)
    assert outline.example_shape == (3, 16, 16) == streamed(jpegs).example(3).shape[1:]
    assert outline.model_kwargs == {"in_chans": 3, "num_classes": 2}
    assert outline_task("classification", "imagenet").example_shape == (3, 224, 224)
    imagenet = outline_task("classification", "imagenet:nowhere", image_size=160)
    assert imagenet.example_shape == (3, 160, 160)
    assert imagenet.model_kwargs == {"in_chans": 3, "num_classes": 1000}


def test_validation_split_parts_the_files(jpegs: Path) -> None:
    task = streamed(jpegs)
    split = task.validation_split(0.4, seed=1)
    assert split.steps_per_epoch(1) == 6
    assert split.data_revision != task.data_revision
    assert split.data_revision == task.validation_split(0.4, seed=1).data_revision
    assert split.evaluate(ByBrightness())["top1"] == 100


def test_revision_is_of_names_and_sizes(jpegs: Path, tmp_path: Path) -> None:
    (tmp_path / "copy").symlink_to(jpegs)
    before = streamed(jpegs).data_revision
    assert streamed(tmp_path / "copy").data_revision == before
    image = jpegs / "val" / "dark" / "0.jpg"
    content = image.read_bytes()
    image.write_bytes(content + b"\0")
    assert streamed(jpegs).data_revision != before
    image.write_bytes(content)
    image.write_bytes(bytes(len(content)))
    assert streamed(jpegs).data_revision == before, "content is not looked at, and the revision says so:"
    assert before.startswith("names-sizes:")
    image.write_bytes(content)


def test_an_image_that_cannot_be_read_ends_the_epoch(jpegs: Path) -> None:
    broken = jpegs / "train" / "dark" / "broken.jpg"
    broken.write_bytes(b"no image")
    try:
        with pytest.raises(DataError, match=r"broken\.jpg cannot be read"):
            epoch(streamed(jpegs), 11)
    finally:
        broken.unlink()


def test_imagenet_has_a_thousand_classes(jpegs: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="2 classes; imagenet must have images in 1000"):
        create_task("classification", f"imagenet:{jpegs}")
    with pytest.raises(DataError, match=r"looked for train in .*image-net\.org.*'imagenet:FOLDER'"):
        create_task("classification", f"imagenet:{tmp_path}")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"crop_padding": 2}, "crop_padding is for images in memory"),
        ({"cutout": 8}, "cutout is for images in memory"),
        ({"stream": {"worker": 3}}, "worker"),
        ({"stream": {"workers": 0}}, "stream.workers"),
        ({"stream": {"crop_scale": (0.5, 0.2)}}, r"crop_scale is a range .* not \[0.5, 0.2\]"),
        ({"stream": {"interpolation": "cubic"}}, "interpolation"),
    ],
)
def test_wrong_options(jpegs: Path, options: dict, message: str) -> None:
    with pytest.raises(TaskError, match=message):
        streamed(jpegs, **options)


def test_small_sets_are_not_streamed() -> None:
    with pytest.raises(TaskError, match="fashion-mnist-10k is small enough"):
        create_task("classification", "fashion-mnist-10k", stream=STREAM)
