"""The papers' points: each in our names and units, with its contradictions."""

from fnmatch import fnmatchcase

import pytest

from decompbench.bench.base.errors import BenchError
from decompbench.bench.data.registry import list_data
from decompbench.bench.reports.published import PAPERS, published_points, read_rows
from decompbench.bench.reports.published.names import load_names
from decompbench.bench.suite.load import load_suite
from decompbench.bench.suite.trial import expand
from decompbench.models import list_models

NAMES = load_names()
ROWS = [row for paper in PAPERS for row in read_rows(paper)]
SETS = ("Set5", "Set14", "B100", "Urban100")
ALL_SETS = f"div2k -> {', '.join(f'sr:{name}' for name in SETS)}, div2k"


def points(model, data="cifar10", task="classification", **options):
    return published_points(model, task, data, **options)


def one(found, paper, table, method, setting=""):
    (point,) = [p for p in found if (p.paper, p.table, p.method, p.setting) == (paper, table, method, setting)]
    return point


def test_every_published_row_has_one_model_of_ours_one_method_and_known_data():
    for row in ROWS:
        if row.dataset == "x2/x3/x4":  # a size, which holds at every scale
            assert row.is_size
            continue
        assert sum(name.means(row) for name in NAMES.models) == 1, str(row)
        assert row.method in NAMES.methods, str(row)
        assert row.is_size or row.dataset in NAMES.datasets or row.dataset.split()[0] in NAMES.test_sets, str(row)


def test_every_name_of_ours_exists():
    known = {model.name for model in list_models()}
    for name in NAMES.models:
        assert all(ours in known or ours.startswith(("timm/", "torchvision/")) for ours in name.ours), name
    known_data = {data.name for data in list_data()}
    for dataset in NAMES.datasets.values():
        for ours in (dataset.ours, *dataset.other):
            assert ours in known_data
    labels = {
        trial.method.label or trial.method.name
        for suite in ("voc", "imagenet", "cifar10-jpeg-short")
        for trial in expand(load_suite(suite))
    }
    assert {name.ours for name in NAMES.methods.values()} - {None} <= labels


def test_every_published_quality_is_found_under_one_of_our_names():
    """Nothing is lost on the way."""
    lines = {(row.paper, *row.line, row.dataset) for row in ROWS if not row.is_size}
    found = set()
    for name in NAMES.models:
        ours = name.ours[0]
        tasks = {row.task.replace("-", "_") for row in ROWS if name.means(row)}
        for task in tasks:
            datasets = [ALL_SETS] if task == "super_resolution" else [d.ours for d in NAMES.datasets.values()]
            for data in datasets:
                found |= {
                    (p.paper, p.table, p.model, p.method, p.setting, p.dataset)
                    for p in points(ours, data, task)
                    if fnmatchcase(p.dataset, name.dataset)
                }
    assert found == lines


def test_an_error_becomes_an_accuracy_and_a_reduction_a_share():
    found = points("resnet56")
    kmeans = one(found, "li2019", "5", "kmeans")
    assert (kmeans.quality, kmeans.baseline, kmeans.drop) == (93.24, 93.72, 0.48)
    assert (kmeans.metric, kmeans.unit, kmeans.params_percent, kmeans.params_count) == (
        "top1",
        "%",
        22.4,
        "conv_weights",
    )
    arp = one(found, "yu2021", "I", "tucker2-arp", "p=8/16 N=1")
    assert (arp.params_percent, arp.macs_percent, arp.ours, arp.variant) == (
        36.0,
        36.0,
        "tucker2-arp",
        "yu2021-resnet56-p8",
    )


def test_a_size_is_set_against_the_baseline_s_where_no_share_is_printed():
    fsnet = one(points("ssd300-bn", "voc", "detection"), "yang2020", "4", "fsnet-1")
    assert fsnet.params_percent == pytest.approx(100 * 1_670_000 / 26_320_000)
    assert fsnet.params_count == "effective"
    quotient = one(points("resnet18-cifar"), "yang2020", "2", "fsnet")
    assert quotient.params_percent == pytest.approx(100 / 13.8)
    sic2 = [p for p in points("srresnet-x4", "div2k -> sr:Set5", "super_resolution") if p.setting == "SIC2"]
    assert [(p.params_percent, p.params_count) for p in sic2] == [(pytest.approx(100 * 19 / 74), "block")]


