"""The sweep over timm's families: each method compresses or says why not, and the sweep finds one that does neither."""

import json
import sys
from pathlib import Path

import pytest
import timm
from torch import nn

from decompbench.bench.base.errors import BenchError, StoreError
from decompbench.bench.checks.sweep import (
    FAMILIES,
    QUICK,
    KeptOutcomes,
    ModelOutcome,
    SweepModel,
    choose_models,
    run_sweep,
    sweep_key,
)
from decompbench.bench.checks.sweep.check import SIZES, SweepError, smallest_example
from decompbench.bench.checks.sweep.outcome import MethodOutcome
from decompbench.bench.checks.sweep.table import reasons, rows, summary, to_markdown
from decompbench.bench.planning.meta_model import own_input_size
from decompbench.common import plugins
from decompbench.methods import list_methods
from decompbench.methods.contract import registry
from decompbench.models import load_model

from ..factories import decompbench

#: Folder of the methods that do wrong.
BENCH_TESTS = Path(__file__).parents[1]
#: Of no consequence to what is checked: the search ends early, and what it has found by then is taken.
SHORT = {"kmeans": {"max_iter": 1}, "cp": {"sweeps": 1}}


def sweep(name, methods, **options):
    (outcome,) = run_sweep([SweepModel("", name)], methods, lambda _: None, **options)
    return outcome


# All of the quick models takes three quarters of a minute on one core: it is what a change of a method may break.
@pytest.mark.parametrize("name", QUICK)
def test_every_method_compresses_or_says_why_not(name):
    methods = {method: SHORT.get(method, {}) for method in list_methods()}
    outcome = sweep(f"timm/{name}", methods)
    assert outcome.failures() == []
    assert [one.method for one in outcome.methods] == list(methods)
    assert all(one.compressed + one.skipped == outcome.convs for one in outcome.methods)
    small = {one.method for one in outcome.methods if one.weights < one.dense_weights}
    assert small >= {"svd", "spatial-svd", "cp", "tt", "tucker2", "basis", "kmeans", "fsnet"}


@pytest.fixture
def bad_methods():
    """Methods that do wrong, known to this process and so to those it starts."""
    known, first = dict(registry._methods), list(plugins._loaded)
    plugins.Plugins(("bad_methods",), str(BENCH_TESTS), "the test").load()
    yield
    registry._methods.clear()
    registry._methods.update(known)
    plugins._loaded[:] = first
    sys.modules.pop("bad_methods", None)


@pytest.mark.usefixtures("bad_methods")
def test_one_method_that_fails_does_not_take_the_others_down():
    methods = {name: {} for name in ("raising", "svd", "dying", "lying", "idle")}
    outcome = sweep("resnet8", methods)
    found = {one.method: one for one in outcome.methods}
    assert list(found) == list(methods)
    assert not outcome.ok
    assert [method for method, _ in outcome.failures()] == ["raising", "dying", "lying"]
    assert "cannot compress" in found["raising"].message
    assert "SIGKILL" in found["dying"].message
    assert "by the plan's formula" in found["lying"].message
    assert (found["svd"].status, found["svd"].compressed, found["svd"].skipped) == ("ok", 6, 1)
    assert (found["idle"].status, found["idle"].compressed) == ("ok", 0)
    assert found["idle"].reasons == {"first convolution: left alone by skip_first=1": 1, "not to its taste": 6}


@pytest.mark.usefixtures("bad_methods")
def test_a_method_that_takes_too_much_memory_is_ended_and_the_next_one_run():
    outcome = sweep("resnet8", {"greedy": {}, "idle": {}}, memory=2**31)
    assert [one.status for one in outcome.methods] == ["failed", "ok"]
    assert "2.00 GiB" in outcome.methods[0].message


def test_a_model_that_does_not_exist_is_one_failure():
    outcome = sweep("timm/no_such_model", {"svd": {}})
    assert not outcome.ok
    assert outcome.methods == []
    assert "no_such_model" in outcome.message
    assert outcome.failures() == [("", outcome.message)]


def test_outcomes_kept_are_not_found_again_unless_something_failed_or_changed(tmp_path):
    good, bad, broken = example_outcomes()
    path = tmp_path / "kept.jsonl"
    kept = KeptOutcomes(path, "key")
    for outcome in (good, bad, broken):
        kept.add(outcome)
    again = KeptOutcomes(path, "key")
    assert again.find(good.model) == good
    assert again.find(bad.model) is again.find(broken.model) is again.find("timm/else") is None
    assert KeptOutcomes(path, "other key").find(good.model) is None
    seen = []
    assert run_sweep([SweepModel("F", good.model)], {"a": {}}, seen.append, kept=again) == seen == [good]
    path.write_text("{}\n")
    with pytest.raises(StoreError, match=r"kept\.jsonl"):
        KeptOutcomes(path, "key")


