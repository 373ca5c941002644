"""Variants: networks of the papers as named plans, each a model with a method, its settings and the layers it touches.

They lie in ``variants/<paper>.yaml`` and are named ``<paper>-<key>``. A suite takes one by
``methods: [{variant: NAME}]``.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import torch
from pydantic import Field, ValidationError
from torch import nn

from ...methods import Plan
from ...models import load_model
from ..base.errors import SuiteError
from ..base.yaml import find_packaged, packaged_entries
from ..planning.choice import choose_method, plan_choice
from ..planning.meta_model import traced_model
from .schema import MethodChoice, Strict

FOLDER = Path(__file__).parent / "packaged" / "variants"


class Variant(Strict):
    """A network of a paper.

    Attributes
    ----------
    model, model_options
        For ``load_model``: the dense network.
    input
        Channels, height and width of an input.
    method
        As in a suite: name, settings, ``select``, ``overrides``, ``inefficient``.
    """

    model: str
    model_options: dict[str, Any] = Field(default_factory=dict)
    input: tuple[int, int, int]
    method: MethodChoice


@cache
def packaged_variants() -> dict[str, Variant]:
    """Return all variants by name.

    Raises
    ------
    SuiteError
        A file cannot be used; the message names it and the key.
    """
    found: dict[str, Variant] = {}
    for file, key, content in packaged_entries(FOLDER):
        try:
            found[f"{file.stem}-{key}"] = Variant(**content)
        except ValidationError as error:
            raise SuiteError(f"{file}: {key}: {error}") from None
    return found


def find_variant(name: str) -> Variant:
    """Return the variant of a name.

    Raises
    ------
    SuiteError
        There is none; the message has the nearest names.
    """
    return find_packaged("variant", name, packaged_variants())


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
