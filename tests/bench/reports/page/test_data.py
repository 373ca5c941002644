"""The page's data: the leaderboard's numbers, once, in elements that nothing ends; and a page that is written whole."""

import base64
import gzip
import hashlib
import json
import math
import re
import tomllib

import pandas as pd
import pytest

from decompbench.bench.base.errors import BenchError, StoreError
from decompbench.bench.cli import main
from decompbench.bench.reports.leaderboard.rows import leaderboard
from decompbench.bench.reports.page import page, write_page
from decompbench.bench.reports.page.build import SCRIPTS, STATIC
from decompbench.bench.reports.page.headings import headings
from decompbench.bench.reports.page.packing import Pool, packed, to_json
from decompbench.bench.reports.page.rows import table_data
from tests.places import RESULTS, ROOT

from . import made_up

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKED = re.compile(r'<script type="application/octet-stream" id="data-(\w+)">([A-Za-z0-9+/=]*)</script>')


def contents(text):
    """Return the packed texts of a page by name."""
    return {name: gzip.decompress(base64.b64decode(coded)).decode() for name, coded in PACKED.findall(text)}


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    return made_up.records(tmp_path_factory.mktemp("odd"))


def test_rows_have_the_numbers_of_the_leaderboard(committed):
    frame = leaderboard(committed)
    data = table_data(frame)
    assert len(data["rows"]) == len(frame)
    checked = 0
    for row, (_, expected) in zip(data["rows"], frame.iterrows(), strict=True):
        assert row["method"] == expected["method"]
        board = data["boards"][row["board"]]
        assert [board[name] for name in ("suite", "machine", "device", "table")] == [
            expected[name] for name in ("suite", "machine", "device", "table")
        ]
        for column, value in zip(data["columns"], row["values"], strict=True):
            if column["unit"] not in ("kB", "MB", "M"):
                known = expected[column["key"]]
                assert (value is None) == (known is None or math.isnan(known))
                assert value is None or value == pytest.approx(known, rel=1e-6)
                checked += value is not None
    assert checked > 10 * len(frame)


def test_a_row_keeps_its_id_when_others_come_and_go(committed):
    data = table_data(leaderboard(committed))
    part = table_data(leaderboard([record for record in committed if record.trial.suite == "quick"]))
    assert {row["id"] for row in part["rows"]} < {row["id"] for row in data["rows"]}
    assert len({row["id"] for row in data["rows"]}) == len(data["rows"])


def test_rows_that_a_link_could_not_tell_apart_are_refused(odd):
    frame = leaderboard(odd)
    with pytest.raises(BenchError, match="cannot tell 2 rows apart, tiny machine cpu resnet56/cifar10 dense"):
        table_data(pd.concat([frame, frame]))


def test_tables_of_other_machines_are_boards_of_their_own(odd):
    moved = [record.model_copy(update={"machine": "elsewhere"}) for record in odd]
    data = table_data(leaderboard([*odd, *moved]))
    assert [board["machine"] for board in data["boards"]] == ["machine", "elsewhere"]
    assert {row["board"] for row in data["rows"]} == {0, 1}
    assert len({board["id"] for board in data["boards"]}) == 2


def test_columns_without_any_number_are_left_out(odd):
    frame = leaderboard(odd)
    keys = {column["key"] for column in table_data(frame)["columns"]}
    assert "conv_weights_percent" in keys
    assert not any(key.startswith("latency") for key in keys)
    assert headings([]) == []


def test_published_points_are_of_the_board_s_network_and_metric(odd):
    (board,) = table_data(leaderboard(odd))["boards"]
    basis = [point for point in board["published"] if "basis" in point["methods"]]
    assert basis
    assert all(point["source"].startswith(("li2019", "yu2021")) for point in board["published"])
    assert all(50 < point["quality"] < 100 for point in board["published"])


def test_every_record_has_its_details_under_its_row(committed):
    found = contents(page(committed, RESULTS))
    details = json.loads(found["details"])
    rows = {row["id"]: row for row in json.loads(found["table"])["rows"]}
    assert sorted(entry["key"] for entry in details["records"]) == sorted(record.key for record in committed)
    by_key = {record.key: record for record in committed}
    for entry in details["records"]:
        record = by_key[entry["key"]]
        assert rows[entry["row"]]["method"] == record.method.label
        trial = {name: details["pool"][number] for name, number in entry["trial"].items()}
        assert trial == json.loads(to_json(record.trial.model_dump(mode="json")))
        planned = details["pool"][entry["plan"]]
        after = sum(after[0] for _, after, _, _ in planned["layers"])
        shared = sum(group["shared"][0] for group in planned["groups"])
        assert after + shared == record.measured.planned.weights


