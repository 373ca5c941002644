"""EDSR: published size, shapes, mean shift, residual scaling."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from decompbench.models import load_model
from decompbench.models.networks.edsr import DIV2K_MEAN, EDSR


def test_parameters_of_the_authors_baseline() -> None:
    """1,369,859: 16 blocks, 64 features, x2 (their 1.37M); their two mean-shift convs, 12 elements each, left out."""
    model = load_model("edsr-r16f64x2")
    assert sum(parameter.numel() for parameter in model.parameters()) == 1_369_859


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_output_size(scale: int) -> None:
    output = load_model(f"edsr-r1f4x{scale}")(torch.rand(2, 3, 5, 7))
    assert output.shape == (2, 3, 5 * scale, 7 * scale)


def test_mean_colour_goes_out_and_comes_back() -> None:
    """With all weights zero, what is left is the mean colour."""
    model = load_model("edsr-r1f4x2")
    for parameter in model.parameters():
        nn.init.zeros_(parameter)
    output = model(torch.rand(1, 3, 4, 4))
    torch.testing.assert_close(output, torch.tensor(DIV2K_MEAN).view(1, 3, 1, 1).expand(1, 3, 8, 8))


def test_mean_is_no_weight() -> None:
    assert "mean" not in load_model("edsr-r1f4x2").state_dict()


def test_residuals_are_scaled_from_256_features() -> None:
    assert load_model("edsr-r1f32x2").get_submodule("body.0").res_scale == 1.0
    assert load_model("edsr-r1f256x2").get_submodule("body.0").res_scale == 0.1
    assert load_model("edsr-r1f32x2", res_scale=0.5).get_submodule("body.0").res_scale == 0.5


def test_residual_scale_is_applied() -> None:
    plain, scaled = EDSR(1, 4, 2), EDSR(1, 4, 2, res_scale=0.25)
    scaled.load_state_dict(plain.state_dict())
    x = torch.rand(1, 4, 6, 6)
    first, second = plain.body[0], scaled.body[0]
    torch.testing.assert_close(second(x) - x, 0.25 * (first(x) - x))


def test_grey_images() -> None:
    assert load_model("edsr-r1f4x2", in_chans=1)(torch.rand(1, 1, 4, 4)).shape == (1, 1, 8, 8)
