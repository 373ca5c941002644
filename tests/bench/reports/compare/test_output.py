"""The comparison on terminals of any width, in Markdown that nothing breaks out of, and as JSON."""

import io
import json
import re
import time

import pytest
from rich.console import Console

from decompbench.bench.records.record import Failure
from decompbench.bench.records.store import RecordStore
from decompbench.bench.reports.compare.render import LINES_SHOWN, print_comparison, to_markdown
from decompbench.bench.suite.schema import MethodChoice

from ...factories import counts, decompbench, latency, make_record, measured, resealed
from .factories import compared

HOSTILE = "<script>|`x`*_[a](b)_*@team"


def labelled(record, label, seed=0):
    """Return the record as of a method of this label."""
    trial = record.trial.model_copy(update={"method": MethodChoice(name="svd", label=label), "seed": seed})
    return record.model_copy(update={"trial": trial, "name": f"{trial.name}", "table": trial.table})


@pytest.fixture
def both(trials):
    """Two sets: a regression of each kind, an improvement, another change, and a row that is the same."""
    trial = trials["svd", 0]
    same, worse, failed, better = (
        labelled(make_record(trial, **measured(90.0, weights=1_234_567)), name)
        for name in ("even", HOSTILE, "failing", "smaller")
    )
    failure = Failure(type="ValueError", message="a | <b>\n" + "very long text " * 50, stage="training")
    bad = labelled(make_record(trial, **measured(80.0, weights=1_234_568, latency=[latency(2.0)])), HOSTILE)
    small = labelled(make_record(trial, **measured(89.5, weights=1_000_000)), "smaller")
    return [same, worse, failed, better], [
        same,
        bad,
        failed.model_copy(update={"status": "failed", "failure": failure}),
        small,
    ]


def on_terminal(comparison, width, **options):
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None, legacy_windows=False)
    print_comparison(comparison, console, **options)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [60, 80, 100, 160, 300])
def test_a_terminal_of_any_width_shows_every_number(both, width):
    text = on_terminal(compared(*both), width, everything=True)
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width
    assert all(number in text for number in ("1,234,567", "1,234,568", "90.00", "80.00", "+300.0"))
    sections = [text.index(word) for word in ("Regressions", "Improvements", "Other changes", "Unchanged")]
    assert sections == sorted(sections)
    assert "even" in text
    assert "even" not in on_terminal(compared(*both), width)


def test_the_summary_counts_findings_and_rows(both):
    comparison = compared(*both)
    regressions = [finding.what for _, finding in comparison.of("regression")]
    assert len(regressions) == 9 + 1 + 1 + 1  # nine counts, quality, latency, status
    start = f"12 regressions in 2 of 4 rows; {sum(1 for _ in comparison.of('improvement'))} improvements in 1 row"
    assert comparison.summary() == f"{start}; 1 other change in 1 row; 1 row unchanged"


def test_markdown_has_summary_regressions_improvements_and_the_folded_rest(both):
    text = to_markdown(compared(*both))
    assert text.startswith("**12 regressions in 2 of 4 rows**; ")
    parts = [text.index(word) for word in ("### Regressions", "### Improvements", "### Other changes", "<details>")]
    assert parts == sorted(parts)
    folded = text[parts[-1] :]
    assert "| even params=50% |" in folded
    assert folded.rstrip().endswith("</details>")
    assert "even" not in text[: parts[-1]]


def test_nothing_breaks_out_of_markdown(both):
    """Every line of a table has as many cells as its head, and there is no tag, link, emphasis or mention."""
    text = to_markdown(compared(*both))
    cells = [len(re.findall(r"(?<!\\)\|", line)) for line in text.splitlines() if line.startswith("|")]
    assert set(cells) == {6, 5}  # five columns, and four where nothing changed
    assert set(re.findall(r"<[^>]*>", text)) == {"<details>", "<summary>", "</summary>", "</details>"}
    assert "&lt;script>\\|\\`x\\`\\*\\_\\[a\\](b)\\_\\*@&#8203;team" in text
    assert "\n<b>" not in text


def test_markdown_of_no_regression_says_so(both):
    text = to_markdown(compared(both[0], both[0]))
    assert text.startswith("**No regression in 4 rows**; 4 rows unchanged.\n")
    assert "###" not in text


def test_long_lists_fit_into_a_comment_and_all_shows_them(trials):
    before = [labelled(make_record(trials["svd", 0], **measured(90.0)), f"method {number}") for number in range(300)]
    after = [labelled(record, f"method {number}") for number, record in enumerate(before)]
    after[:150] = [
        record.model_copy(update={"measured": record.measured.model_copy(update={"counts": None, "latency": []})})
        for record in after[:150]
    ]
    comparison = compared(before, after)
    text, full = to_markdown(comparison), to_markdown(comparison, everything=True)
    assert len(text) < 65_536
    assert f"… and {150 - LINES_SHOWN} more: `decompbench compare --all` shows them." in text
    assert "more:" not in full
    assert full.count("| method ") >= 300


