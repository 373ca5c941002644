"""Published sizes of Tucker-2: those of yu2021, or those that follow from its equation 9."""

import pytest
import torch

from decompbench.methods import Select, Tucker2, begin, count_stored, plan
from decompbench.models import load_model


def reduction(before: int, after: int) -> float:
    return round(100 * (1 - after / before), 2)


@pytest.mark.parametrize(("kind", "published"), [("identity", 80.66), ("dense", 77.49)])
def test_a_cifar_resnet_shrinks_as_equation_9_says_whichever_coefficients_are_asked_for(kind, published):
    """All convolutions, the stem too; ranks rounded to the nearest integer."""
    todo = plan(load_model("resnet32"), Tucker2(6 / 16, coefficients=kind), torch.zeros(1, 3, 32, 32), select=Select())
    others = {key: reduction(todo.before.weights, weights) for key, weights in todo.other_weights.items()}
    assert others == {"identity_coefficients": 80.66, "dense_coefficients": 77.49}
    assert reduction(todo.before.weights, todo.after.weights) == published


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
