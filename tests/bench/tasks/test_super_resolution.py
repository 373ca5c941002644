"""Super-resolution: patches, PSNR against a hand calculation and published values, splits."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from torchmetrics.functional.image import structural_similarity_index_measure

from decompbench.bench.data import SuperResolutionData
from decompbench.bench.data.images.resize import upsample
from decompbench.bench.data.super_resolution.pairs import DecodedPairs, Pair, PairSet
from decompbench.bench.records.find import find_records
from decompbench.bench.reports.leaderboard.rows import leaderboard
from decompbench.bench.tasks import TaskError, create_task
from decompbench.bench.tasks.super_resolution import (  # fmt: skip
    SuperResolution,
    SuperResolutionOptions,
    luma,
    similarity,
)
from decompbench.models import load_model

from ..factories import decompbench, write_suite


def random_images(count: int, height: int, width: int, seed: int = 0) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {str(index): torch.randint(256, (3, height, width), generator=generator).byte() for index in range(count)}


def pair_set(name: str, images: dict[str, Tensor], scale: int) -> PairSet:
    return PairSet(name, name, tuple(Pair.of_image(file, image, scale) for file, image in images.items()))


def small_task(tests: tuple[str, ...] = ("",), **options) -> SuperResolution:
    checked = SuperResolutionOptions(**{"patch_size": 8, "example_size": 8} | options)
    train = pair_set("small", random_images(2, 41, 50), checked.scale)
    test_sets = {
        name: pair_set(name, random_images(2, 33, 38, seed=seed), checked.scale)
        for seed, name in enumerate(tests, start=1)
    }
    return SuperResolution(SuperResolutionData("small", "revision", train, test_sets, DecodedPairs()), checked)


def pairs(task: SuperResolution, which: PairSet | None = None) -> list[tuple[Tensor, Tensor]]:
    """Low and high resolution of a set, of the first test set unless told otherwise."""
    return [pair.read() for pair in (which or next(iter(task.data.tests.values()))).pairs]


class Bicubic(nn.Module):
    """Bicubic interpolation as a network."""

    def __init__(self, scale: int) -> None:
        super().__init__()
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        pictures = (x * 255).round().byte()
        return torch.stack([upsample(picture, self.scale) for picture in pictures]).float() / 255


class Oracle(nn.Module):
    """Puts out what it was given, image by image."""

    def __init__(self, images: list[Tensor]) -> None:
        super().__init__()
        self.images = iter(images)

    def forward(self, x: Tensor) -> Tensor:
        return next(self.images).unsqueeze(0)


@pytest.mark.parametrize(
    ("rgb", "expected"), [((0, 0, 0), 16.0), ((255, 255, 255), 235.0), ((255, 0, 0), 81.481), ((0, 0, 255), 40.966)]
)
def test_luma_of_bt601(rgb: tuple[int, int, int], expected: float) -> None:
    assert luma(torch.tensor(rgb).view(3, 1, 1)).item() == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("scale", [2, 3])
def test_psnr_against_a_hand_calculation(scale: int) -> None:
    task = small_task(scale=scale)
    outputs, expected = [], []
    generator = torch.Generator().manual_seed(5)
    for _, high in pairs(task):
        output = (high.double() + 9 * torch.randn(high.shape, generator=generator).double()) / 255
        outputs.append(output.float())
        shown = (outputs[-1].double() * 255).clamp(0, 255).round()
        weights = torch.tensor([65.481, 128.553, 24.966]).double().view(3, 1, 1) / 255
        error = ((shown - high.double()) * weights).sum(0)[scale:-scale, scale:-scale]
        expected.append(10 * math.log10(255**2 / (error**2).mean().item()))
    values = task.evaluate(Oracle(outputs))
    assert values["psnr_y"] == pytest.approx(sum(expected) / 2, abs=1e-4)
    assert [metric.name for metric in task.metrics] == list(values)


@pytest.mark.parametrize(("scale", "border"), [(2, 8), (2, 0), (3, 9)])
def test_psnr_of_rgb_against_a_hand_calculation(scale: int, border: int) -> None:
    """As li2019's authors score DIV2K: all three channels, rounded to 8 bits, less scale + 6 pixels at each edge."""
    task = small_task(scale=scale, rgb_border=border)
    outputs, expected = [], []
    generator = torch.Generator().manual_seed(5)
    for _, high in pairs(task):
        outputs.append(((high.double() + 9 * torch.randn(high.shape, generator=generator).double()) / 255).float())
        error = (outputs[-1].double() * 255).clamp(0, 255).round() - high.double()
        inside = error[:, border : error.shape[1] - border, border : error.shape[2] - border]
        expected.append(10 * math.log10(255**2 / (inside**2).mean().item()))
    values = task.evaluate(Oracle(outputs))
    assert values["psnr_rgb"] == pytest.approx(sum(expected) / 2, abs=1e-4)
    assert list(values) == [metric.name for metric in task.metrics] == ["psnr_y", "ssim_y", "psnr_rgb"]
    luma_alone = small_task(scale=scale).evaluate(Oracle(outputs))
    assert luma_alone == {name: values[name] for name in ("psnr_y", "ssim_y")}


