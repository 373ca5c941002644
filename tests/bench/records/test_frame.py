"""The flat table of records: the same from Parquet and from lines, whatever was appended or damaged since."""

import copy
import json
import shutil
import sys
import warnings
from pathlib import Path
from typing import get_args

import pandas as pd
import pyarrow.parquet as pq
import pytest

from decompbench.bench.base.errors import BenchError
from decompbench.bench.base.provenance import sources
from decompbench.bench.records import frame as frame_module
from decompbench.bench.records import migrations
from decompbench.bench.records.asked import AskedTrial
from decompbench.bench.records.columns import REQUIRED, STATUSES, flat_row
from decompbench.bench.records.find import find_records, latest
from decompbench.bench.records.frame import load_frame
from decompbench.bench.records.lines import read_line
from decompbench.bench.records.record import MethodInfo, Record, Status
from decompbench.bench.records.store import RecordStore
from decompbench.bench.reports.leaderboard.rows import leaderboard
from tests.places import QUICK, RESULTS

from ..factories import decompbench, decompbench_process, make_record, measured, resealed

#: Of each records file so many lines are taken, however many there are by now.
LINES = 23


@pytest.fixture
def results(tmp_path):
    """The first lines of this repository's records files, copied, without the tables made of them."""
    for file in RESULTS.glob("*/*/records.jsonl"):
        copied = tmp_path / "results" / file.relative_to(RESULTS)
        copied.parent.mkdir(parents=True)
        copied.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[:LINES]))
    return tmp_path / "results"


def file_of(module):
    return Path(str(module.__file__))


def no_lines(*_):
    raise AssertionError("lines were parsed that Parquet has")


def test_the_frame_has_the_records_numbers(results):
    frame = load_frame(results)
    records, _ = find_records(results)
    assert len(frame) == len(records)
    by_key = {record.key: record for record in records}
    for row in frame.to_dict("records"):
        record = by_key[row["key"]]
        assert row["conv_weights"] == record.measured.counts.conv_weights
        assert row["dense_macs"] == record.measured.dense_counts.macs
        assert row["quality_finished"] == record.measured.quality["finished"][record.measured.metric]
        assert row["budget"] == str(record.trial.budget or "")
        assert json.loads(row["settings"]) == record.method.settings
        for latency in record.measured.latency:
            assert row[f"latency_b{latency.batch_size}_ratio"] == latency.ratio
            assert row[f"latency_b{latency.batch_size}_low"] == latency.ratio_interval[0]
            assert row[f"latency_b{latency.batch_size}_dense_ms"] == latency.dense_median
        assert row["schema_version"] == 3  # as they were written


def test_the_frame_gives_the_leaderboards_means(results):
    frame = load_frame(results, "quick")
    board = leaderboard(latest(find_records(results, "quick")[0]))
    means = frame.groupby(["table", "label", "budget"])["quality_finished"].mean()
    for row in board.to_dict("records"):
        assert means[row["table"], row["method"], row["budget"]] == pytest.approx(row["final"], abs=1e-12)


def test_parquet_gives_the_same_frame_and_no_line_is_parsed(results, monkeypatch):
    before = load_frame(results)
    assert decompbench("tables", results=results).returncode == 0
    with monkeypatch.context() as patch:
        patch.setattr(frame_module, "flat_row", no_lines)
        pd.testing.assert_frame_equal(load_frame(results), before)


def test_what_was_appended_since_is_added(results, trials, monkeypatch):
    decompbench("tables", results=results)
    before = len(load_frame(results))
    (store,) = (RecordStore(file.parent) for file in results.glob("quick/*/records.jsonl"))
    store.append(make_record(trials[0], **measured(91.0)))
    parsed = []
    flat_row = frame_module.flat_row
    monkeypatch.setattr(frame_module, "flat_row", lambda *line: parsed.append(line) or flat_row(*line))
    frame = load_frame(results)
    assert len(parsed) == 1
    assert len(frame) == before + 1
    assert list(frame[frame.suite == "tiny"]["quality_finished"]) == [91.0]
    for file in results.rglob("records.parquet"):
        file.unlink()
    pd.testing.assert_frame_equal(load_frame(results), frame)


@pytest.mark.parametrize("change", ["other records", "shorter", "other code", "rubbish"])
def test_a_table_of_something_else_is_not_taken(results, monkeypatch, change):
    decompbench("tables", results=results)
    (file,) = results.glob("quick/*/records.jsonl")
    lines = file.read_bytes().splitlines(keepends=True)
    if change == "other records":
        file.write_bytes(b"".join([*lines[1:], lines[0]]))
    elif change == "shorter":
        file.write_bytes(b"".join(lines[:-1]))
    elif change == "other code":
        monkeypatch.setattr(frame_module, "_code", lambda: "other")
    else:
        file.with_suffix(".parquet").write_bytes(b"rubbish")
    monkeypatch.setattr(frame_module, "flat_row", no_lines)
    with pytest.raises(AssertionError, match="lines were parsed"):
        load_frame(results, "quick")


def test_damaged_lines_are_warned_of_from_lines_and_from_parquet(results):
    (file,) = results.glob("quick/*/records.jsonl")
    lines = file.read_text().splitlines()
    document = json.loads(lines[3])
    document["measured"]["counts"]["macs"] = "many"
    lines[1], lines[3] = lines[1][:1000], resealed(json.dumps(document))
    file.write_text("\n".join(lines) + "\n")
    for _ in range(2):
        with pytest.warns(UserWarning, match="left out") as caught:
            frame = load_frame(results, "quick")
        assert len(frame) == 21
        text = [str(warning.message) for warning in caught]
        assert "records.jsonl:2: not JSON" in text[0]
        assert "records.jsonl:4: not a whole record: macs is 'many', not int64" in text[1]
        decompbench("tables", results=results)


