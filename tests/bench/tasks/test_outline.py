"""Outlines: a data set's name promises what the data then has."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from decompbench.bench.data import DataError, UnknownDataError
from decompbench.bench.tasks import TaskError, create_task, outline_task


@pytest.mark.parametrize(
    ("task", "data", "options"),
    [
        ("classification", "fashion-mnist-10k", {}),
        ("super_resolution", "photographs", {"example_size": 20, "patch_size": 16}),
    ],
)
def test_outline_is_that_of_the_loaded_task(task: str, data: str, options: dict) -> None:
    outline, loaded = outline_task(task, data, **options), create_task(task, data, **options)
    assert outline.model_kwargs == loaded.model_kwargs()
    assert outline.example_shape == loaded.example().shape[1:]


def test_outline_needs_no_data_where_the_name_tells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DECOMPBENCH_DATA", str(tmp_path))
    for name, channels, size, classes in [
        ("cifar10", 3, 32, 10),
        ("cifar100:nowhere", 3, 32, 100),
        ("cifar10-jpeg", 3, 32, 10),
        ("fashion-mnist", 1, 28, 10),
    ]:
        outline = outline_task("classification", name)
        assert outline.model_kwargs == {"in_chans": channels, "num_classes": classes}
        assert outline.example_shape == (channels, size, size)
        with pytest.raises(DataError, match="not on this machine"):
            create_task("classification", name)


def test_outline_of_a_folder_is_read_off_its_images(image_folder: Path) -> None:
    outline = outline_task("classification", f"imagefolder:{image_folder}", image_size=8)
    assert outline.model_kwargs == {"in_chans": 3, "num_classes": 2}
    assert outline.example_shape == (3, 8, 8)


def test_outline_checks_names_and_options() -> None:
    with pytest.raises(UnknownDataError, match="did you mean"):
        outline_task("classification", "cifar11")
    with pytest.raises(UnknownDataError, match="for classification"):
        outline_task("super_resolution", "cifar10")
    with pytest.raises(TaskError, match="did you mean 'scale'"):
        outline_task("super_resolution", "photographs", scal=2)


def test_a_task_s_outline_imports_no_other_task() -> None:
    code = (
        "import sys\nfrom decompbench.bench.tasks import outline_task, list_tasks\n"
        "outline_task('classification', 'fashion-mnist-10k')\n"
        "print('decompbench.bench.tasks.detection.task' in sys.modules, *list_tasks())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "classification", "detection", "size", "super_resolution"]
