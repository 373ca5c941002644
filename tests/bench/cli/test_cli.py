"""The command line: help with examples, lists as JSON on a clean standard output, mistakes in one line."""

import json
import sys
from pathlib import Path

import pytest

from decompbench.methods import get_method, list_methods

from ..factories import decompbench


def run_json(*arguments):
    run = decompbench(*arguments, "--json")
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


@pytest.mark.parametrize("verb", ["methods", "models", "suites", "data"])
def test_lists_come_as_json_with_all_and_as_a_table(verb):
    rows = run_json(verb)
    assert len(rows) > 1
    table = decompbench(verb)
    key = next(iter(rows[0]))
    assert all(str(row[key]) in table.stdout for row in rows)


def test_models_are_listed_with_their_sizes_and_by_pattern():
    (row,) = run_json("models", "resnet20")
    assert (row["parameters"], row["macs"], row["input_size"]) == (269_722, 40_551_040, [3, 32, 32])
    table = decompbench("models", "edsr-r32f256x*", "timm/resnet18").stdout
    assert "40,729,603" in table
    assert "3×224×224" in table
    assert decompbench("models", "resnt20").returncode == 2


def test_methods_say_kind_and_settings():
    methods = {row["method"]: row for row in run_json("methods")}
    assert methods["factor"]["kind"] == "architectural"
    assert methods["svd"]["kind"] == "weight-space"
    assert "rank" in methods["svd"]["settings"]


@pytest.mark.parametrize("name", list_methods())
def test_methods_name_shows_every_setting_with_type_default_and_meaning(name):
    told = run_json("methods", name)
    method = get_method(name)
    assert {one["name"]: one["default"] for one in told["settings"]} == json.loads(json.dumps(method.settings()))
    assert all(one["type"] and one["meaning"] for one in told["settings"]), told["settings"]
    knob = method.budget_knob()
    assert [one["name"] for one in told["settings"] if one["is_knob"]] == ([knob.field] if knob else [])
    words = " ".join(decompbench("methods", name).stdout.split())
    assert all(
        f"{one['name']}: {one['type']}, default {json.dumps(one['default'])}" in words for one in told["settings"]
    )
    assert all(" ".join(one["meaning"].split()[:4]) in words for one in told["settings"])
    assert (told["paper"] or "none") in words
    assert f"version {method.version}" in words


def test_methods_with_an_unknown_name_says_the_nearest():
    run = decompbench("methods", "tuker2")
    assert run.returncode == 2
    assert "'tucker2'" in run.stderr


def test_plan_gives_every_trial_its_size_and_trains_nothing():
    rows = run_json("plan", "quick")
    by_name = {row["trial"]: row for row in rows}
    dense = by_name["resnet8/fashion-mnist-10k/dense/seed0"]["size"]
    assert dense["weights"] == dense["dense_weights"] == 73_872
    for row in rows:
        size = row["size"]
        if row["budget"] and not size["note"]:
            ((count, fraction),) = row["budget"].items()
            sizes = {"params": "weights"}.get(count, count)
            assert size[sizes] <= 1.1 * fraction * size[f"dense_{sizes}"]
    assert "resnet8/fashion-mnist-10k/dense/seed0" in decompbench("plan", "quick", "--only", "dense").stdout


@pytest.mark.parametrize("form", ["csv", "markdown", "json", "terminal"])
def test_leaderboard_has_a_row_for_each_trial(smoke, form):
    arguments = ["leaderboard", "smoke", "--format", form]
    run = decompbench(*arguments, results=smoke.results)
    assert run.returncode == 0
    assert run.stderr == ""
    assert "dense" in run.stdout
    if form == "json":
        rows = json.loads(run.stdout)
        assert all(row["kind"] in ("none", "weight-space", "architectural") for row in rows)
        assert all(row["drop"] is not None for row in rows)


def test_leaderboard_reports_a_damaged_line_and_shows_the_rest(smoke, tmp_path):
    folder = tmp_path / "smoke" / smoke.records_file.parent.name
    folder.mkdir(parents=True)
    lines = smoke.records_file.read_text().splitlines(keepends=True)
    (folder / "records.jsonl").write_text("".join([lines[0], lines[1][:50] + "\n", *lines[2:]]))
    run = decompbench("leaderboard", "smoke", "--format", "json", results=tmp_path)
    assert run.returncode == 0
    assert "records.jsonl:2: not JSON" in run.stderr
    assert len(json.loads(run.stdout)) == len(lines) - 1


