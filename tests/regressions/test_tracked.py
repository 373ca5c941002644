"""asv finds our benchmarks, knows their units, and each of them runs."""

from __future__ import annotations

import runpy

import pytest
import torch
from asv_runner.discovery import disc_benchmarks
from tracked import counts, quality, speed, work

from decompbench.methods import SVD, get_method, list_methods, plan, register
from decompbench.methods.contract import registry as registry_module
from tests.places import ROOT

FOLDER = ROOT / "benchmarks" / "asv" / "tracked"
METHOD = "svd"


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def small(monkeypatch):
    """The smallest work of each kind."""
    monkeypatch.setattr(speed, "BATCH", 2)
    monkeypatch.setattr(speed, "MODEL", "resnet8")
    speed.ready_step.cache_clear()
    speed.ready_forward.cache_clear()


def test_asv_finds_all_and_each_says_what_it_is():
    found = {benchmark.name: benchmark for benchmark in disc_benchmarks(str(FOLDER))}
    assert {name.partition(".")[2]: benchmark.unit for name, benchmark in found.items()} == {
        "Counts.track_conv_weights": "weights",
        "Counts.track_macs": "MACs",
        "Counts.track_disk_bytes": "bytes",
        "ShortTraining.track_top1_error": "%",
        "Planning.time_plan": "seconds",
        "Compression.time_compress": "seconds",
        "Compression.peakmem_compress": "bytes",
        "Training.time_train_step": "seconds",
        "Training.peakmem_train": "bytes",
        "Inference.time_forward": "seconds",
    }
    for benchmark in found.values():
        assert benchmark.pretty_name
        assert len(benchmark.version) < 10, "a version of our own, not a hash of the source"
        assert [eval(name) for name in benchmark.params[-1]] == list_methods()


def test_counts_are_those_of_the_plan():
    arguments = "edsr-r4f32x2", METHOD
    example = work.fresh_input(1, 3, 24, 24)
    todo = plan(work.fresh_model(arguments[0]), get_method(METHOD), example, work.BUDGET)
    found = {}
    for name in ("conv_weights", "macs", "disk_bytes"):
        benchmark = counts.Counts()
        benchmark.setup(*arguments)
        found[name] = getattr(benchmark, f"track_{name}")(*arguments)
    assert found["conv_weights"] == todo.after.weights
    assert found["macs"] == todo.after.macs + todo.linear_macs
    assert 4 * todo.after.weights < found["disk_bytes"] < 4 * todo.before.weights


def test_the_error_is_what_the_accuracy_lacks(monkeypatch):
    monkeypatch.setitem(quality.RECIPE, "epochs", 0.02)
    benchmark = quality.ShortTraining()
    benchmark.setup(METHOD)
    monkeypatch.setattr(type(benchmark.task), "evaluate", lambda task, model: {"top1": 91.5})
    assert benchmark.track_top1_error(METHOD) == 8.5


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (speed.Planning, "time_plan"),
        (speed.Compression, "time_compress"),
        (speed.Compression, "peakmem_compress"),
        (speed.Training, "time_train_step"),
        (speed.Training, "peakmem_train"),
        (speed.Inference, "time_forward"),
    ],
)
def test_what_is_timed_runs_and_can_be_repeated(small, kind, name):
    benchmark = kind()
    for _ in range(2):
        benchmark.setup(METHOD)
        getattr(benchmark, name)(METHOD)


def test_a_training_step_changes_the_compressed_layers(small):
    model, example = work.fresh_model("resnet8"), work.fresh_input(2, 3, 32, 32)
    step = work.training_step(model, work.make_plan(METHOD, model, example), example)
    before = {name: tensor.clone() for name, tensor in model.named_parameters()}
    step()
    changed = {name for name, tensor in model.named_parameters() if not torch.equal(tensor, before[name])}
    assert any("second" in name for name in changed)


@pytest.mark.parametrize(("method", "reason"), [("dense", "replaces nothing"), ("from the future", "not in this")])
def test_where_there_is_nothing_to_compress_asv_is_told_to_skip(small, method, reason):
    with pytest.raises(NotImplementedError, match=reason):
        speed.Compression().setup(method)


def test_a_new_method_is_measured_without_being_named_here(monkeypatch):
    monkeypatch.setattr(registry_module, "_methods", dict(registry_module._methods))

    @register("new-comer")
    class Newcomer(SVD):
        """A plugin's."""

    names = runpy.run_path(str(FOLDER / "work.py"))
    assert "new-comer" in names["METHODS"]
    monkeypatch.setattr(work, "METHODS", names["METHODS"])
    layers = runpy.run_path(str(ROOT / "benchmarks" / "micro" / "test_layers.py"))
    for name in ("test_compress", "test_train_step", "test_forward"):
        (mark,) = layers[name].pytestmark
        assert any(case.endswith("-new-comer") for case in mark.kwargs["ids"])
