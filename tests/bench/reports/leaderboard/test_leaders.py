"""The leader of each budget, the rows behind it, and the legend where a single seed leaves that unknown."""

import io
import re

import pytest
from rich.console import Console

from decompbench.bench.base.errors import BenchError
from decompbench.bench.reports.export.render import print_tables, to_latex, to_markdown
from decompbench.bench.reports.leaderboard.columns import text_tables
from decompbench.bench.reports.leaderboard.rows import leaderboard
from decompbench.bench.reports.leaderboard.shown_metrics import with_metric
from decompbench.bench.reports.ranking import parse_budget, rank_cells
from decompbench.bench.suite.load import load_suite
from decompbench.bench.suite.trial import expand

from ...factories import check_latex, counts, make_record, measured, suite_content, write_suite

FINALS = {"dense": 91.0, "svd": 80.0, "tucker2": 85.0, "basis": 84.9}


@pytest.fixture
def made(tmp_path):
    """A function that makes a frame of three methods at two budgets: by seeds, and by how far apart these are."""

    def make(seeds=(0, 1, 2), spread=0.5, methods=("svd", "tucker2", "basis"), **more):
        content = suite_content(seeds=list(seeds))
        content["entries"][0] |= {"methods": list(methods), "budgets": [{"params": 0.5}, {"params": 0.3}]}
        trials = expand(load_suite(str(write_suite(tmp_path, content))))
        finals = {trial.name: FINALS[trial.method.name] + spread * trial.seed for trial in trials}
        shares = {trial.name: trial.budget.params if trial.budget else 1.0 for trial in trials}
        return [
            make_record(trial, **measured(finals[trial.name], weights=round(1000 * shares[trial.name]), **more))
            for trial in trials
        ]

    return make


def standings(frame):
    return {(row["method"], row["budget"]): row["standing"] for row in frame.to_dict("records")}


def test_every_budget_has_a_leader_and_the_spread_of_seeds_tells_who_is_behind(made):
    frame = leaderboard(made())
    for budget in ("params=50%", "params=30%"):
        assert {m: s for (m, b), s in standings(frame).items() if b == budget} == {
            "tucker2": "leader", "svd": "worse", "basis": "not told apart",
        }  # fmt: skip
    assert standings(frame)["dense", ""] is None


def test_the_leader_is_bold_and_the_sign_has_a_legend(made):
    frame = leaderboard(made())
    markdown = to_markdown(frame)
    assert markdown.count("**85.50 ±0.50**") == 2
    assert markdown.count("80.50 ±0.50 ↓") == 2
    assert "| 85.40 ±0.50 |" in markdown
    (table,) = text_tables(frame)
    assert (
        "bold: the best of its budget. ↓: behind it beyond the spread of seeds (Welch's t with Holm's correction, 95 %"
        in table.legend
    )
    assert "single seed" not in table.legend
    latex = to_latex(frame)
    check_latex(latex)
    assert latex.count(r"\textbf{85.50 $\pm$0.50}") == 2
    assert latex.count(r"80.50 $\pm$0.50 $\downarrow$") == 2


@pytest.mark.parametrize("width", [80, 120, 300])
def test_a_terminal_shows_it_bold_at_every_width(made, width):
    console = Console(
        file=io.StringIO(), width=width, force_terminal=True, color_system="standard", legacy_windows=False
    )
    print_tables(leaderboard(made()), console)
    text = console.file.getvalue()
    assert len(re.findall(r"\x1b\[1m *85\.50 ±0\.50\x1b\[0m", text)) == 2
    assert text.count("80.50 ±0.50 ↓") == 2


def test_a_single_seed_marks_nothing_and_the_legend_says_so(made):
    frame = leaderboard(made(seeds=[0]))
    assert set(standings(frame).values()) == {None, "leader", "unknown"}
    markdown = to_markdown(frame)
    assert "↓" not in markdown
    assert "**85.00**" in markdown
    assert "A single seed does not tell which rows differ from it." in markdown


def test_a_row_alone_at_its_budget_leads_nothing(made):
    frame = leaderboard(made(methods=["svd"]))
    assert set(standings(frame).values()) == {None}
    (table,) = text_tables(frame)
    assert "bold" not in table.legend


