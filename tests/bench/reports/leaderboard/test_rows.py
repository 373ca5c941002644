"""Tables from made-up records: order, means, drops and footnotes; and in every format the same numbers."""

import io
import json

import pandas as pd
import pytest
from rich.console import Console

from decompbench.bench.base.errors import BenchError
from decompbench.bench.records.find import find_records, latest
from decompbench.bench.records.store import RecordStore
from decompbench.bench.reports.export.render import print_tables, to_csv, to_markdown, to_rows
from decompbench.bench.reports.leaderboard.rows import leaderboard
from decompbench.bench.suite.load import load_suite
from decompbench.bench.suite.trial import expand

from ...factories import latency, make_record, measured, planned, suite_content, write_suite


@pytest.fixture
def points(tmp_path):
    """Trials by (method, budget, seed) of a suite of two methods, two budgets and two seeds."""
    content = suite_content(seeds=[0, 1])
    content["entries"][0]["budgets"] = [{"params": 0.15}, {"params": 0.5}]
    trials = expand(load_suite(str(write_suite(tmp_path, content))))
    return {(trial.method.name, str(trial.budget or ""), trial.seed): trial for trial in trials}


@pytest.fixture
def records(points):
    finals = {"dense": 91.0, "svd": 80.0, "tucker2": 85.0}
    return [
        make_record(trial, **measured(finals[method] + seed, weights=1000 if method == "dense" else 150))
        for (method, _, seed), trial in points.items()
    ]


def test_order_is_dense_then_large_to_small_budgets_then_quality(records):
    frame = leaderboard(reversed(records))
    assert list(zip(frame["method"], frame["budget"], strict=True)) == [
        ("dense", ""),
        ("tucker2", "params=50%"),
        ("svd", "params=50%"),
        ("tucker2", "params=15%"),
        ("svd", "params=15%"),
    ]


def test_lower_is_better_turns_order_and_drop_round(points):
    finals = {"dense": 1.0, "svd": 3.0, "tucker2": 2.0}
    frame = leaderboard(
        make_record(trial, **measured(finals[method], higher=False))
        for (method, budget, seed), trial in points.items()
        if budget in ("", "params=50%") and seed == 0
    )
    assert list(frame["method"]) == ["dense", "tucker2", "svd"]
    assert list(frame["drop"]) == [0.0, 1.0, 2.0]


def test_means_over_seeds_are_paired_with_the_dense_trial_of_the_seed(records):
    row = leaderboard(records).iloc[2]
    assert (row["final"], row["seeds"]) == (80.5, 2)
    assert row["final_sd"] == pytest.approx(0.7071, abs=1e-4)
    assert row["drop"] == 11.0
    assert row["conv_weights_percent"] == 15.0
    assert (row["latency_b1_ratio"], row["latency_b1_low"], row["latency_b1_high"]) == (0.5, 0.4, 0.6)


def test_qualities_are_means_over_the_seeds_that_are_ok_as_rank_has_them(points):
    """Of a seed that timed out no quality counts, and none is held against a dense trial that is not ok."""
    rows = {"dense": ("ok", "failed"), "svd": ("timeout", "ok"), "tucker2": ("ok", "timeout")}
    records = []
    for (method, budget, seed), trial in points.items():
        if budget not in ("", "params=50%"):
            continue
        value = {"dense": 91.0, "svd": 75.0, "tucker2": 70.0}[method] + 20 * seed
        made = measured(value, 1000 if method == "dense" else 500, also_shown={"top1[v2]": "%"})
        made["quality"] |= {"trained": {"top1": value}}
        made["quality"]["finished"] |= {"top1[v2]": value - 1}
        records.append(make_record(trial, status=rows[method][seed], **made))
    dense, svd, tucker2 = leaderboard(records).sort_values("method").to_dict("records")
    assert [tucker2[name] for name in ("trained", "final", "deployed", "final top1[v2] %", "drop")] == [
        70.0, 70.0, 70.0, 69.0, 21.0,
    ]  # fmt: skip
    assert (dense["final"], svd["final"]) == (91.0, 95.0)
    assert pd.isna([tucker2["final_sd"], svd["final_sd"], svd["drop"]]).all()


def test_the_interval_of_several_seeds_is_said_to_be_what_it_is(points):
    records = [
        make_record(trial, **measured(90.0, 1000 if trial.is_dense else 500, latency=[latency(0.5 + 0.4 * seed)]))
        for (_, budget, seed), trial in points.items()
        if budget in ("", "params=50%")
    ]
    row = leaderboard(records).iloc[1]
    assert (row["latency_b1_low"], row["latency_b1_high"]) == (0.4, 1.0)
    assert "; [ ]: from the lowest to the highest end of the seeds' 95 % intervals." in to_markdown(
        leaderboard(records)
    )
    single = [record for record in records if record.trial.seed == 0]
    assert "; [ ]: 95 % interval." in to_markdown(leaderboard(single))


def test_rows_without_quality_come_last_and_say_why(points):
    dense = make_record(points["dense", "", 0], **measured(91.0))
    good = make_record(points["tucker2", "params=50%", 0], **measured(50.0))
    failure = {"type": "ValueError", "message": "no\ngood", "stage": "training"}
    bad = make_record(points["svd", "params=50%", 0], status="failed").model_copy(
        update={"failure": make_record(points["dense", "", 0]).failure}
    )
    bad = type(bad).model_validate(bad.model_dump() | {"failure": failure})
    frame = leaderboard([dense, bad, good])
    assert list(frame["status"]) == ["ok", "ok", "failed"]
    assert frame.iloc[2]["notes"] == ["failed while training: no good"]
    assert pd.isna(frame.iloc[2]["final"])