def test_the_key_of_a_sweep_follows_the_settings():
    keys = {sweep_key(methods) for methods in ({"svd": {}}, {"svd": {"rank": 0.2}}, {"tt": {}})}
    assert len(keys) == 3


def test_families_are_many_and_all_there():
    assert len(FAMILIES) >= 40
    assert len(set(FAMILIES.values())) == len(FAMILIES)
    assert set(QUICK) <= set(FAMILIES.values())
    assert all(timm.is_model(name) for name in FAMILIES.values())


def test_models_are_chosen_by_name_family_or_in_full():
    names = [model.name for model in choose_models(["RegNet?", "dla46_c", "timm/resnet50"])]
    assert names == ["timm/regnetx_002", "timm/regnety_002", "timm/regnetz_005", "timm/dla46_c", "timm/resnet50"]
    assert len(choose_models(quick=True)) == len(QUICK)
    with pytest.raises(BenchError, match=r"matches 'regnetx_003' \(did you mean .*'regnetx_002'"):
        choose_models(["regnetx_003"])


def test_the_smallest_input_is_found_by_trying():
    picky = nn.Sequential(nn.Conv2d(1, 2, 3), nn.AvgPool2d(60))
    assert smallest_example(picky).shape == (1, 1, 64, 64)
    with pytest.raises(SweepError, match=f"no square input of {SIZES[0]} to {SIZES[-1]}"):
        smallest_example(nn.Sequential(nn.Conv2d(1, 2, 3), nn.Linear(7, 7)))


def example_outcomes():
    why = {"not efficient: 1,234 weights instead of 99": 1, "not efficient: 5 weights instead of 4": 2, "1×1 conv": 3}
    good = MethodOutcome("a", "ok", 4, why, weights=25, dense_weights=100, macs=50, dense_macs=100)
    idle = MethodOutcome("b", "ok", 0, {"first": 10}, weights=100, dense_weights=100, macs=100, dense_macs=100)
    bad = MethodOutcome("a", "failed", message="ValueError: one | two\nthree")
    return [
        ModelOutcome("F", "timm/x", convs=10, size=32, weights=100, macs=100, methods=[good, idle]),
        ModelOutcome("G", "timm/y", convs=10, size=32, weights=100, macs=100, methods=[bad]),
        ModelOutcome("H", "timm/z", message="OSError: gone"),
    ]


def test_the_table_tells_what_was_found():
    outcomes = example_outcomes()
    first, second, third = rows(outcomes)
    assert (first["a"], first["b"]) == ("4/10: 25.0, 50.0", "–")
    assert (second["a"], second["b"]) == ("failed", "")
    assert (third["a"], third["b"]) == ("failed", "failed")
    assert {"method": "a", "reason": "not efficient: N weights instead of N", "convs": "3", "models": "1"} in reasons(
        outcomes
    )
    assert {"method": "a", "reason": "1×1 conv", "convs": "3", "models": "1"} in reasons(outcomes)
    assert "3 models, 3 pairs of model and method, 2 failed" in summary(outcomes)
    text = to_markdown(outcomes, "decompbench sweep", {"torch": "2"})
    assert "| timm/y | a | ValueError: one \\| two three |" in text
    assert "| timm/z | (dense) | OSError: gone |" in text


def test_the_command_line_gives_json_and_an_exit_code(tmp_path):
    for mistake in (["--model", "regnetx_003"], ["--plugin", "no_such_module"], ["--set", "svd.rnak=1"]):
        run = decompbench("sweep", *mistake)
        assert run.returncode == 2
        assert run.stdout == ""
    arguments = ["sweep", "--model", "timm/test_resnet", "--method", "svd", "--set", "svd.rank=0.2"]
    run = decompbench(*arguments, "--format", "json")
    assert run.returncode == 0, run.stderr
    (found,) = json.loads(run.stdout)["models"]
    assert found["ok"]
    assert found["methods"][0]["weights"] < 0.3 * found["weights"]
    assert "[1/1] timm/test_resnet: ok" in run.stderr
    text = decompbench(*arguments, "--keep", tmp_path / "kept.jsonl", "--format", "markdown").stdout
    assert "`decompbench sweep --model timm/test_resnet --method svd --set svd.rank=0.2 --keep " in text
    assert f"timm {timm.__version__}" in text


def test_an_input_has_the_channels_of_the_image_and_not_of_what_the_first_convolution_is_given():
    assert own_input_size(load_model("timm/tresnet_m")) == (3, 224, 224)  # whose stem folds 4×4 pixels into channels
    assert own_input_size(load_model("resnet8", in_chans=1)) == (1, 32, 32)
    assert own_input_size(nn.Sequential(nn.Conv2d(5, 2, 3))) == (5, 32, 32)
