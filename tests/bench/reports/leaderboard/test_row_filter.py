"""Filters and orders of rows, and the error for a condition that cannot be met."""

import csv
import io
import json

import pytest

from decompbench.bench.base.errors import BenchError
from decompbench.bench.records.store import RecordStore
from decompbench.bench.reports.leaderboard.columns import text_tables
from decompbench.bench.reports.leaderboard.row_filter import filter_rows, parse_filter, sort_rows
from decompbench.bench.reports.leaderboard.rows import leaderboard
from decompbench.bench.suite.load import load_suite
from decompbench.bench.suite.trial import expand

from ...factories import check_latex, decompbench, latency, make_record, measured, suite_content, write_suite

FINALS = {"dense": 91.0, "svd": 80.0, "tucker2": 85.0, "basis": 70.0}


@pytest.fixture
def records(tmp_path):
    """Two models by three methods at two budgets, two seeds; smaller models are worse."""
    content = suite_content(seeds=[0, 1])
    entry = {key: value for key, value in content["entries"][0].items() if key != "model"}
    content["entries"] = [
        entry
        | {
            "models": ["resnet8", "resnet14"],
            "methods": ["svd", "tucker2", "basis"],
            "budgets": [{"params": 0.5}, {"params": 0.3}],
        }
    ]
    made = []
    for trial in expand(load_suite(str(write_suite(tmp_path, content)))):
        share = 1.0 if trial.is_dense else trial.budget.params
        final = FINALS[trial.method.name] - (12 if share == 0.3 else 0) + 0.1 * trial.seed
        made.append(make_record(trial, **measured(final, weights=round(1000 * share))))
    return made


@pytest.fixture
def frame(records):
    return leaderboard(records)


def kept(frame, *texts):
    found = filter_rows(frame, [parse_filter(text) for text in texts])
    return set(zip(found["model"], found["method"], found["budget"], strict=True))


def test_a_text_is_compared_with_wildcards_and_the_dense_row_stays(frame):
    assert kept(frame, "method=tucker2", "model=*8") == {
        ("resnet8", "dense", ""),
        ("resnet8", "tucker2", "params=50%"),
        ("resnet8", "tucker2", "params=30%"),
    }
    assert {method for _, method, _ in kept(frame, "method!=t*")} == {"dense", "svd", "basis"}
    assert {model for model, _, _ in kept(frame, "model=resnet1*")} == {"resnet14"}
    assert kept(frame, "budget=params=30%", "method=s*") == {
        (model, *rest) for model in ("resnet8", "resnet14") for rest in (("dense", ""), ("svd", "params=30%"))
    }


@pytest.mark.parametrize(
    ("text", "budgets"),
    [
        ("conv_weights_percent<40", {"params=30%"}),
        ("conv_weights_percent <= 30%", {"params=30%"}),
        ("conv_weights_percent>30", {"params=50%"}),
        ("conv_weights_percent>=30", {"params=50%", "params=30%"}),
        ("conv_weights_percent=50", {"params=50%"}),
        ("conv_weights_percent!=50", {"params=30%"}),
    ],
)
def test_a_number_is_compared_by_every_sign(frame, text, budgets):
    assert {budget for _, method, budget in kept(frame, text) if method != "dense"} == budgets


@pytest.mark.parametrize(
    ("text", "budgets"),
    [
        ("latency_b1_ratio<80%", {"params=30%"}),
        ("latency_b1_ratio<0.8", {"params=30%"}),
        ("latency_b1_high >= 80 %", {"params=50%"}),
        ("final<80%", {"params=30%"}),
    ],
)
def test_percent_of_a_ratio_is_a_fraction_and_of_a_quality_is_not(records, text, budgets):
    slower = []
    for record in records:
        ratio, value = (0.5, 70.0) if str(record.trial.budget) == "params=30%" else (0.9, 90.0)
        changes = {"latency": [latency(ratio)], "quality": {"finished": {"top1": value}}}
        measured = type(record.measured).model_validate(record.measured.model_dump() | changes)
        slower.append(record.model_copy(update={"measured": measured}))
    found = kept(leaderboard(slower), text)
    assert {budget for _, method, budget in found if method != "dense"} == budgets


