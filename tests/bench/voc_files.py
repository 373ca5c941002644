"""A tiny VOC: drawings under the names of two of its classes, in the layout of its development kit."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from decompbench.bench.data.detection.load import load_detection
from decompbench.bench.data.detection.scenes import Scene

CLASSES = ("cat", "dog", "cat")


def write_voc(folder: Path, train: dict[int, int], test: int) -> None:
    """Write a ``VOCdevkit`` with a number of images of each year to train on, and a number of 2007 to test on."""
    drawings = load_detection("drawings")
    scenes = iter(drawings.train)
    for year, count in train.items():
        _write_set(folder / "VOCdevkit" / f"VOC{year}", "trainval", [next(scenes) for _ in range(count)], 1)
    _write_set(folder / "VOCdevkit" / "VOC2007", "test", list(drawings.test[:test]), 1001)


def _write_set(year: Path, name: str, scenes: list[Scene], first: int) -> None:
    for part in ("Annotations", "ImageSets/Main", "JPEGImages"):
        (year / part).mkdir(parents=True, exist_ok=True)
    names = [f"{first + number:06d}" for number in range(len(scenes))]
    (year / "ImageSets" / "Main" / f"{name}.txt").write_text("".join(f"{name}\n" for name in names))
    for name, scene in zip(names, scenes, strict=True):
        Image.fromarray(scene.read().permute(1, 2, 0).numpy()).save(year / "JPEGImages" / f"{name}.jpg")
        objects = [
            f"<object><name>{CLASSES[label - 1]}</name><difficult>0</difficult><bndbox><xmin>{left + 1}</xmin>"
            f"<ymin>{top + 1}</ymin><xmax>{right}</xmax><ymax>{bottom}</ymax></bndbox></object>"
            for (left, top, right, bottom), label in zip(scene.boxes.int().tolist(), scene.labels.tolist(), strict=True)
        ]
        (year / "Annotations" / f"{name}.xml").write_text(f"<annotation>{''.join(objects)}</annotation>\n")
