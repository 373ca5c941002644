"""Hooked weights: a convolution whose weight a hook computes is left alone, since its replacement would never train."""

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, prune, spectral_norm, weight_norm

from decompbench.methods import SVD, begin, plan

from ..cases import small_net

EXAMPLE = torch.randn(2, 3, 12, 12)


def first_conv(net):
    return next(module for module in net.modules() if isinstance(module, nn.Conv2d) and module.kernel_size == (3, 3))


HOOKS = {
    "weight norm": weight_norm,
    "spectral norm": spectral_norm,
    "pruning": lambda conv: prune.l1_unstructured(conv, "weight", amount=0.5),
    "parametrisation": parametrizations.weight_norm,
}


@pytest.mark.filterwarnings("ignore:.*weight_norm:FutureWarning")
@pytest.mark.parametrize("hook", HOOKS.values(), ids=HOOKS)
def test_it_is_skipped_with_a_reason(hook):
    net = small_net()
    conv = first_conv(net)
    hook(conv)
    todo = plan(net, SVD(0.3), EXAMPLE)
    (layer,) = [layer for layer in todo.layers if net.get_submodule(layer.path) is conv]
    assert layer.group is None
    assert "computed by a hook" in layer.reason or "may compute more" in layer.reason
    small = begin(net, todo).finish()
    assert all(parameter.requires_grad for parameter in small.parameters())


@pytest.mark.filterwarnings("ignore:.*weight_norm:FutureWarning")
def test_a_plan_made_before_the_hook_is_refused():
    net = small_net()
    todo = plan(net, SVD(0.3), EXAMPLE)
    path = todo.groups[0].paths[0]
    weight_norm(net.get_submodule(path))
    with pytest.raises(ValueError, match=f"weight of {path} is computed by a hook"):
        begin(net, todo)
