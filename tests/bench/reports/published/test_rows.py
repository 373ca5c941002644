"""``decompbench leaderboard --published``: the papers' lines below ours, told apart from them in every format."""

import csv
import io
import json

import pytest

from decompbench.bench.records.store import RecordStore
from decompbench.bench.reports.leaderboard.rows import leaderboard
from decompbench.bench.reports.published.rows import points_beside, published_rows, published_table
from decompbench.bench.suite.load import load_suite
from decompbench.bench.suite.trial import expand

from ...factories import check_latex, decompbench, make_record, measured, suite_content, write_suite

SETS = "div2k -> sr:Set5, sr:Set14"


def records_of(folder, model, task, data, metric="top1", unit="%", also=None, value=91.0):
    content = suite_content(seeds=[0])
    content["entries"][0] |= {"model": model, "task": task, "data": data, "methods": ["basis"]}
    records = []
    for trial in expand(load_suite(str(write_suite(folder, content)))):
        made = measured(value, metric=metric, unit=unit, also_shown=also or {})
        made["quality"] = {"finished": {name: value for name in (metric, *(also or {}))}}
        records.append(make_record(trial, **made))
    return records


@pytest.fixture
def cifar(tmp_path):
    return records_of(tmp_path, "resnet56", "classification", "cifar10")


@pytest.fixture
def edsr(tmp_path):
    also = {"psnr_y[Set14]": "dB"}
    return records_of(tmp_path, "edsr-r32f256x4", "super_resolution", SETS, "psnr_y[Set5]", "dB", also, 32.0)


def table_of(records):
    ((first, points),) = points_beside(leaderboard(records))
    return published_table(first, points)


def test_the_papers_lines_are_a_table_of_their_own_below(cifar):
    table = table_of(cifar)
    assert table.title == "published of resnet56 on cifar10, not measured by us"
    by_method = {(row[0], row[-2]): row for row in table.rows}
    assert by_method["kmeans", "li2019 t. 5"][2:] == ["22.4", "", "conv_weights", "93.24", "0.48", "li2019 t. 5", ""]
    assert any("come to 194,352" in note for note in table.footnotes)
    assert all(mark.rstrip(")").isdecimal() for row in table.rows for mark in row[-1].split())


def test_super_resolution_has_a_column_for_each_test_set_that_our_table_shows(edsr):
    table = table_of(edsr)
    headings = [column.heading for column in table.columns]
    assert headings[5:8] == ["psnr_y[Set5] dB", "psnr_y[Set14] dB", "drop"]
    (sic1,) = [row for row in table.rows if row[1] == "SIC1"]
    assert sic1[2:8] == ["11.5", "", "block", "32.05", "28.54", "0.43"]
    assert sum(row[0] == "dense" for row in table.rows) == 2  # tables 1 and 3 both have it


def test_rows_are_of_kind_published_and_nowhere_measured(cifar):
    rows = published_rows(leaderboard(cifar))
    assert {row["kind"] for row in rows} == {"published"}
    assert not {"machine", "suite", "device"} & {key for row in rows for key in row}
    arp = next(row for row in rows if row["paper_method"] == "tucker2-arp")
    assert (arp["conv_weights_percent"], arp["macs_percent"], arp["final"]) == (36.0, 36.0, 93.52)
    assert (arp["paper_baseline"], arp["paper_variant"]) == (93.53, "yu2021-resnet56-p8")
    # a share of a residual block is no share of the model
    assert next(row for row in rows if row["paper_method"] == "kse")["method"] == "kse"


def test_a_model_of_two_tables_is_there_once(cifar):
    both = [*cifar, *(record.model_copy(update={"machine": "other"}) for record in cifar)]
    assert len(published_rows(leaderboard(both))) == len(published_rows(leaderboard(cifar)))


def test_a_share_of_a_block_is_in_no_column_of_ours(edsr):
    rows = published_rows(leaderboard(edsr))
    assert {row["paper_params_count"] for row in rows} == {"block"}
    assert not any("conv_weights_percent" in row for row in rows)


@pytest.fixture
def results(cifar, tmp_path):
    store = RecordStore(tmp_path / "results" / "tiny" / "machine")
    for record in cifar:
        store.append(record)
    return tmp_path / "results"


def test_every_format_has_them_marked(results):
    def shown(*arguments):
        run = decompbench("leaderboard", "tiny", *arguments, results=results)
        assert (run.returncode, run.stderr) == (0, "")
        return run.stdout

    rows = json.loads(shown("--published", "--format", "json"), parse_constant=pytest.fail)
    published = [row for row in rows if row["kind"] == "published"]
    assert (len(rows), len(published)) == (2 + 15, 15)
    assert {row["machine"] for row in published} == {None}
    assert [row["kind"] for row in json.loads(shown("--format", "json"))] == ["none", "weight-space"]
    read = list(csv.DictReader(io.StringIO(shown("--published", "--format", "csv"))))
    assert sum(row["kind"] == "published" for row in read) == 15
    assert [row["seeds"] for row in read[:3]] == ["1", "1", ""]
    latex = shown("--published", "--format", "latex")
    check_latex(latex)
    for text in (shown("--published", "--format", "markdown"), shown("--published"), latex):
        assert "not measured by us" in text
        assert "93.24" in text
    assert "not measured by us" not in shown("--format", "markdown")


def test_where_nothing_is_published_that_is_said(tmp_path):
    folder = tmp_path / "results" / "tiny" / "machine"
    store = RecordStore(folder)
    for record in records_of(tmp_path, "resnet20", "classification", "cifar10-jpeg"):
        store.append(record)
    run = decompbench("leaderboard", "tiny", "--published", results=tmp_path / "results")
    assert run.returncode == 0
    assert run.stderr == "no numbers are published of resnet20 on cifar10-jpeg with these metrics\n"
    assert "not measured by us" not in run.stdout