def test_compress_writes_a_file_that_loads_back(tmp_path):
    from decompbench.methods import count_stored, load

    path = tmp_path / "small.safetensors"
    arguments = ["compress", "resnet8", "--method", "svd", "--params", "0.3", "--option", "in_chans=1"]
    told = run_json(*arguments, "--size", "28x28", "-o", path)
    assert told["bytes"] == path.stat().st_size
    assert count_stored(load(path)).weights <= 0.3 * 73_872
    table = decompbench(*arguments, "--set", "rank=0.7", "-o", path)
    assert "layer1.0.conv1" in table.stdout
    assert str(path) in table.stdout
    assert "weights are random" in table.stdout


def test_compress_allocates_and_says_what_that_won(tmp_path):
    arguments = ["compress", "resnet8", "--pretrained", "true", "--method", "svd", "--params", "0.3"]
    arguments += ["--allocate", "global", "-o", str(tmp_path / "small.safetensors")]
    assert "allocate=global: summed relative error" in decompbench(*arguments).stdout
    plan = json.loads(decompbench(*arguments, "--json").stdout)["plan"]
    assert plan["allocation"]["error"] < plan["allocation"]["uniform_error"]


def test_compress_takes_a_method_from_a_module_in_the_current_folder(tmp_path, monkeypatch):
    from decompbench.methods.contract import registry

    monkeypatch.setattr(registry, "_methods", dict(registry._methods))
    monkeypatch.setattr("sys.path", [entry for entry in sys.path if entry])
    monkeypatch.chdir(tmp_path)
    text = "from decompbench.methods import SVD, register\n\n\n@register('lone')\nclass Lone(SVD):\n    pass\n"
    Path("lone_method.py").write_text(text)
    arguments = ["compress", "resnet8", "--method", "lone", "-o", "small.safetensors", "--pretrained", "true"]
    assert "lone" in decompbench(*arguments).stderr
    told = decompbench(*arguments, "--plugin", "lone_method")
    assert told.returncode == 0, told.stderr
    assert "lone" in told.stdout
    assert "random" not in told.stdout
    missing = decompbench(*arguments, "--plugin", "no_such_module").stderr
    assert "--plugin: cannot import 'no_such_module': ModuleNotFoundError" in missing


@pytest.mark.parametrize(
    ("arguments", "messages"),
    [
        (["run", "quik"], ["unknown suite 'quik'", "'quick'"]),
        (["plan", "absent.yaml"], ["no suite file absent.yaml"]),
        (["leaderboard", "quick", "--results", "nowhere"], ["nowhere"]),
        (["compress", "resnet8", "--method", "svdd", "-o", "x.st"], ["svdd", "'svd'"]),
        (["compress", "resnet8", "--method", "svd", "--set", "rnk=1", "-o", "x.st"], ["rnk", "'rank'"]),
        (["compress", "resnet7", "--method", "svd", "-o", "x.st"], ["resnet7"]),
        (["compress", "resnet8", "--method", "svd", "-o", "no/such/x.st"], ["no folder no/such"]),
        (["compress", "resnet8", "--method", "kmeans", "--params", "0.01", "-o", "x.st"], ["reaches"]),
        (["compress", "resnet8", "--method", "svd", "--allocate", "global", "-o", "x.st"], ["shares out a budget"]),
        (["compress", "resnet8", "--method", "svd", "--set", "rank", "-o", "x.st"], ["key=value"]),
        (["run", "smoke", "--device", "cuda:99"], ["cuda:99", "use --device cpu"]),
        (["data", "fetch", "cifar1"], ["did you mean 'cifar10'", "fashion-mnist can"]),
        (["data", "get"], ["'get' is not 'fetch'"]),
        (["run", "smoke", "--device", "gpu"], ["must be cpu, cuda or cuda:N"]),
        (["run", "smoke", "--only", "nothing-like-this"], ["no trial matches"]),
    ],
)
def test_mistakes_are_one_message_and_exit_code_2(arguments, messages, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = decompbench(*arguments)
    assert run.returncode == 2, run.stdout + run.stderr
    text = " ".join(run.stderr.split())
    assert all(message in text for message in messages), text
    assert "Traceback" not in text


def test_fetch_without_a_name_lists_what_can_be_fetched():
    names = [row["name"] for row in run_json("data", "fetch")]
    assert names == ["cifar10[:PATH]", "cifar100[:PATH]", "fashion-mnist[:PATH]"]


def test_suites_in_json_have_their_name_and_a_list_of_tables():
    by_name = {row["name"]: row for row in run_json("suites")}
    assert by_name["quick"]["tables"] == ["resnet8/fashion-mnist-10k", "edsr-r4f32x2/photographs"]


def test_what_is_piped_into_a_file_is_neither_wrapped_nor_cut():
    lines = decompbench("suites").stdout.splitlines()
    assert len(lines) == 2 + len(run_json("suites"))
    assert max(map(len, lines)) > 300
