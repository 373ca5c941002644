"""Published PSNR of bicubic interpolation on Set5: low-resolution images, borders, luma and means are the field's."""

from __future__ import annotations

from pathlib import Path

import pytest

from decompbench.bench.tasks import create_task
from decompbench.bench.tasks.super_resolution import SuperResolution


@pytest.mark.parametrize(("scale", "psnr", "ssim"), [(2, 33.66, 0.9299), (3, 30.39, 0.8682), (4, 28.42, 0.8104)])
@pytest.mark.parametrize("layout", ["", "HR"])
def test_bicubic_on_set5(
    super_resolution_images: Path, tmp_path: Path, scale: int, psnr: float, ssim: float, layout: str
) -> None:
    """With the published low-resolution images, and with our own (Kim et al., VDSR, 2016, table 3)."""
    folder = super_resolution_images / "Set5"
    if layout:  # the images of high resolution by themselves, so that the others have to be made
        (tmp_path / "Set5").symlink_to(folder / f"X{scale}" / "HR")
        folder = tmp_path / "Set5"
    task = create_task("super_resolution", f"photographs -> sr:{folder}", scale=scale)
    assert isinstance(task, SuperResolution)
    values = task.bicubic()
    assert values["psnr_y[Set5]"] == pytest.approx(psnr, abs=0.02)
    assert values["ssim_y[Set5]"] == pytest.approx(ssim, abs=0.001)
