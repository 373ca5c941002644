"""Pareto plots: a point for each row, and the front through the points that none dominates."""

import pandas as pd
import pytest

from decompbench.bench.base.errors import BenchError
from decompbench.bench.reports.figures import draw_pareto
from decompbench.bench.reports.figures.axes import cost_axis
from decompbench.bench.reports.figures.panels import tables_of
from decompbench.bench.reports.published.points import published_points


def row(method, percent, final, **more):
    return {
        "suite": "s", "machine": "m", "device": "cpu", "table": "resnet20/cifar10", "method": method,
        "kind": "none" if method == "dense" else "x", "metric": "top1", "unit": "%", "higher_is_better": True,
        "conv_weights_percent": percent, "final": final, "final_sd": None, **more,
    }  # fmt: skip


ROWS = [row("dense", 100.0, 92.0), row("svd", 30.0, 88.0), row("svd", 15.0, 80.0), row("cp", 30.0, 90.0, final_sd=0.5)]


def draw(rows, cost="params", **options):
    frame = pd.DataFrame(rows)
    return draw_pareto(list(tables_of(frame)), cost_axis(cost, frame), **options)


def lines(axes, label):
    return [line for line in axes.lines if line.get_label() == label]


def points(axes):
    """Return each method's points by its name."""
    return {bars.get_label(): bars.lines[0].get_xydata().tolist() for bars in axes.containers}


def test_points_stand_where_the_rows_are_and_the_dense_model_is_a_line():
    (axes,) = draw(ROWS).axes
    assert points(axes) == {"svd": [[15.0, 80.0], [30.0, 88.0]], "cp": [[30.0, 90.0]]}
    assert lines(axes, "dense")[0].get_ydata()[0] == 92.0
    assert (axes.get_title(), axes.get_ylabel()) == ("resnet20/cifar10", "top1, %")
    assert axes.get_xscale() == "log"
    assert draw(ROWS, linear=True).axes[0].get_xscale() == "linear"


def test_the_front_leaves_out_what_another_point_is_beyond():
    (front,) = lines(draw(ROWS).axes[0], "Pareto front")
    assert front.get_xydata().tolist() == [[15.0, 80.0], [30.0, 90.0], [100.0, 92.0]]


def test_the_front_of_an_error_goes_down():
    rows = [one | {"final": 100 - one["final"], "higher_is_better": False} for one in ROWS]
    (front,) = lines(draw(rows).axes[0], "Pareto front")
    assert front.get_xydata().tolist() == [[15.0, 20.0], [30.0, 10.0], [100.0, 8.0]]


def test_a_measured_cost_has_its_interval():
    timed = [
        one | {"latency_b8_ratio": ratio, "latency_b8_low": ratio - 0.1, "latency_b8_high": ratio + 0.2}
        for one, ratio in zip(ROWS, (1.0, 0.8, 0.5, 0.9), strict=True)
    ]
    (axes,) = draw(timed, "latency").axes
    assert axes.get_xlabel() == "time of a batch of 8, relative to dense"
    svd = next(bars for bars in axes.containers if bars.get_label() == "svd")
    (segments, _) = (bars.get_segments() for bars in svd.lines[2])
    assert [[start[0], end[0]] for start, end in segments] == [pytest.approx([0.4, 0.7]), pytest.approx([0.7, 1.0])]


def test_published_points_are_hollow_and_say_so():
    rows = [one | {"table": "resnet56/cifar10"} for one in ROWS]
    published = published_points("resnet56", "classification", "cifar10")
    (axes,) = draw(rows, published=[published]).axes
    hollow = [line for line in axes.lines if line.get_markerfacecolor() == "none"]
    usable = [one for one in published if "conv_weights_percent" in one.shares and one.quality is not None]
    assert len(hollow) == len(usable) > 0
    assert all("(published)" in line.get_label() for line in hollow)
    assert hollow[0].get_xydata().tolist() == [[usable[0].params_percent, usable[0].quality]]


def test_the_range_of_quality_can_be_given():
    assert draw(ROWS, quality_range=(85.0, 95.0)).axes[0].get_ylim() == (85.0, 95.0)


