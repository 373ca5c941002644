"""Variants, built: a paper's dense network and the plan of what the paper does to it."""

from __future__ import annotations

import json

import torch
from torch import nn

from ...methods import Plan
from ...models import load_model
from ..suite.variants import find_variant
from .choice import choose_method, plan_choice
from .meta_model import traced_model


def load_variant(name: str, *, device: str = "cpu", pretrained: bool | str = False) -> tuple[nn.Module, Plan]:
    """Build a variant's dense model and its plan.

    Parameters
    ----------
    name
        Such as ``li2019-vgg16-basis``.
    device
        ``"meta"`` builds a model without memory for its weights, which is all that sizes need.
    pretrained
        As in ``load_model``.

    Returns
    -------
    model : torch.nn.Module
        The dense model, in training mode.
    plan : Plan
        What the paper does to it; ``begin(model, plan)`` does it.

    Raises
    ------
    SuiteError
        No variant has that name.
    """
    variant = find_variant(name)
    with torch.device(device):
        model = load_model(variant.model, pretrained=pretrained, **variant.model_options)
        example = torch.zeros(1, *variant.input)
    return model, plan_choice(variant.method, choose_method(variant.method), model, example)


def plan_variant(name: str) -> tuple[nn.Module, Plan]:
    """Return what ``load_variant(name, device="meta")`` does, the model being one for all variants of it."""
    variant = find_variant(name)
    shape = traced_model(variant.model, json.dumps(variant.model_options), variant.input)
    method = choose_method(variant.method)
    return shape.model, plan_choice(variant.method, method, shape.model, shape.example, traced=shape.traced)