def test_a_line_that_was_cut_off_keeps_its_number(results, trials):
    (file,) = results.glob("quick/*/records.jsonl")
    with file.open("ab") as end:
        end.write(b'{"cut')
    decompbench("tables", "quick", results=results)
    RecordStore(file.parent).append(make_record(trials[0], **measured(91.0)))
    with file.open("ab") as end:
        end.write(b"rubbish\n")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        frame = load_frame(results, "quick")
    assert len(frame) == 24
    text = " ".join(str(warning.message) for warning in caught)
    assert ":24: " in text
    assert ":26: " in text


@pytest.mark.parametrize("missing", [1, 30, 5000])
def test_a_line_that_is_being_written_while_tables_are_made_is_not_lost(results, missing):
    """Cut off before its newline, within its checksum, and somewhere else."""
    (file,) = results.glob("quick/*/records.jsonl")
    content = file.read_bytes()
    file.write_bytes(content[:-missing])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        read = len(load_frame(results, "quick"))
        assert decompbench("tables", "quick", results=results).returncode == 0
        assert len(load_frame(results, "quick")) == read == (23 if missing == 1 else 22)
    assert pq.read_metadata(file.with_suffix(".parquet")).num_rows == 22
    file.write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(load_frame(results, "quick")) == 23


def test_all_code_that_makes_rows_is_in_the_digest(results):
    """Whatever runs between a line and its row, in this package."""
    (file,) = results.glob("quick/*/records.jsonl")
    bench = file_of(sources).parents[2]
    ran = set()

    def note(frame, event, _):
        if event == "call":
            ran.add(Path(frame.f_code.co_filename))

    sys.setprofile(note)
    try:
        frame_module.parse_flat(file)
    finally:
        sys.setprofile(None)
    ran = {path for path in ran if bench in path.parents}
    assert bench / "base" / "text.py" in ran
    assert ran <= set(sources.import_closure(*frame_module.CODE).values())


def test_other_code_has_another_digest(monkeypatch):
    before = frame_module._code()
    digest = sources.module_digest
    changed = file_of(migrations)
    monkeypatch.setattr(sources, "module_digest", lambda path: "x" if path == changed else digest(path))
    frame_module._code.cache_clear()
    assert frame_module._code() != before
    frame_module._code.cache_clear()


@pytest.fixture(scope="module")
def document():
    return read_line(QUICK.read_bytes().splitlines()[1])[0]


@pytest.mark.parametrize(("part", "model"), [("", Record), ("trial", AskedTrial), ("method", MethodInfo)])
def test_a_row_has_what_a_record_must_have(document, part, model):
    required = [name for name, field in model.model_fields.items() if field.is_required()]
    assert list(REQUIRED[part]) == required
    for name in required:
        damaged = copy.deepcopy(document)
        del (damaged[part] if part else damaged)[name]
        with pytest.raises(ValueError, match=f"no {part}{'.' if part else ''}{name}$"):
            flat_row(damaged, 2)


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"status": "banana"}, "status is 'banana'"), ({"trial": []}, "trial is"), ({"method": None}, "method is None")],
)
def test_a_row_is_of_a_record(document, changes, said):
    with pytest.raises(ValueError, match=said):
        flat_row(document | changes, 2)


def test_a_row_knows_every_status():
    assert get_args(Status) == STATUSES


def test_nothing_to_read_is_said(results):
    with pytest.raises(BenchError, match="no records of suite 'quik'"):
        load_frame(results, "quik")


def test_tables_are_the_same_byte_for_byte(results, tmp_path):
    """In two processes, the second reading a copy whose lines came in another order."""
    other = tmp_path / "other"
    shutil.copytree(results, other)
    for file in other.glob("*/*/records.jsonl"):
        file.write_bytes(b"".join(reversed(file.read_bytes().splitlines(keepends=True))))
    runs = [
        decompbench_process("tables", "--out", tmp_path / name, results=folder)
        for name, folder in (("one", results), ("two", results), ("reversed", other))
    ]
    assert [run.returncode for run in runs] == [0, 0, 0], runs[0].stderr
    assert not list(results.rglob("*.parquet"))
    written = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*.*") if path.is_file())
    names = {path.name for path in written}
    assert names == {"records.parquet", "records.csv", "leaderboard.csv", "leaderboard.parquet", "leaderboard.md"}
    assert len(written) == 3 * 5
    for path in written:
        assert (tmp_path / "one" / path).read_bytes() == (tmp_path / "two" / path).read_bytes(), path
        if path.name == "records.csv":
            assert (tmp_path / "one" / path).read_bytes() == (tmp_path / "reversed" / path).read_bytes(), path


def test_tables_of_one_suite_hold_what_the_leaderboard_shows(results, tmp_path):
    run = decompbench("tables", "quick", "--out", tmp_path / "out", results=results)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"quick"}
    assert run.stdout.splitlines()[-1].endswith("quick/leaderboard.md")
    board = pq.read_table(tmp_path / "out" / "quick" / "leaderboard.parquet").to_pandas()
    shown = leaderboard(latest(find_records(results, "quick")[0]))
    assert list(board["final"]) == list(shown["final"])
    assert list(board["latency_b1_ratio"]) == list(shown["latency_b1_ratio"])
    markdown = decompbench("leaderboard", "quick", "--format", "markdown", results=results).stdout
    assert (tmp_path / "out" / "quick" / "leaderboard.md").read_text() == markdown


def test_tables_that_cannot_be_written_are_said(results, tmp_path):
    (tmp_path / "file").write_text("")
    run = decompbench("tables", "--out", tmp_path / "file" / "x", results=results)
    assert run.returncode == 2
    assert "error: cannot write" in run.stderr
