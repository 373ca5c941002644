"""Sizes that yu2021 publishes, or that follow from its equation 9."""

import pytest
import torch

from decompbench.methods import Select, Tucker2, begin, count_stored, plan
from decompbench.models import load_model

# model, rank ratio, reduction of the conv weights in % by eq. 9, and without the identity
CIFAR = [
    ("resnet32", 6 / 16, 80.66, 77.49),
    ("resnet32", 10 / 16, 55.65, 46.85),
    ("resnet56", 8 / 16, 69.40, 63.80),
    ("resnet110", 8 / 16, 69.42, 63.84),
]


def reduction(before: int, after: int) -> float:
    return round(100 * (1 - after / before), 2)


@pytest.mark.parametrize(("name", "rank", "identity", "dense"), CIFAR)
def test_cifar_resnets_shrink_as_equation_9_says(name, rank, identity, dense):
    """All convolutions, the stem too; ranks rounded to the nearest integer."""
    net = load_model(name)
    for kind in ("identity", "dense"):
        todo = plan(net, Tucker2(rank, coefficients=kind), torch.zeros(1, 3, 32, 32), select=Select())
        others = {key: reduction(todo.before.weights, weights) for key, weights in todo.other_weights.items()}
        assert others == {"identity_coefficients": identity, "dense_coefficients": dense}
        assert reduction(todo.before.weights, todo.after.weights) == {"identity": identity, "dense": dense}[kind]


def test_the_counted_weights_are_those_of_the_real_layers():
    net = load_model("resnet32")
    todo = plan(net, Tucker2(6 / 16, coefficients="identity"), torch.zeros(1, 3, 32, 32), select=Select())
    dense = count_stored(net).weights
    assert reduction(dense, count_stored(begin(net, todo).finish()).weights) == 80.66


def test_resnet50_of_the_paper_is_a_setting_and_overrides():
    net = load_model("torchvision/resnet50")
    method = Tucker2(8 / 16, groups_pointwise=4, coefficients="identity")
    pointwise = {"rank": 12 / 16}
    names = ("layer*.conv1", "layer*.conv3", "layer*.downsample.0")
    todo = plan(net, method, torch.zeros(1, 3, 64, 64), overrides=dict.fromkeys(names, pointwise))
    for layer in todo.layers[1:]:
        used = todo.method_of(layer)
        assert used is not None
        expected = ((4, 4), 12 / 16) if layer.spec.kernel_area == 1 else ((1, 1), 8 / 16)
        assert (used.layer_groups(layer.spec), used.rank) == expected
