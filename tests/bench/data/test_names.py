"""Data by name."""

from __future__ import annotations

import pytest

from decompbench.bench.data import UnknownDataError, list_data, load_classification, load_super_resolution


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("fashion-mnist-10", "did you mean 'fashion-mnist-10k'"),
        ("imagefolder", "imagefolder:PATH"),
        ("imagefolders:x", "did you mean 'imagefolder:PATH'"),
        ("imagefolder:", "lacks the folder"),
        ("photographs", "for super_resolution, not for classification"),
        ("fashion-mnist-10k:x", "No data is called"),
    ],
)
def test_wrong_names(name: str, message: str) -> None:
    with pytest.raises(UnknownDataError, match=message):
        load_classification(name)


def test_classification_data_is_no_super_resolution_data() -> None:
    with pytest.raises(UnknownDataError, match=r"for classification.*photographs"):
        load_super_resolution("fashion-mnist-10k", scale=2)


def test_list() -> None:
    names = [info.name for info in list_data()]
    assert names == [
        "fashion-mnist-10k", "fashion-mnist", "fashion-mnist:PATH", "imagefolder:PATH", "photographs", "sr:PATH",
        "div2k:PATH", "drawings", "voc:PATH", "voc2007:PATH",
    ]  # fmt: skip
