"""Equivalence: inputs of the check's own, and where two outputs of any kind differ."""

import random
from collections import OrderedDict
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from decompbench.methods.lifecycle.inference.equivalence import Reference, difference
from decompbench.methods.lifecycle.inference.inputs import own_inputs

EPS = torch.finfo(torch.float32).eps
Y = torch.randn(4, 5, generator=torch.Generator().manual_seed(0))


@dataclass
class Logits:
    logits: object
    loss: object = None


def with_value(y, value):
    y = y.clone()
    y.view(-1)[3] = value
    return y


ALIKE = [
    (Y, Y * (1 + 1e-6)),
    (with_value(Y, float("nan")), with_value(Y, float("nan"))),
    (with_value(Y, float("inf")), with_value(Y, float("inf"))),
    (Y[:0], Y[:0]),
    (Y.argmax(), Y.argmax()),
    (Y > 0, Y > 0),
    (None, None),
    ("text", "text"),
    (float("nan"), float("nan")),
    (torch.complex(Y, Y), torch.complex(Y, Y) * (1 + 1e-6)),
    ({"a": [Y, (Y, None)]}, {"a": [Y, (Y, None)]}),
    (OrderedDict(a=Y), OrderedDict(a=Y)),
    (Logits(Y), Logits(Y.clone())),
    (SimpleNamespace(boxes=Y, scores=[Y]), SimpleNamespace(boxes=Y, scores=[Y])),
    (Y.numpy(), Y.clone().numpy()),
    (Y.relu().to_sparse(), Y.relu().to_sparse()),
    (torch.nested.nested_tensor([Y, Y[:2]]), torch.nested.nested_tensor([Y, Y[:2]])),
    (torch.distributions.Normal(Y, 1.0), torch.distributions.Normal(Y, 1.0)),
    (object(), object()),
]
DIFFERENT = [
    (Y, Y * 1.01, "the output differs by 0.0099 of its size"),
    (Y, Y[:2], "the shape of the output is"),
    (Y, Y.double(), "the dtype of the output is"),
    (Y, with_value(Y, float("nan")), "finite, or infinite, in one of the two only"),
    (with_value(Y, -float("inf")), with_value(Y, float("inf")), "in one of the two only"),
    (Y.argmax(1), Y.argmin(1), "differs in 1e+02 % of its values"),
    (Y > 0, Y < 0, "differs in"),
    (3.0, 3.1, "the output differs by"),
    (3, 4, "the output is 3 and not 4"),
    (None, Y, "is a NoneType and not a Tensor"),
    ([Y], (Y,), "is a list and not a tuple"),
    ({"a": Y}, {"b": Y}, r"has the parts \['a'\] and not \['b'\]"),
    ({"a": [Y, Y]}, {"a": [Y, -Y]}, r"the output\['a'\]\[1\] differs by 2 of its size"),
    (Logits(Y), Logits(-Y), r"the output\['logits'\] differs by 2"),
    (Logits(Y), Logits(Y, Y), r"the output\['loss'\] is a NoneType"),
    (SimpleNamespace(a=Y), SimpleNamespace(a=-Y), r"the output\['a'\]"),
    (np.ones(3), np.zeros(3), "differs by"),
    (torch.complex(Y, Y), torch.complex(Y, -Y), "differs by"),
    (Y.to_sparse(), -Y.to_sparse(), "differs by 2"),
]


@pytest.mark.parametrize(("actual", "expected"), ALIKE, ids=lambda value: type(value).__name__)
def test_outputs_that_are_alike(actual, expected):
    assert difference(actual, expected, EPS) is None


@pytest.mark.parametrize(("actual", "expected", "message"), DIFFERENT)
def test_the_first_difference_is_named(actual, expected, message):
    import re

    found = difference(actual, expected, EPS)
    assert found is not None
    assert re.search(message, found) or message in found


def test_an_output_that_holds_itself_is_compared():
    one, other = [Y], [Y]
    one.append(one)
    other.append(other)
    assert difference(one, other, EPS) is None
    other[0] = -Y
    assert difference(one, other, EPS) is not None


def test_own_inputs_are_like_the_example_and_of_other_values():
    ids, mask = torch.tensor([[1, 2, 3], [4, 5, 6]]), torch.tensor([[True, False, True], [True, True, False]])
    images = torch.zeros(2, 3, 8, 8, dtype=torch.float64).to(memory_format=torch.channels_last)
    example = (images, ids, {"mask": mask, "flag": True, "list": [torch.zeros(2, 3, dtype=torch.bfloat16), None]})
    drawn = list(own_inputs(example))
    assert len(drawn) > 2
    for x, y, rest in drawn:
        assert (x.dtype, x.shape, x.stride()) == (images.dtype, images.shape, images.stride())
        assert len(x.unique()) == x.numel()
        assert sorted(y.flatten().tolist()) == [1, 2, 3, 4, 5, 6]
        assert rest["mask"].dtype == torch.bool
        assert rest["mask"].sum() == 4
        assert rest["flag"] is True
        assert rest["list"][0].dtype == torch.bfloat16
        assert rest["list"][0].any()
    scales = [float(x.abs().max()) for x, *_ in drawn]
    assert max(scales) > 10 * min(scales)
    assert not images.any()


def test_own_inputs_are_within_the_examples_range_once():
    example = torch.rand(2, 3, 8, 8) * 5 + 100
    assert any(float(x.min()) >= 100 and float(x.max()) <= 105 for x in own_inputs(example))


def test_few_images_of_a_large_batch_are_tried_first():
    sizes = [tuple(x.shape) for x in own_inputs(torch.zeros(9, 3, 256, 192))]
    assert sizes[:2] == [(2, 3, 256, 192), (2, 3, 128, 96)]
    assert sizes[-1] == (9, 3, 256, 192)


class Particular(nn.Module):
    """Takes nothing but a full batch of positive values."""

    def forward(self, x):
        assert len(x) == 5
        assert (x >= 0).all()
        return x.sqrt()


def test_a_model_is_given_what_it_takes():
    reference = Reference(Particular(), torch.zeros(5, 3))
    assert not reference.refusal
    assert reference.difference(Particular(), EPS) is None
    assert "differs" in reference.difference(nn.Identity(), EPS)


def test_a_model_that_takes_nothing_says_why():
    class Refusing(nn.Module):
        def forward(self, x):
            raise ValueError("not today")

    assert Reference(Refusing(), torch.zeros(2, 3)).refusal == "ValueError: not today"


class Noisy(nn.Module):
    """Draws from all the generators there are."""

    def forward(self, x):
        return nn.functional.dropout(x, 0.5) + torch.randn(3) + random.random()


def test_models_that_draw_numbers_are_compared_and_the_generators_left_alone():
    before = torch.get_rng_state(), random.getstate()
    assert Reference(Noisy(), torch.zeros(2, 3)).difference(Noisy(), EPS) is None
    assert torch.equal(torch.get_rng_state(), before[0])
    assert random.getstate() == before[1]


def test_out_of_memory_is_not_taken_for_a_refusal():
    class Large(nn.Module):
        def forward(self, x):
            raise torch.OutOfMemoryError("no memory left")

    with pytest.raises(torch.OutOfMemoryError):
        Reference(Large(), torch.zeros(2, 3))
