"""SRResNet: shapes, residuals, settings."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from decompbench.models import load_model

from .counting import on_meta


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_output_size(scale: int) -> None:
    output = on_meta(f"srresnet-x{scale}")(torch.rand(2, 3, 5, 7, device="meta"))
    assert output.shape == (2, 3, 5 * scale, 7 * scale)


def test_the_last_convolution_is_an_option() -> None:
    plain, small = on_meta("srresnet-x4"), on_meta("srresnet-x4", tail_kernel=3)
    assert (plain.tail[1].kernel_size, small.tail[1].kernel_size) == ((9, 9), (3, 3))
    assert small(torch.rand(2, 3, 5, 7, device="meta")).shape == (2, 3, 20, 28)


def test_grey_images_and_a_small_one() -> None:
    model = load_model("srresnet-x2", in_chans=1, blocks=1, features=4)
    assert model(torch.rand(1, 1, 4, 4)).shape == (1, 1, 8, 8)


def test_residuals_go_around_each_block_and_around_all() -> None:
    """With every weight in the body zero, what enters the tail is twice-normalised nothing plus the head's output."""
    model = load_model("srresnet-x2", blocks=2, features=4).eval()
    body = model.get_submodule("body")
    for parameter in body.parameters():
        nn.init.zeros_(parameter)
    head = model.get_submodule("head")(torch.rand(1, 3, 4, 4))
    assert torch.equal(body.get_submodule("0")(head), head)
    assert not body(head).any()