def test_documented_contradictions_and_foreign_methods_are_said():
    found = points("resnet56")
    assert "come to 194,352" in one(found, "li2019", "5", "basis").note
    kse = one(found, "li2019", "5", "kse")
    assert kse.ours is None
    assert kse.note.startswith("method not ours; another paper's method, kernel sparsity")
    sparse = [
        p for p in points("torchvision/vgg16", "imagenet") if p.method == "low-rank-sparse" and p.metric == "top1"
    ]
    assert [p.drop for p in sparse] == [-0.15]
    assert "differ by -0.25, not -0.15" in sparse[0].note
    assert one(found, "li2019", "5", "kmeans").note == ""


def test_a_line_with_a_drop_alone_is_shown_without_qualities():
    group = [p for p in points("torchvision/vgg16", "imagenet") if p.method == "group"]
    assert [(p.metric, p.quality, p.baseline, p.drop) for p in group] == [
        ("top1", None, None, 0.28),
        ("top5", None, None, 0.07),
    ]


def test_super_resolution_is_by_scale_and_test_set():
    found = points("edsr-r32f256x4", "div2k -> sr:benchmark/Set5/HR, sr:Set14", "super_resolution")
    assert {p.metric for p in found} == {"psnr_y[Set5]", "psnr_y[Set14]"}
    (sic1,) = [p for p in found if p.setting == "SIC1" and p.metric == "psnr_y[Set14]"]
    assert (sic1.quality, sic1.baseline, sic1.params_percent, sic1.unit) == (28.54, 28.81, 11.5, "dB")
    (sic1,) = points("edsr-r32f256x2", "div2k -> sr:Set5", "super_resolution", metric="psnr_y[Set5]")[:1]
    assert (sic1.setting, sic1.quality, sic1.params_percent) == ("SIC1", 37.95, 11.5)
    alone = points("edsr-r32f256x3", "div2k:somewhere", "super_resolution")
    assert {(p.dataset, p.metric, p.unit) for p in alone} == {("DIV2K x3", "psnr_rgb", "dB")}
    assert all("PSNR over R, G and B less scale + 6 pixels" in p.note for p in alone)


def test_div2k_is_compared_by_the_psnr_that_its_authors_take_and_the_other_sets_by_that_of_luma():
    found = points("edsr-r32f256x4", ALL_SETS, "super_resolution")
    assert {p.metric for p in found} == {*(f"psnr_y[{name}]" for name in SETS), "psnr_rgb[DIV2K]"}
    (sic1,) = points("edsr-r32f256x4", ALL_SETS, "super_resolution", metric="psnr_rgb[DIV2K]")[-4:-3]
    assert (sic1.setting, sic1.quality, sic1.baseline) == ("SIC1", 28.92, 29.25)


def test_other_data_is_marked_and_other_models_have_nothing():
    assert {p.other_data for p in points("resnet56")} == {""}
    assert all("JPEG" in p.other_data for p in points("resnet56", "cifar10-jpeg:images"))
    trained = points("edsr-r32f256x2", "sr:Urban100/HR -> sr:Set5", "super_resolution")
    assert {p.other_data for p in trained} == {"ours is trained on sr:Urban100/HR, the paper's on div2k"}
    assert (
        points("resnet20")
        == points("resnet56", "cifar100")
        == points("edsr-r4f32x2", ALL_SETS, "super_resolution")
        == []
    )
    # the same name is another network on other data
    assert not [p for p in points("resnet50-cifar") if p.dataset != "CIFAR-10"]
    assert points("torchvision/resnet50", "cifar10") == []


def test_the_paper_s_own_dense_network_is_a_point():
    (dense,) = [p for p in points("resnet34-cifar") if p.is_dense]
    assert (dense.ours, dense.quality, dense.baseline, dense.drop, dense.params_percent) == (
        "dense",
        94.72,
        94.72,
        0,
        100,
    )


def test_a_method_that_nobody_named_is_an_error(tmp_path):
    for paper in PAPERS:
        lines = "paper,table,task,dataset,model,method,setting,metric,value,unit\n"
        if paper == "li2019":
            lines += "li2019,9,classification,CIFAR-10,resnet56,basiss,,top1_error,6,%\n"
        (tmp_path / f"{paper}.csv").write_text(lines)
    with pytest.raises(BenchError, match=r"lacks the method.*did you mean .basis."):
        points("resnet56", folder=tmp_path)
