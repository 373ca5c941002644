"""Arguments of the public functions: the error of a wrong one says what to pass instead."""

import pytest
import torch

from decompbench.methods import SVD, SettingError, Target, begin, compress, deploy, plan, trace

from ..cases import small_net

EXAMPLE = torch.zeros(1, 3, 12, 12)
NET = small_net()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: compress(NET, "svd", EXAMPLE), r"get_method\('svd'\) instead of 'svd'"),
        (lambda: compress(NET, SVD, EXAMPLE), r"SVD\(…\) instead of the class"),
        (lambda: compress(NET, 0.3, EXAMPLE), r"a value such as SVD\(rank=0\.3\), got 0\.3"),
        (lambda: compress("resnet18", SVD(), EXAMPLE), r"a torch\.nn\.Module, got 'resnet18'"),
        (lambda: compress(NET, SVD(), None), r"such as torch\.zeros\(1, 3, 224, 224\).*got None"),
        (lambda: plan(NET, SVD(), (3, 12, 12)), r"such as torch\.zeros.*got \(3, 12, 12\)"),
        (lambda: plan(NET, SVD(), ()), r"such as torch\.zeros.*got \(\)"),
        (lambda: plan(NET, SVD(), EXAMPLE, 0.3), r"Target\(params=0\.3\).*got 0\.3"),
        (lambda: trace(NET, [EXAMPLE]), "or a tuple of arguments"),
        (lambda: deploy(NET, None), "such as torch.zeros"),
        (lambda: begin(NET, SVD(0.3)), r"begin\(model, plan\(model, method, example\)\); got SVD"),
        (lambda: begin(None, plan(NET, SVD(), EXAMPLE)), r"a torch\.nn\.Module, got None"),
    ],
)
def test_a_wrong_argument_is_named_with_the_right_one(call, message):
    with pytest.raises(SettingError, match=message):
        call()


def test_an_example_may_be_a_tuple_of_arguments():
    assert plan(NET, SVD(), (EXAMPLE,), Target(params=0.5)) == plan(NET, SVD(), EXAMPLE, Target(params=0.5))