@pytest.mark.parametrize(
    ("rows", "given", "message"),
    [
        (ROWS, (95.0, 85.0), "from 95 to 85 is empty"),
        ([*ROWS, row("svd", 30.0, 33.0, table="edsr/x", metric="psnr_y")], (85.0, 95.0), "for top1 and psnr_y: choose"),
    ],
)
def test_a_range_of_nothing_or_of_two_metrics_is_refused(rows, given, message):
    with pytest.raises(BenchError, match=message):
        draw(rows, quality_range=given)


def test_rows_without_quality_leave_nothing_to_draw():
    with pytest.raises(BenchError, match="no row has both a quality and its conv weights"):
        draw([one | {"final": None} for one in ROWS])


@pytest.mark.parametrize(
    ("cost", "options", "message"),
    [
        ("flops", {}, "unknown cost 'flops'"),
        ("latency", {}, "no latency in the form 'eager' in these records"),
        ("latency", {"batch": 4, "form": "bf16"}, "no latency of a batch of 4 in the form 'bf16'"),
    ],
)
def test_costs_that_are_not_there_are_told(cost, options, message):
    with pytest.raises(BenchError, match=message):
        cost_axis(cost, pd.DataFrame(ROWS), **options)


def test_another_batch_size_than_those_timed_is_told():
    frame = pd.DataFrame([one | {"latency_bf16_b1_ratio": 1.0, "latency_bf16_b16_ratio": 1.0} for one in ROWS])
    assert cost_axis("latency", frame, form="bf16").column == "latency_bf16_b1_ratio"
    with pytest.raises(BenchError, match="timed are batches of 1, 16"):
        cost_axis("latency", frame, batch=2, form="bf16")


def test_published_points_stand_only_where_the_paper_counts_alike():
    rows = [
        one | {"table": "densenet40/cifar10", "conv_fc_weights_percent": one["conv_weights_percent"]} for one in ROWS
    ]
    published = published_points("densenet40", "classification", "cifar10")
    assert {point.params_count for point in published} == {"conv_fc_weights"}
    drawn = {
        cost: [
            line for line in draw(rows, cost, published=[published]).axes[0].lines if "(published" in line.get_label()
        ]
        for cost in ("params", "conv-fc")
    }
    assert not drawn["params"]
    assert drawn["conv-fc"]


def test_points_of_other_data_and_the_papers_dense_networks_are_told_apart():
    rows = [one | {"table": "resnet56/cifar10-jpeg"} for one in ROWS]
    published = published_points("resnet56", "classification", "cifar10-jpeg")
    labels = [line.get_label() for line in draw(rows, published=[published]).axes[0].lines]
    shown = [label for label in labels if "(published" in label]
    assert shown
    assert all(label.endswith("(published, on other data)") for label in shown)
    assert not any(label.startswith("baseline") for label in shown)


def test_tables_are_told_apart_by_what_differs():
    both = [*ROWS, *(one | {"machine": "n"} for one in ROWS)]
    assert [axes.get_title() for axes in draw(both).axes] == [f"resnet20/cifar10, on {name} (cpu)" for name in "mn"]
    suites = [*ROWS, *(one | {"suite": "t"} for one in ROWS)]
    assert [axes.get_title() for axes in draw(suites).axes] == ["s: resnet20/cifar10", "t: resnet20/cifar10"]
    timed = [one | {"latency_b1_ratio": 1.0, "latency_b1_low": 1.0, "latency_b1_high": 1.0} for one in ROWS]
    assert draw(timed, "latency").axes[0].get_title() == "resnet20/cifar10, on m (cpu)"


def test_a_narrow_figure_has_its_panels_and_legend_below_each_other():
    both = [*ROWS, *(one | {"table": "resnet56/cifar10"} for one in ROWS)]
    wide, narrow = draw(both), draw(both, width=8.5)
    columns = [len({axes.get_subplotspec().colspan.start for axes in figure.axes}) for figure in (wide, narrow)]
    assert columns == [2, 1]
    narrow.canvas.draw()
    (legend,) = narrow.legends
    box, (_, lowest), page = legend.get_window_extent(), narrow.axes[1].get_window_extent().get_points()[0], narrow.bbox
    assert box.y1 <= lowest
    assert page.x0 <= box.x0
    assert box.x1 <= page.x1