@pytest.mark.parametrize(("weights", "leader"), [(330, "tucker2"), (331, "basis"), (600, "basis"), (269, "basis")])
def test_a_row_that_misses_its_budget_has_no_standing_as_rank_has_it(made, weights, leader):
    records = []
    for record in made():
        if record.trial.method.name == "tucker2" and str(record.trial.budget) == "params=30%":
            own = record.measured.model_copy(update={"counts": type(record.measured.counts)(**counts(weights))})
            record = record.model_copy(update={"measured": own})
        records.append(record)
    frame = leaderboard(records)
    at = {method: standing for (method, budget), standing in standings(frame).items() if budget == "params=30%"}
    assert at[leader] == "leader"
    assert (at["tucker2"] is None) == (leader != "tucker2")
    (ranking,) = rank_cells(records, parse_budget("params=30%"))
    assert ranking.rows[0].point.method == leader
    (row,) = (row for row in frame.to_dict("records") if (row["method"], row["budget"]) == ("tucker2", "params=30%"))
    assert row["budget_percent"] == pytest.approx(weights / 10)
    said = f"reaches {weights / 10:.1f} % of the dense params, asked for were 30 %"
    assert row["notes"] == ([] if leader == "tucker2" else [said])


def test_less_is_better_turns_it_round(made):
    frame = leaderboard(made(higher=False))
    found = {method: standing for (method, _), standing in standings(frame).items()}
    assert found == {"dense": None, "svd": "leader", "tucker2": "worse", "basis": "worse"}


def test_trials_that_are_not_ok_never_lead(made):
    records = [
        record.model_copy(update={"status": "failed"}) if record.trial.method.name == "tucker2" else record
        for record in made()
    ]
    found = {method: standing for (method, _), standing in standings(leaderboard(records)).items()}
    assert found == {"dense": None, "tucker2": None, "basis": "leader", "svd": "worse"}


def test_survivors_lead_nothing_and_the_row_says_how_many_seeds_are_ok(made):
    records = [
        record.model_copy(update={"status": "diverged"})
        if record.trial.method.name == "tucker2" and record.trial.seed < 2
        else record
        for record in made()
    ]
    frame = leaderboard(records)
    found = {method: standing for (method, _), standing in standings(frame).items()}
    assert found == {"dense": None, "tucker2": None, "basis": "leader", "svd": "worse"}
    rows = frame.to_dict("records")
    assert {row["method"]: (row["seeds"], row["ok_seeds"]) for row in rows} == {
        "dense": (3, 3), "tucker2": (3, 1), "basis": (3, 3), "svd": (3, 3),
    }  # fmt: skip
    markdown = to_markdown(frame)
    assert markdown.count("| 1 of 3 | diverged, ok") == 2
    assert "such a row leads nothing" in markdown
    assert "1 of 3" not in to_markdown(leaderboard(made()))


def test_another_metric_is_shown_orders_and_marks(made):
    """On a second test set svd is best; the main metric becomes the further one."""
    records = []
    for record in made(also_shown={"top1[v2]": "%"}):
        other = {"svd": 70.0, "tucker2": 60.0, "basis": 50.0, "dense": 75.0}[record.trial.method.name]
        finished = record.measured.quality["finished"] | {"top1[v2]": other + record.trial.seed}
        quality = record.measured.quality | {"finished": finished}
        records.append(record.model_copy(update={"measured": record.measured.model_copy(update={"quality": quality})}))
    frame = leaderboard(with_metric(records, "top1[v2]"))
    assert list(frame["method"])[:4] == ["dense", "svd", "tucker2", "basis"]
    assert list(frame["final"])[:2] == [76.0, 71.0]
    assert list(frame["drop"])[:2] == [0.0, 5.0]
    assert standings(frame)["svd", "params=50%"] == "leader"
    assert "| top1[v2] % | top1 % | drop |" in to_markdown(frame).splitlines()[2]
    with pytest.raises(BenchError, match=r"no metric 'top1\[v3\]'.*there is top1, top1\[v2\]"):
        with_metric(records, "top1[v3]")


def test_tables_without_the_metric_are_left_out(made):
    records = made()
    other = [
        record.model_copy(
            update={
                "table": "other",
                "measured": record.measured.model_copy(update={"also_shown": {"top5": "%"}}),
            }
        )
        for record in records
    ]
    assert {record.table for record in with_metric([*records, *other], "top5")} == {"other"}