def test_a_border_that_leaves_nothing_is_refused() -> None:
    assert small_task(rgb_border=15).metrics
    with pytest.raises(TaskError, match=r"32 pixels at high resolution.*rgb_border can be 15 at most"):
        small_task(rgb_border=16)


def test_only_the_border_is_left_out() -> None:
    task = small_task()
    images = [high.float() / 255 for _, high in pairs(task)]
    edges = [image.clone() for image in images]
    for image in edges:
        image[:, :2] = image[:, -2:] = 0
        image[:, :, :2] = image[:, :, -2:] = 0
    assert task.evaluate(Oracle(edges)) == {"psnr_y": math.inf, "ssim_y": pytest.approx(1)}
    for image in edges:
        image[:, 2, 5] = 1 - image[:, 2, 5]  # the first row that counts
    assert task.evaluate(Oracle(edges))["psnr_y"] < math.inf


def test_bicubic_network_scores_as_bicubic() -> None:
    task = create_task("super_resolution", "photographs", scale=4)
    assert isinstance(task, SuperResolution)
    values = task.evaluate(Bicubic(4))
    assert values == pytest.approx(task.bicubic(), abs=1e-9)


def test_bicubic_on_the_photographs() -> None:
    task = create_task("super_resolution", "photographs")
    assert isinstance(task, SuperResolution)
    assert task.bicubic()["psnr_y"] == pytest.approx(33.48, abs=0.01)


def test_similarity_is_torchmetrics_where_the_window_fits_in() -> None:
    generator = torch.Generator().manual_seed(0)
    first = 255 * torch.rand(40, 30, generator=generator, dtype=torch.float64)
    second = (first + 40 * torch.randn(first.shape, generator=generator, dtype=torch.float64)).clamp(0, 255)
    sides = (side.view(1, 1, 40, 30) for side in (first, second))
    _, places = structural_similarity_index_measure(*sides, data_range=255.0, return_full_image=True)
    assert similarity(first, second) == pytest.approx(places[:, :, 5:-5, 5:-5].mean().item(), rel=1e-9)
    assert math.isnan(similarity(first[:10], second[:10]))


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_one_output_that_is_not_finite_leaves_no_score(bad: float) -> None:
    task = small_task()
    images = [high.float() / 255 for _, high in pairs(task)]
    images[0][1, 5, 6] = bad
    assert all(map(math.isnan, task.evaluate(Oracle(images)).values()))


def test_a_model_of_another_scale_is_refused() -> None:
    with pytest.raises(TaskError, match="enlarges by 2"):
        small_task().evaluate(Bicubic(3))
    with pytest.raises(TaskError, match="enlarges by 2"):
        small_task().loss(torch.zeros(1, 3, 24, 24), torch.zeros(1, 3, 16, 16))


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_patches_belong_together(scale: int) -> None:
    """A patch is found in its image, in one of eight orientations, its low-resolution side at the same place."""
    task = small_task(scale=scale, patches_per_epoch=40)
    if scale == 4:
        task = small_task(scale=4, patch_size=5, example_size=5, patches_per_epoch=40)
    size = task.options.patch_size
    turns = set()
    for lows, highs in task.train_batches(4, torch.Generator().manual_seed(0)):
        assert lows.shape == (4, 3, size, size)
        for low, high in zip((lows * 255).round().byte(), (highs * 255).round().byte(), strict=True):
            found = [place for place in _places(task, low, high)]
            assert found
            turns.add(found[0])
    assert len(turns) == 8


def _places(task: SuperResolution, low: Tensor, high: Tensor):
    size, scale = task.options.patch_size, task.options.scale
    for turn in range(8):
        first, second = (_turn(side, turn) for side in (low, high))
        for small, large in pairs(task, task.data.train):
            windows = small.unfold(1, size, 1).unfold(2, size, 1)
            same = (windows == first.unsqueeze(1).unsqueeze(1)).all(-1).all(-1).all(0)
            for top, left in same.nonzero().tolist():
                there = large[:, scale * top :, scale * left :][:, : scale * size, : scale * size]
                assert torch.equal(there, second)
                yield turn


