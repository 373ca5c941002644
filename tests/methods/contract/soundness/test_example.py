"""The form of an example: kept with a plan, drawn again on any device and in any precision."""

import json

import torch
from torch import nn

from decompbench.methods.contract.soundness.example import ExampleForm

from .networks import Net, X, planned


def test_it_comes_back_from_json():
    form = ExampleForm.of((X, torch.arange(3), 2, "word", None, True))
    assert ExampleForm.from_json(json.loads(json.dumps(form.to_json()))) == form


def test_arguments_are_drawn_in_its_shapes_and_types():
    drawn = ExampleForm.of((X, torch.arange(3), 2.5)).draw(torch.Generator().manual_seed(0), torch.device("cpu"))
    assert drawn[0].shape == X.shape
    assert 0.5 < drawn[0].std() < 1.5
    assert torch.equal(drawn[1], torch.zeros(3, dtype=torch.int64))
    assert drawn[2] == 2.5


def test_they_follow_the_model():
    form = ExampleForm.of(X)
    (x,) = form.draw_for(Net().double())
    assert x.dtype == torch.float64
    (x,) = form.draw_for(Net().to("meta"))
    assert x.is_meta
    (x,) = form.draw_for(nn.Sequential(Net().half(), nn.Linear(2, 2)))  # in two precisions: as it was
    assert x.dtype == X.dtype
    (x,) = form.draw_for(nn.Sequential(Net().double(), nn.Linear(2, 2).half()))  # in two others: the first
    assert x.dtype == torch.float64


def test_what_json_does_not_hold_has_no_form():
    assert ExampleForm.of((X, [X])) is None


def test_a_plan_has_it():
    assert planned(Net()).example == ExampleForm.of((X,))
