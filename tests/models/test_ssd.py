"""SSD300: feature maps, boxes and their order."""

from __future__ import annotations

import torch

from decompbench.models.networks.ssd import BOXES, L2Norm, _by_box

from .counting import on_meta


def test_feature_maps_and_boxes_of_the_paper() -> None:
    model = on_meta("ssd300-bn", num_classes=5)
    x = torch.zeros(2, 3, 300, 300, device="meta")
    sides = [m.shape[-1] for m in model.feature_maps(x)]
    assert sides == [38, 19, 10, 5, 3, 1]
    assert sum(side * side * boxes for side, boxes in zip(sides, BOXES, strict=True)) == 8732
    offsets, logits = model(x)
    assert offsets.shape == (2, 8732, 4)
    assert logits.shape == (2, 8732, 5)


def test_values_of_a_box_stay_together() -> None:
    """Two boxes of three values at two places: channel 3 b + v at a place is value v of its box b."""
    x = torch.arange(12.0).view(1, 6, 1, 2)
    assert _by_box(x, 3).tolist() == [[[0, 2, 4], [6, 8, 10], [1, 3, 5], [7, 9, 11]]]


def test_l2norm_has_length_20_everywhere() -> None:
    y = L2Norm(8)(torch.randn(2, 8, 3, 3))
    torch.testing.assert_close(y.square().sum(1).sqrt(), torch.full((2, 3, 3), 20.0))


def test_width_scales_every_layer() -> None:
    """A quarter of the channels: outputs keep their shapes, the convolutions between have a 16th of the weights."""
    whole, narrow = on_meta("ssd300-bn"), on_meta("ssd300-bn", width=0.25)
    images = torch.empty(2, 3, 300, 300, device="meta")
    assert [out.shape for out in narrow(images)] == [out.shape for out in whole(images)]
    between = [path for path, module in whole.vgg.named_children() if isinstance(module, torch.nn.Conv2d)][1:]
    for path in between:
        assert 16 * narrow.vgg[int(path)].weight.numel() == whole.vgg[int(path)].weight.numel()
