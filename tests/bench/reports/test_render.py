"""The leaderboard on a terminal: as many columns as fit, no number cut, each note once and in order."""

import io
import json
import re

import pandas as pd
import pytest
from rich.console import Console

from decompbench.bench.records.record import KnobRange
from decompbench.bench.reports.export.render import print_tables, to_csv, to_rows
from decompbench.bench.reports.leaderboard.columns import text_tables
from decompbench.bench.reports.leaderboard.rows import leaderboard
from decompbench.bench.suite.load import load_suite
from decompbench.bench.suite.trial import expand

from ..factories import counts, decompbench, latency, make_record, measured, planned, suite_content, write_suite

IMPORTANT = ["method", "budget", "%", "MACs %", "time b1", "top1 %", "drop", "status"]
LONG = "tucker2 learnt adaptively, with a long label"


@pytest.fixture
def frame(tmp_path):
    """Rows with everything in them: two seeds, two batch sizes, knobs, long labels, notes, large numbers."""
    content = suite_content(seeds=[0, 1])
    content["entries"][0] |= {
        "methods": ["svd", "spatial-svd", {"name": "tucker2", "label": LONG}],
        "budgets": [{"params": 0.3}, {"params": 0.125}],
    }
    records = []
    for number, trial in enumerate(expand(load_suite(str(write_suite(tmp_path, content))))):
        sizes = planned(0.3 + 0.1 * (number % 3)) | {"knob": KnobRange(field="rank", low=0.2125, high=0.375)}
        more = {} if trial.is_dense else {"planned": sizes, "decomposition": {"at": "begin", "before": {"top1": 91.25},
                                                                              "after": {"top1": 12.75}}}  # fmt: skip
        times = [latency(1.25, other_load=0.15 * number), latency(12.75) | {"batch_size": 128}]
        weights = 11_181_642 if trial.is_dense else 3_354_492
        more["dense_counts"] = counts(11_181_642)
        more["training"] = {"epochs": 1, "steps": 2, "seconds": 1234.5, "history": []}
        records.append(make_record(trial, **measured(80 + number / 8, weights=weights, latency=times, **more)))
    return leaderboard(records)


def on_terminal(frame, width, **options):
    """Return the lines a terminal of this width is sent."""
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None, legacy_windows=False)
    print_tables(frame, console, **options)
    assert console.width == width
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize("width", [80, 100, 120, 160, 300])
def test_a_terminal_shows_the_important_columns_and_whole_numbers(frame, width):
    lines = on_terminal(frame, width)
    text = "\n".join(lines)
    assert "…" not in text
    (full,) = text_tables(frame)
    shown = full.fitted(width)
    headings = " ".join(column.heading for column in shown.columns)
    assert all(heading in headings for heading in IMPORTANT), headings
    head = lines.index(next(line for line in lines if line.startswith("──")))
    assert all(word in " ".join(lines[1:head]) for heading in IMPORTANT for word in heading.split())
    for column in shown.columns:
        if column.number:
            assert all(cell in text for cell in column.cells), column.heading
    # the table stays within the terminal: whatever is wider would be folded by the terminal itself
    assert max(len(line) for line in lines[1 : head + len(frame) + 1]) <= width
    assert set(shown.left_out) | {column.heading for column in shown.columns} >= {c.heading for c in full.columns}


def test_more_columns_are_shown_where_there_is_room(frame):
    (full,) = text_tables(frame)
    counts = [len(full.fitted(width).columns) for width in (80, 100, 120, 160, 300)]
    assert counts == sorted(counts)
    assert counts[0] < counts[-1] == len(full.columns)
    assert full.fitted(300).left_out == ()


def test_a_terminal_too_narrow_for_any_table_gets_longer_lines(frame):
    text = "\n".join(on_terminal(frame, 40))
    (full,) = text_tables(frame)
    assert "…" not in text
    numbers = {cell for column in full.fitted(40).columns if column.number for cell in column.cells}
    assert all(cell in text for cell in numbers)


def test_wide_shows_every_column_on_a_narrow_terminal(frame):
    text = "\n".join(on_terminal(frame, 80, wide=True))
    (full,) = text_tables(frame)
    for column in full.columns:
        assert all(cell in text for cell in column.cells), column.heading
    assert "--wide" not in text
    assert "--wide" in "\n".join(on_terminal(frame, 80))


def test_one_footnote_for_much_the_same_load_and_ascending_numbers(frame):
    (table,) = text_tables(frame)
    loads = [note for note in table.footnotes if "busy" in note]
    assert len(loads) == len(set(loads)) < len(frame) - 1
    marks = [[int(mark) for mark in re.findall(r"(\d+)\)", row[-1])] for row in table.rows]
    assert any(len(row) > 1 for row in marks)
    assert all(row == sorted(row) for row in marks)
    assert sorted({mark for row in marks for mark in row}) == list(range(1, len(table.footnotes) + 1))


def test_the_knob_a_budget_set_is_in_every_format(frame):
    rows = to_rows(frame)
    knob = {"field": "rank", "low": 0.2125, "high": 0.375}
    assert rows[0]["knob"] is None
    assert all(row["knob"] == knob for row in rows[1:])
    read = pd.read_csv(io.StringIO(to_csv(frame)))
    assert [json.loads(text) for text in read["knob"].dropna()] == [knob] * (len(rows) - 1)
    (table,) = text_tables(frame)
    assert "rank 0.212–0.375" in table.rows[1]


def test_an_empty_leaderboard_is_no_table_and_no_crash():
    assert list(text_tables(leaderboard([]))) == []


def test_records_none_of_which_can_be_read_are_one_error_and_one_warning(tmp_path):
    folder = tmp_path / "tiny" / "machine"
    folder.mkdir(parents=True)
    (folder / "records.jsonl").write_text("rubbish\n" * 41)
    run = decompbench("leaderboard", "tiny", results=tmp_path)
    assert run.returncode == 2
    assert "error: no readable records of suite 'tiny'" in run.stderr
    assert len(run.stderr.splitlines()) == 2
    assert "41 lines are left out: 1-41" in run.stderr
    assert "Traceback" not in run.stderr