def test_who_leads_is_found_anew_among_the_rows_that_stay(frame):
    found = filter_rows(frame, [parse_filter("method!=tucker2")])
    assert {row["method"] for row in found.to_dict("records") if row["standing"] == "leader"} == {"svd"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("method", "filter 'method': must be like method=tucker2"),
        ("method=", "must be like"),
        ("metod=svd", "no column 'metod' (did you mean 'method'"),
        ("method<svd", "filter 'method<svd': method is a text, which has = and != only"),
        ("final>many", "filter 'final>many': final is a number, 'many' is none"),
        ("conv_weights<30%", "filter 'conv_weights<30%': conv_weights is not in %, give a number without it"),
        ("notes=x", "column 'notes' holds several values"),
        ("method=fsnet", "filter 'method=fsnet' leaves no row: method is basis, dense, svd, tucker2"),
        ("budget=params=40%", "leaves no row: budget is params=30%, params=50%"),
        ("conv_weights_percent<5", "leaves no row: conv_weights_percent is between 30 and 100"),
        ("deployed_at=1", "no column 'deployed_at'"),
        ("final_sd<0", "leaves no row"),
        ("train_seconds<1", "leaves no row: no row has a train_seconds"),
    ],
)
def test_a_condition_that_cannot_be_met_says_why(frame, text, said):
    with pytest.raises(BenchError) as error:
        filter_rows(frame, [parse_filter(text)])
    assert said in str(error.value)


def test_rows_are_sorted_within_their_table_and_dense_stays_first(frame):
    for order, expected in {"final": ["basis", "svd", "basis", "tucker2", "svd", "tucker2"],
                            "final:desc": ["tucker2", "svd", "tucker2", "basis", "svd", "basis"]}.items():  # fmt: skip
        found = sort_rows(frame, order)
        for model in ("resnet8", "resnet14"):
            assert list(found[found["model"] == model]["method"]) == ["dense", *expected]
    assert list(dict.fromkeys(found["model"])) == list(dict.fromkeys(frame["model"]))


def test_what_has_no_value_goes_last(frame):
    some = frame.assign(final=frame["final"].where(frame["method"] != "svd"))
    for order in ("final", "final:desc"):
        assert list(sort_rows(some, order)["method"])[5:7] == ["svd", "svd"]


def test_budgets_that_an_order_mixes_have_no_lines_between_them(frame):
    (first, _) = text_tables(frame)
    assert first.groups == ["", *["params=50%"] * 3, *["params=30%"] * 3]
    (first, _) = text_tables(sort_rows(frame, "final"))
    assert first.groups == ["none", *[""] * 6]


@pytest.mark.parametrize(
    ("order", "said"),
    [
        ("finl", "no column 'finl' (did you mean 'final'"),
        ("final:down", "'down' is neither asc nor desc"),
        ("knob", "holds several values"),
    ],
)
def test_an_order_that_does_not_exist_is_told(frame, order, said):
    with pytest.raises(BenchError) as error:
        sort_rows(frame, order)
    assert said in str(error.value)


@pytest.fixture
def results(records, tmp_path):
    store = RecordStore(tmp_path / "results" / "tiny" / "machine")
    for record in records:
        store.append(record)
    return tmp_path / "results"


def test_every_format_shows_the_rows_that_were_asked_for_in_their_order(results):
    asked = ("tiny", "--filter", "model=resnet8", "--budget", "params=0.3", "--sort", "final")
    order = ["dense", "basis", "svd", "tucker2"]
    rows = json.loads(decompbench("leaderboard", *asked, "--format", "json", results=results).stdout)
    assert [row["method"] for row in rows] == order
    table = decompbench("leaderboard", *asked, "--format", "csv", results=results)
    read = list(csv.DictReader(io.StringIO(table.stdout)))
    assert [row["method"] for row in read] == order
    assert json.loads(read[1]["final_by_seed"]) == pytest.approx({"0": 58.0, "1": 58.1})
    markdown = decompbench("leaderboard", *asked, "--format", "markdown", results=results).stdout
    assert [line.split("|")[1].strip() for line in markdown.splitlines() if line.startswith("| ")][2:] == order
    latex = decompbench("leaderboard", *asked, "--format", "latex", results=results).stdout
    check_latex(latex)
    assert [line.split(" & ")[0] for line in latex.splitlines() if line.endswith(r" \\")][1:] == order
    text = decompbench("leaderboard", *asked, results=results).stdout
    assert [line.split()[0] for line in text.splitlines() if "weight-space" in line] == order[1:]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--filter", "metod=svd"], "no column 'metod'"),
        (["--budget", "parms=30%"], "did you mean 'params'"),
        (["--budget", "params=40%"], "leaves no row: budget is params=30%, params=50%"),
        (["--sort", "finl"], "did you mean 'final'"),
        (["--metric", "top2"], "did you mean 'top1'"),
        (["--latex", "--csv"], "give one of --csv and --latex"),
    ],
)
def test_mistakes_are_one_line_and_exit_code_2(results, arguments, said):
    run = decompbench("leaderboard", "tiny", *arguments, results=results)
    assert run.returncode == 2
    assert said in " ".join(run.stderr.split())
    assert "Traceback" not in run.stderr