def _turn(image: Tensor, turn: int) -> Tensor:
    return torch.rot90(image.flip(2) if turn & 4 else image, turn & 3, (1, 2))


def test_patches_follow_the_generator() -> None:
    task = small_task()
    first, second, other = (
        next(iter(task.train_batches(4, torch.Generator().manual_seed(seed)))) for seed in (1, 1, 2)
    )
    assert torch.equal(first[0], second[0])
    assert torch.equal(first[1], second[1])
    assert not torch.equal(first[0], other[0])


@pytest.mark.parametrize("seed", [0, 1])
def test_validation_split_takes_a_strip_of_every_image(seed: int) -> None:
    task = small_task()
    split = task.validation_split(0.25, seed)
    wholes = pairs(task, task.data.train)
    for (_, whole), (_, train), (low, test) in zip(wholes, pairs(split, split.data.train), pairs(split), strict=True):
        assert [train.shape[1], test.shape[1], low.shape[1]] == [30, 10, 5]
        assert torch.equal(torch.cat([test, train] if seed else [train, test], 1), whole)
    assert split.data_revision != task.data_revision
    assert split.data_revision == task.validation_split(0.25, seed).data_revision
    assert split.data_revision != task.validation_split(0.25, 2 + seed).data_revision


def test_each_test_set_has_its_metrics() -> None:
    task = small_task(tests=("Set5", "Set14"))
    names = [metric.name for metric in task.metrics]
    assert names == ["psnr_y[Set5]", "ssim_y[Set5]", "psnr_y[Set14]", "ssim_y[Set14]"]
    assert [metric.shown for metric in task.metrics] == [True, False, True, False]
    values = task.bicubic()
    assert list(values) == names
    alone = small_task(tests=("Set5",)).bicubic()
    assert values["psnr_y[Set5]"] == alone["psnr_y[Set5]"] != values["psnr_y[Set14]"]


def test_tiles_change_nothing_where_the_margin_covers_what_a_network_sees() -> None:
    model = load_model("edsr-r2f8x2")
    whole = small_task().evaluate(model)
    tiles = {margin: small_task(tile_size=7, tile_margin=margin).evaluate(model) for margin in (0, 8)}
    assert tiles[8] == pytest.approx(whole, abs=1e-6)
    assert tiles[0]["psnr_y"] != pytest.approx(whole["psnr_y"], abs=1e-6)


def test_example_is_of_fixed_size() -> None:
    task = create_task("super_resolution", "photographs")
    assert task.example().shape == (1, 3, 48, 48)
    assert task.example(9).shape == (9, 3, 48, 48)
    assert torch.equal(task.example(9)[:7], task.example(7))
    assert 0 <= task.example(7).min() < task.example(7).max() <= 1


def test_patches_larger_than_an_image() -> None:
    with pytest.raises(TaskError, match=r"patch_size \(30\).* 20 at most"):
        small_task(patch_size=30)


def test_scale_is_checked() -> None:
    with pytest.raises(TaskError, match=r"scale.*5"):
        create_task("super_resolution", "photographs", scale=5)


def test_whole_trial_with_two_test_sets(tmp_path: Path) -> None:
    for folder, count, size in (("train", 2, 70), ("first", 1, 40), ("second", 2, 36)):
        (tmp_path / folder).mkdir()
        for name, image in random_images(count, size, size, seed=size).items():
            Image.fromarray(image.permute(1, 2, 0).numpy()).save(tmp_path / folder / f"{name}.png")
    entry = {
        "model": "edsr-r1f4x2",
        "task": "super_resolution",
        "task_options": {"patch_size": 12, "patches_per_epoch": 8, "example_size": 24},
        "data": "sr:train -> sr:first, sr:second",
        "methods": ["dense"],
        "recipe": {"batch_size": 4},
        "measure": {"batch_sizes": [1], "seconds": 0.1, "threads": 1},
    }
    suite = write_suite(tmp_path, {"name": "enlarged", "entries": [entry]})
    run = decompbench("run", suite, results=tmp_path / "results")
    assert run.returncode == 0, run.stdout + run.stderr
    ((record,), _) = find_records(tmp_path / "results")
    quality = record.measured.quality["finished"]
    assert set(quality) == {"psnr_y[first]", "ssim_y[first]", "psnr_y[second]", "ssim_y[second]"}
    (row,) = leaderboard([record]).to_dict("records")
    assert row["final"] == quality["psnr_y[first]"]
    assert row["final psnr_y[second] dB"] == quality["psnr_y[second]"]