@pytest.mark.parametrize(
    ("ratio", "note", "expected"),
    [
        (0.48, None, []),
        (0.44, None, ["reaches 44.0 % of the dense params, asked for were 50 %"]),
        (0.6, "cannot go below 60 %", ["cannot go below 60 %"]),
    ],
)
def test_missed_budget_has_a_footnote(points, ratio, note, expected):
    dense = make_record(points["dense", "", 0], **measured(91.0))
    svd = make_record(
        points["svd", "params=50%", 0], **measured(80.0, round(1000 * ratio), planned=planned(ratio, note))
    )
    assert leaderboard([dense, svd]).iloc[1]["notes"] == expected


def test_what_makes_a_row_not_comparable_is_said(points):
    dense = make_record(points["dense", "", 0], **measured(91.0))
    svd = make_record(points["svd", "params=50%", 0], **measured(80.0, weights=500))
    older = svd.provenance.model_copy(update={"sources": svd.provenance.sources | {"training": "older"}})
    other_code = svd.model_copy(update={"provenance": older})
    assert leaderboard([dense, other_code]).iloc[1]["notes"] == ["made with another code than the dense row"]
    assert "no dense trial" in leaderboard([svd]).iloc[0]["notes"][0]
    changed = make_record(points["svd", "params=50%", 0], **measured(80.0, weights=500, deployed=79.5))
    assert leaderboard([dense, changed]).iloc[1]["notes"] == ["deployed it has 79.50 %"]
    folded = make_record(
        points["svd", "params=50%", 0], **measured(80.0, weights=500, latency=[latency(0.5, folded=False)])
    )
    assert "folded into one of the two" in leaderboard([dense, folded]).iloc[1]["notes"][0]
    busy = make_record(points["svd", "params=50%", 0], **measured(80.0, weights=500, latency=[latency(0.5, 1.25)]))
    assert leaderboard([dense, busy]).iloc[1]["other_load"] == 1.25
    assert leaderboard([dense, busy]).iloc[1]["notes"] == ["timed while other processes kept up to 2 cores busy"]


def test_machines_and_devices_get_tables_of_their_own(records):
    other = [record.model_copy(update={"machine": "other"}) for record in records]
    gpu = [
        record.model_copy(update={"trial": record.trial.model_copy(update={"device": "cuda"})}) for record in records
    ]
    frame = leaderboard([*records, *other, *gpu])
    assert len(frame.groupby(["machine", "device"])) == 3
    assert to_markdown(frame).count("**tiny: resnet8/fashion-mnist-10k") == 3


def test_latest_record_of_the_newest_version_counts(records):
    again = records[0].model_copy(update={"status": "failed"})
    assert latest([*records, again])[0].status == "failed"
    trial = records[1].trial.model_copy(update={"suite_version": 2})
    newer = records[1].model_copy(update={"trial": trial, "key": "of other settings"})
    assert latest([*records, newer]) == [records[0], *records[2:], newer]


def test_all_formats_show_every_row_and_footnotes(records):
    frame = leaderboard(records)
    rows = json.loads(json.dumps(to_rows(frame), allow_nan=False))
    assert [row["final"] for row in rows] == list(frame["final"])
    read = pd.read_csv(io.StringIO(to_csv(frame)))
    assert list(read["final"]) == list(frame["final"])
    markdown = to_markdown(frame)
    assert len([line for line in markdown.splitlines() if line.startswith("|")]) == 2 + len(frame)
    assert "0.50 [0.40, 0.60]" in markdown
    assert "weight-space" in markdown
    console = Console(file=io.StringIO(), width=80)
    print_tables(frame, console)
    text = console.file.getvalue()
    assert "85.50 ±0.71" in text
    assert "0.50 [0.40, 0.60]" in text


def test_unknown_suite_and_empty_folder_are_said(tmp_path, records):
    with pytest.raises(BenchError, match="no records in"):
        find_records(tmp_path)
    RecordStore(tmp_path / "tiny" / "machine").append(records[0])
    with pytest.raises(BenchError, match="did you mean 'tiny'"):
        find_records(tmp_path, "tinny")
    found, damages = find_records(tmp_path, "tiny")
    assert (len(found), damages) == (1, [])


def test_further_shown_metrics_have_columns(points):
    """As of the other test sets of super-resolution: mean over the seeds, after the main metric's column."""
    records = []
    for (method, _, seed), trial in points.items():
        made = measured(90.0, also_shown={"top1[v2]": "%"})
        made["quality"]["finished"] |= {"top1[v2]": 70.0 + seed, "top5": 99.0}
        records.append(make_record(trial, **made) if method != "svd" else make_record(trial, "failed"))
    frame = leaderboard(records)
    ok = frame["method"] != "svd"
    assert set(frame[ok]["final top1[v2] %"]) == {70.5}
    assert frame[~ok]["final top1[v2] %"].isna().all()
    header = to_markdown(frame).splitlines()[2]
    assert "| top1 % | top1[v2] % | drop |" in header
    assert "top5" not in header