def test_json_has_every_number_unrounded(both):
    comparison = compared(*both)
    told = json.loads(json.dumps(comparison.to_json(), allow_nan=False))
    assert told["regression"] is True
    assert told["a"] == {"name": "A", "source": "folder A"}
    verdicts = {row["method"]: row["verdict"] for row in told["rows"]}
    assert verdicts == {"even": "same", HOSTILE: "regression", "failing": "regression", "smaller": "improvement"}
    worse = next(row for row in told["rows"] if row["method"] == HOSTILE)
    numbers = {finding["what"]: finding["numbers"] for finding in worse["findings"]}
    assert numbers["conv_weights"] == {"a": 1_234_567, "b": 1_234_568, "seeds": [0]}
    assert numbers["time b1 / dense"]["b"] == {"ratio": 2.0, "interval": [1.9, 2.1], "noise": []}
    assert numbers["top1 %"]["difference"] == -10.0
    assert not any(row["findings"] for row in told["rows"] if row["method"] == "even")
    everything = comparison.to_json(everything=True)
    assert all(row["findings"] for row in everything["rows"])


# the command


@pytest.fixture
def folders(both, tmp_path):
    """The two sets as results folders, and their paths."""
    for name, records in zip("ab", both, strict=True):
        for record in records:
            RecordStore(tmp_path / name / "tiny" / "machine").append(record)
    return str(tmp_path / "a"), str(tmp_path / "b")


JSON, MARKDOWN = ("--format", "json"), ("--format", "markdown")


@pytest.mark.parametrize("flags", [(), JSON, MARKDOWN, ("--all",), (*JSON, "--all")])
def test_exit_codes_and_outputs(folders, flags):
    a, b = folders
    worse, same = decompbench("compare", a, b, *flags), decompbench("compare", a, a, *flags)
    assert (worse.returncode, same.returncode) == (1, 0), worse.stderr
    assert "12 regressions in 2 of 4 rows" in worse.stdout
    assert "o regression in 4 rows" in same.stdout
    assert worse.stderr == same.stderr == ""


def test_a_part_of_the_rows(folders):
    a, b = folders
    assert decompbench("compare", a, b, "--only", "smaller").returncode == 0
    assert decompbench("compare", a, b, "--only", "*failing*", "--suite", "tiny").returncode == 1
    told = json.loads(decompbench("compare", a, b, "--only", "smaller", "--format", "json").stdout)
    assert [row["method"] for row in told["rows"]] == ["smaller"]


def test_thresholds_are_taken_from_the_command_line(folders):
    a, b = folders
    count = lambda *options: decompbench("compare", a, b, *options).stdout.splitlines()[-1]  # noqa: E731
    assert count().startswith("12 regressions")
    assert count("--threshold", "5").startswith("11 regressions")
    assert count("--quality-threshold", "20", "--threshold", "5").startswith("10 regressions")
    assert count("--quality-threshold", "0.4").startswith("13 regressions")


def test_damaged_lines_are_said_and_the_rest_is_compared(folders):
    a, b = folders
    with open(f"{b}/tiny/machine/records.jsonl", "a") as file:
        file.write("damaged\n")
    run = decompbench("compare", a, b)
    assert run.returncode == 1
    assert "records.jsonl:5: not JSON" in run.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--suite", "tinny"], "did you mean 'tiny'"),
        (["--only", "absent"], "no trial of"),
        (["--json", "--markdown"], "give one of --markdown and --json"),
        (["--format", "csv"], "no format 'csv'; there is terminal, markdown, json"),
        (["--threshold", "inf"], "not a finite number"),
        (["--threshold", "-1"], "'--threshold'"),
        (["--quality-threshold", "nan"], "'--quality-threshold'"),
    ],
)
def test_mistakes_are_one_message_and_exit_code_2(folders, options, message):
    run = decompbench("compare", *folders, *options)
    assert (run.returncode, run.stdout) == (2, "")
    assert message in " ".join(run.stderr.split())
    assert "Traceback" not in run.stderr
    assert decompbench("compare", folders[0], "absent").returncode == 2


def test_ten_thousand_records(trials, tmp_path, capsys):
    paths = []
    for name, final in (("a", 90.0), ("b", 90.5)):
        made = measured(final, counts=counts(10**6), latency=[latency(0.5)] * 2)
        line = labelled(make_record(trials["svd", 0], **made), "LABEL", 77).line()
        paths.append(tmp_path / f"{name}.jsonl")
        lines = (
            resealed(
                line.replace("LABEL", f"m{number // 5}")
                .replace("seed77", f"seed{number % 5}")
                .replace('"seed":77', f'"seed":{number % 5}')
            )
            for number in range(5_000)
        )
        paths[-1].write_text("".join(lines))
    wall, cpu = time.perf_counter(), time.process_time()
    run = decompbench("compare", *paths, "--format", "json")
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    with capsys.disabled():
        print(f"\n10,000 records compared in {wall:.1f} s, {cpu:.1f} s of CPU time")
    assert run.returncode == 0, run.stderr
    told = json.loads(run.stdout)
    assert [row["seeds_b"] for row in told["rows"]] == [[0, 1, 2, 3, 4]] * 1_000
    assert {row["verdict"] for row in told["rows"]} == {"improvement"}
