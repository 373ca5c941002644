"""Bars of layers: they add up to the plan, with what layers share."""

import pytest
import torch
from matplotlib.colors import to_hex

from decompbench.bench.base.errors import BenchError
from decompbench.bench.reports.figures import draw_layers
from decompbench.bench.reports.figures.layers import LEFT_ALONE, layer_costs
from decompbench.methods import Target, get_method, plan
from decompbench.models import load_model

from ...factories import make_record


@pytest.fixture
def record(trials):
    """A record of a basis shared by all layers of ResNet-8."""
    todo = plan(
        load_model("resnet8"), get_method("basis", sharing="network"), torch.zeros(1, 3, 32, 32), Target(params=0.5)
    )
    return make_record(trials[1], plan=todo.to_json(), planned=None), todo


def test_bars_add_up_to_the_plan(record):
    one, todo = record
    for cost in ("weights", "macs", "bits"):
        paths, before, after, alone = layer_costs(one.measured.plan, cost)
        assert paths == [layer.path for layer in todo.layers]
        assert sum(before) == sum(getattr(layer.before, cost) for layer in todo.layers)
        assert sum(alone) == sum(layer.group is None for layer in todo.layers)
    _, _, after, _ = layer_costs(one.measured.plan, "weights")
    assert sum(after) == pytest.approx(todo.after.weights)


def test_layers_left_alone_have_a_colour_of_their_own(record):
    one, todo = record
    axes = draw_layers([one]).axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == [layer.path for layer in todo.layers]
    left = [bar for bars in axes.containers if bars.get_label() == "left alone" for bar in bars]
    assert len(left) == sum(layer.group is None for layer in todo.layers)
    assert axes.get_title().startswith("resnet8/fashion-mnist-10k\nsvd at params=50%: ")
    assert {to_hex(bar.get_facecolor()) for bar in left} == {LEFT_ALONE.lower()}


def test_a_record_without_a_plan_is_told(trials):
    with pytest.raises(BenchError, match="has no plan: it ended as failed"):
        draw_layers([make_record(trials[1], status="failed")])
