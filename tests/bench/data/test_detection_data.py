"""VOC's layout and the drawings: boxes, labels, difficult objects, and what is wrong with damaged files."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from decompbench.bench.data import DataError, UnknownDataError, find_data
from decompbench.bench.data.detection.load import load_detection
from tests.bench.voc_files import write_voc


def test_voc(tmp_path: Path) -> None:
    write_voc(tmp_path, train={2007: 3, 2012: 2}, test=2)
    data = load_detection(f"voc:{tmp_path}")
    assert (len(data.train), len(data.test), len(data.classes)) == (5, 2, 20)
    assert load_detection("voc:VOCdevkit", tmp_path).revision == data.revision
    alone = load_detection(f"voc2007:{tmp_path}")
    assert [scene.name for scene in alone.train] == [scene.name for scene in data.train[:3]]
    assert alone.revision != data.revision
    assert find_data("voc:elsewhere", "detection").outline.classes == len(data.classes)


def test_annotations_of_voc(tmp_path: Path) -> None:
    """A box from pixel 1 to pixel 40, both inside, is 40 pixels wide."""
    write_voc(tmp_path, train={2007: 1}, test=1)
    path = tmp_path / "VOCdevkit" / "VOC2007" / "Annotations" / "000001.xml"
    one = "<object><name>{}</name><difficult>{}</difficult><bndbox><xmin>{}</xmin><ymin>{}</ymin>"
    one += "<xmax>{}</xmax><ymax>{}</ymax></bndbox><part><name>head</name></part></object>"
    objects = one.format("aeroplane", 0, 1, 11, 40, 30) + one.format("tvmonitor", 1, 5, 6, 7, 8)
    path.write_text(f"<annotation>{objects}</annotation>")
    scene = load_detection(f"voc2007:{tmp_path}").train[0]
    assert scene.boxes.tolist() == [[0, 10, 40, 30], [4, 5, 7, 8]]
    assert scene.labels.tolist() == [1, 20]
    assert scene.difficult.tolist() == [False, True]
    path.write_text("<annotation><filename>000001.jpg</filename></annotation>")
    assert load_detection(f"voc2007:{tmp_path}").train[0].boxes.shape == (0, 4)


def test_damaged_voc(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="looked for VOC2007 in"):
        load_detection(f"voc:{tmp_path}")
    write_voc(tmp_path, train={2007: 2}, test=1)
    with pytest.raises(DataError, match=r"no VOC2012.ImageSets.Main.trainval\.txt"):
        load_detection(f"voc:{tmp_path}")
    annotations = tmp_path / "VOCdevkit" / "VOC2007" / "Annotations"
    text = (annotations / "000001.xml").read_text()
    for broken, message in (
        (text[:-20], "ParseError"),
        (text.replace("<name>dog", "<name>dogg").replace("<name>cat", "<name>dogg"), "did you mean 'dog'"),
        (text.replace("xmin", "left"), "KeyError: 'xmin'"),
    ):
        (annotations / "000001.xml").write_text(broken)
        with pytest.raises(DataError, match=rf"000001\.xml is no annotation of VOC's: .*{message}"):
            load_detection(f"voc2007:{tmp_path}")
    (annotations / "000001.xml").unlink()
    with pytest.raises(DataError, match=r"trainval\.txt lists 000001, but there is no .*000001\.xml"):
        load_detection(f"voc2007:{tmp_path}")


def test_drawings_are_always_the_same() -> None:
    first, second = load_detection("drawings"), load_detection("drawings")
    assert first.revision == second.revision == "9ab96600530fddd3"
    for scene in (*first.train, *first.test):
        image = scene.read()
        assert image.dtype == torch.uint8
        height, width = image.shape[1:]
        assert len(scene.boxes) == len(scene.labels) >= 1
        for left, top, right, bottom in scene.boxes.int().tolist():
            assert 0 <= left < right <= width
            assert 0 <= top < bottom <= height
            colours = image[:, top:bottom, left:right].flatten(1)
            assert ((colours == 0) | (colours == 255)).all(dim=0).float().mean() > 0.4  # the object fills its box
    labels = torch.cat([scene.labels for scene in first.train])
    assert labels.bincount(minlength=4)[1:].min() > 40


def test_names() -> None:
    with pytest.raises(UnknownDataError, match="did you mean 'drawings'"):
        load_detection("drawing")
    with pytest.raises(UnknownDataError, match="is data for super_resolution, not for detection"):
        load_detection("photographs")