def test_plans_that_are_equal_are_there_once(odd):
    details = json.loads(contents(page(odd, RESULTS))["details"])
    plans = {entry["plan"] for entry in details["records"]}
    assert len(plans - {None}) == 1
    assert Pool().add([1]) == 0


def test_every_script_is_in_the_page_and_shipped():
    names = {path.name for path in STATIC.iterdir()}
    assert names == {*SCRIPTS, "page.html", "style.css"}
    (shipped,) = [
        p for p in PROJECT["tool"]["setuptools"]["package-data"]["decompbench.bench"] if p.startswith("reports/page/")
    ]
    assert {path.name for path in STATIC.parents[2].glob(shipped)} == names


def test_data_ends_no_element_and_names_are_not_in_the_page_s_text(odd):
    text = page(odd, RESULTS)
    assert made_up.EVIL not in text
    assert "onerror" not in text
    assert text.count("</script>") == text.count("<script") == 4
    assert made_up.EVIL in contents(text)["table"]


def test_scripts_and_styles_could_end_no_element(committed):
    text = page(committed, RESULTS)
    script = text.partition('<script type="module">')[2].partition("</script>")[0]
    style = text.partition("<style>")[2].partition("</style>")[0]
    assert script.rstrip().endswith("});")
    assert style.rstrip().endswith("}")


def test_the_policy_names_both_scripts_and_no_server(committed):
    text = page(committed, RESULTS)
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]+)"', text)
    script = text.partition('<script type="module">')[2].partition("</script>")[0]
    for source in (script, contents(text)["plotly"]):
        digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert "http" not in policy
    assert "default-src 'none'" in policy


def test_the_page_is_the_same_byte_for_byte(committed, tmp_path):
    one = write_page(committed, RESULTS, tmp_path / "a")
    other = write_page(committed, RESULTS, tmp_path / "b" / "c")
    assert one.read_bytes() == other.read_bytes()
    assert [path.name for path in one.parent.iterdir()] == ["index.html"]


def test_two_thousand_records_are_less_than_8_MB(committed, tmp_path):
    many = [
        record.model_copy(update={"machine": f"machine-{copy}", "key": f"{record.key}-{copy}"})
        for copy in range(34)
        for record in committed
    ]
    assert len(many) >= 2000
    assert len(page(many, RESULTS)) < 8e6


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_not_finite_are_null(value):
    assert to_json({"a": [value, (1.5, value)]}) == '{"a":[null,[1.5,null]]}'


def test_text_of_half_a_character_is_packed():
    assert gzip.decompress(base64.b64decode(packed("a\ud800"))) == b"a?"


def test_a_folder_that_cannot_be_written_is_named(committed, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"cannot write the page to .*file/page"):
        write_page(committed, RESULTS, tmp_path / "file" / "page")


def test_the_page_before_stays_when_writing_fails(committed, tmp_path, monkeypatch):
    path = write_page(committed, RESULTS, tmp_path)
    before = path.read_bytes()
    monkeypatch.setattr("os.fsync", lambda descriptor: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(StoreError, match="No space left"):
        write_page(committed, RESULTS, tmp_path)
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["index.html"]


PAGE = ["leaderboard", "quick", "--results", str(RESULTS), "--format", "html"]


def test_the_command_line_writes_the_page_and_prints_where(capsys, monkeypatch, tmp_path):
    arguments = [*PAGE, "--output", str(tmp_path / "page")]
    monkeypatch.setattr("sys.argv", ["decompbench", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    assert capsys.readouterr().out.strip() == str(tmp_path / "page" / "index.html")
    data = json.loads(contents((tmp_path / "page" / "index.html").read_text())["table"])
    assert {board["suite"] for board in data["boards"]} == {"quick"}


@pytest.mark.parametrize("option", [["--budget", "params=30%"], ["--sort", "final"], ["--csv"], ["--published"]])
def test_options_that_the_page_has_itself_are_refused(capsys, monkeypatch, tmp_path, option):
    arguments = [*PAGE, "--output", str(tmp_path / "page"), *option]
    monkeypatch.setattr("sys.argv", ["decompbench", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "--format" in capsys.readouterr().err
    assert not (tmp_path / "page").exists()
