"""``decompbench figure`` on the committed results."""

import pytest

from tests.places import RESULTS

from ...factories import decompbench


def figure(*arguments):
    return decompbench("figure", *arguments, results=RESULTS)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("pareto", ["cifar10-jpeg-short", "--published", "--cost", "latency", "--batch", "128", "--linear"]),
        ("pareto", ["cifar10-jpeg-short", "--cost", "macs", "--quality-range", "50", "95", "--width", "8.5"]),
        ("layers", ["--filter", "method=tucker2", "--filter", "budget=params=30%", "--cost", "macs"]),
        ("curves", ["--filter", "model=resnet*"]),
        ("ranks", ["--budget", "params=15%"]),
    ],
)
def test_every_kind_is_drawn_from_real_records(kind, options, tmp_path):
    done = figure(kind, *options, "-o", tmp_path / "new" / "x.svg")
    assert done.returncode == 0
    assert all("one epoch at most" in line or "superseded" in line for line in done.stderr.splitlines())
    assert done.stdout.strip() == str(tmp_path / "new" / "x.svg")
    assert b"</svg>" in (tmp_path / "new" / "x.svg").read_bytes()


def test_tables_without_the_cost_are_named_and_left_out(tmp_path):
    done = figure("pareto", "--cost", "latency", "--batch", "128", "-o", tmp_path / "x.svg")
    assert done.returncode == 0
    assert done.stderr.count("left out: edsr") == 2
    assert "left out: edsr-r4f32x2/photographs of quick, where no row has both" in done.stderr
    drawn = (tmp_path / "x.svg").read_bytes()
    assert b"resnet20/cifar10-jpeg" in drawn
    assert b"edsr" not in drawn


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["parето"], "there are pareto, layers, curves, spectra, penalty, ranks, images"),
        (["paretto"], "did you mean 'pareto'"),
        (["pareto", "-o", "x.jpg"], "must end in .pdf, .png, .svg"),
        (["pareto", "--cost", "flops"], "unknown cost 'flops'"),
        (["pareto", "--batch", "128"], "is of --cost latency"),
        (["layers"], "fit in a figure: choose some"),
        (["layers", "--filter", "method=dense"], "the dense model has no plan"),
        (["layers", "--cost", "latency"], "layers have no cost 'latency'"),
        (["pareto", "--filter", "method=nothing"], "leaves no row"),
        (["ranks", "--budget", "params=99%"], "nothing to draw at params=99%"),
        (["images"], "figure images SUITE --models FOLDER"),
        (["images", "quick", "--crop", "1,2"], "--crop 1,2: left, top and side of a square"),
        (["pareto", "nowhere"], "no records of suite 'nowhere'"),
    ],
)
def test_what_cannot_be_drawn_is_one_message(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = figure(*arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())
