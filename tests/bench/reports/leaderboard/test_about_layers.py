"""Tables of entries about linear layers: what is 100 % is said, and a budget is judged by what it counts."""

import io

import pytest
from rich.console import Console

from decompbench.bench.reports.budgets import budget_of
from decompbench.bench.reports.export.render import print_tables, to_markdown
from decompbench.bench.reports.leaderboard.rows import leaderboard
from decompbench.bench.suite.load import load_suite
from decompbench.bench.suite.trial import expand

from ...factories import counts, make_record, measured, planned, suite_content, write_suite

DENSE = {"conv_weights": 100, "conv_fc_weights": 1000, "bits": 3200, "conv_fc_bits": 32000}
SMALL = {"conv_weights": 90, "conv_fc_weights": 500, "bits": 2880, "conv_fc_bits": 16000}


def records(folder, **entry):
    content = suite_content()
    content["entries"][0] |= entry
    made = []
    for trial in expand(load_suite(str(write_suite(folder, content)))):
        found = measured(80.0) | {
            "counts": counts(1) | (DENSE if trial.is_dense else SMALL),
            "dense_counts": counts(1) | DENSE,
            "planned": planned(0.5 if trial.budget else None)
            | {"dense_weights": 100, "dense_linear_weights": 900, "dense_parameters": 1100},
        }
        made.append(make_record(trial, **found))
    return made


def shown(made):
    console = Console(file=io.StringIO(), width=300)
    print_tables(leaderboard(made), console)
    return console.file.getvalue()


@pytest.mark.parametrize("count", ["params", "bits"])
def test_a_budget_is_judged_by_what_it_counts(tmp_path, count):
    _, about_both, _ = records(tmp_path, layers="conv+linear", budgets=[{count: 0.5}])
    _, about_convs, _ = records(tmp_path, budgets=[{count: 0.5}])
    assert budget_of(about_both).cost(about_both) == 0.5
    assert budget_of(about_convs).cost(about_convs) == 0.9


def test_the_heading_and_the_note_say_what_is_100_percent(tmp_path):
    text = " ".join(shown(records(tmp_path, layers="conv+linear")).split())
    assert "conv+linear" in text  # the heading is broken into lines
    assert "of the dense model's weights of convolutions and linear layers" in text
    assert "50.0" in text
    assert "reaches" not in text
    assert "conv+linear weights" in to_markdown(leaderboard(records(tmp_path, layers="conv+linear")))


def test_the_dense_row_says_where_convolutions_are_a_small_part(tmp_path):
    note = "convolutions hold 9.1 % of the 1,100 parameters; layers: conv+linear takes the linear layers, too"
    frame = leaderboard(records(tmp_path))
    assert [any(note in one for one in notes) for notes in frame["notes"]] == [True, False, False]
    assert note in shown(records(tmp_path))
    assert note not in shown(records(tmp_path, layers="conv+linear"))
    assert list(frame["eligible"]) == ["conv"] * 3
