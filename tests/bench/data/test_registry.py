"""Data by name."""

from __future__ import annotations

import pytest

from decompbench.bench.data import UnknownDataError, find_data, list_data, load_classification, load_super_resolution


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("fashion-mnist-10", "did you mean 'fashion-mnist-10k'"),
        ("imagefolder", "lacks its folder: 'imagefolder:PATH'"),
        ("imagefolders:x", "did you mean 'imagefolder'"),
        ("imagefolder:", "lacks its folder"),
        ("photographs", "for super_resolution, not for classification"),
        ("fashion-mnist-10k:x", "comes from no folder"),
    ],
)
def test_wrong_names(name: str, message: str) -> None:
    with pytest.raises(UnknownDataError, match=message):
        load_classification(name)


def test_classification_data_is_no_super_resolution_data() -> None:
    with pytest.raises(UnknownDataError, match=r"for classification.*photographs"):
        load_super_resolution("fashion-mnist-10k", scale=2)


def test_list_has_every_name_as_it_is_written() -> None:
    names = [info.to_json()["name"] for info in list_data()]
    assert len(set(names)) == len(names)
    assert {"fashion-mnist-10k", "cifar10[:PATH]", "imagefolder:PATH", "photographs"} <= set(names)
    for info in list_data():
        assert find_data(f"{info.name}:somewhere" if info.folder == "required" else info.name, info.task) == info
