"""Whole runs of the command line: records, resuming, and every way a trial or a run can end."""

import json
import os
import signal
import subprocess

import psutil
import pytest
import yaml

from decompbench.bench.records.store import read_records
from decompbench.bench.suite.load import load_suite
from decompbench.bench.suite.trial import expand

from ..factories import PROGRAM, decompbench, decompbench_process, short_suite, suite_content, wait_for, write_suite


def records_of(run):
    records, damages = read_records(run.records_file)
    assert not damages
    return records


# --- a run in which all is well


def test_smoke_is_ok_complete_and_in_order(smoke):
    records = records_of(smoke)
    assert [record.name for record in records] == [trial.name for trial in expand(load_suite("smoke"))]
    assert {record.status for record in records} == {"ok"}
    assert {record.measured.metric for record in records} == {"top1", "psnr_y"}
    assert str(smoke.records_file) in smoke.stdout


def test_records_have_every_measurement(smoke):
    for record in records_of(smoke):
        measured = record.measured
        assert set(measured.quality) == {"start", "begun", "trained", "finished", "deployed"}
        assert all(None not in values.values() for values in measured.quality.values())
        assert (measured.decomposition is None) == record.trial.is_dense
        assert measured.counts.macs == measured.counts.macs_formula == measured.counts.macs_torch
        assert measured.counts.disk > 0
        assert [latency.batch_size for latency in measured.latency] == record.trial.measure["batch_sizes"]
        assert all(latency.ratio_interval[0] <= latency.ratio_interval[1] for latency in measured.latency)
        assert measured.training.steps > 0
        assert measured.compress_seconds >= 0
        assert measured.peak_rss > 2**27
        assert len(measured.state_sha256) == 64
        assert record.provenance.libraries["torch"]


def test_dense_trial_compresses_nothing_and_others_meet_the_budget(smoke):
    for record in records_of(smoke):
        measured = record.measured
        share = measured.counts.conv_weights / measured.dense_counts.conv_weights
        if record.trial.is_dense:
            assert share == 1
        else:
            wanted = record.trial.budget.params
            assert 0.9 * wanted <= share <= 1.1 * wanted


def test_deployed_quality_is_the_finished_one(smoke):
    for record in records_of(smoke):
        quality, metric = record.measured.quality, record.measured.metric
        assert quality["deployed"][metric] == pytest.approx(quality["finished"][metric], abs=0.2)


def test_record_names_no_folder_or_user_of_this_machine(smoke):
    text = smoke.records_file.read_text()
    assert str(smoke.results) not in text
    assert os.path.expanduser("~/") not in text


def test_running_again_runs_nothing(smoke):
    before = smoke.records_file.read_bytes()
    run = decompbench("run", "smoke", "--json", results=smoke.results)
    assert run.returncode == 0, run.stderr
    summary = json.loads(run.stdout)
    assert (summary["new"], summary["not_ok"]) == (0, 0)
    assert len(summary["rows"]) == summary["trials"]
    assert smoke.records_file.read_bytes() == before


def test_same_trial_again_gives_the_same_weights_and_quality(smoke, tmp_path):
    pattern = "resnet8*svd*"
    run = decompbench("run", "smoke", "--only", pattern, results=tmp_path)
    assert run.returncode == 0, run.stderr
    _, again = records_of(run)
    (first,) = [record for record in records_of(smoke) if record.name == again.name]
    assert again.key == first.key
    assert again.measured.state_sha256 == first.measured.state_sha256
    # Deployed it may differ by rounding: which forms are fastest is measured anew.
    moments = ("start", "begun", "trained", "finished")
    assert all(again.measured.quality[moment] == first.measured.quality[moment] for moment in moments)
    assert again.measured.quality["deployed"]["top1"] == pytest.approx(
        first.measured.quality["deployed"]["top1"], abs=0.1
    )


# --- trials that go wrong


@pytest.fixture(scope="module")
def bad_run(tmp_path_factory):
    """A run in which every trial but the dense one goes wrong in its own way."""
    folder = tmp_path_factory.mktemp("bad")
    names = ["raising", "poisoned", "greedy", "dying", "leaving", "lying", "unplannable", "idle"]
    path = short_suite(folder, names, limits={"memory": "2GiB"})
    return decompbench("run", path, results=folder / "results")


@pytest.mark.parametrize(
    ("method", "status", "message"),
    [
        ("dense", "ok", ""),
        ("raising", "failed", "cannot compress layer1.0.conv1"),
        ("poisoned", "diverged", ""),
        ("greedy", "oom", "2.00 GiB"),
        ("dying", "failed", "killed by signal 9 (SIGKILL)"),
        ("leaving", "failed", "0"),
        ("lying", "failed", "MACs of the compressed model"),
        ("unplannable", "failed", "a fault in the formula"),
        ("idle", "skipped", "not to its taste"),
    ],
)
def test_trial_that_goes_wrong_becomes_a_record(bad_run, method, status, message):
    (record,) = [record for record in records_of(bad_run) if record.trial.method.name == method]
    assert record.status == status, record.failure
    if status != "ok":
        assert message in record.failure.message
    else:
        assert record.failure is None


def test_bad_trials_make_exit_code_1_and_all_are_in_the_table(bad_run):
    assert bad_run.returncode == 1
    for status in ("ok", "failed", "diverged", "oom", "skipped"):
        assert status in bad_run.stdout
    assert "killed by signal 9" in bad_run.stdout
    assert "Traceback" not in bad_run.stderr


def test_failed_record_has_the_trace_what_was_printed_and_what_was_measured_before(bad_run):
    (record,) = [record for record in records_of(bad_run) if record.trial.method.name == "raising"]
    assert 'raise RuntimeError(f"cannot compress {spec.path}")' in record.failure.trace
    assert "what a method prints is kept" in record.failure.output
    assert record.failure.stage == "compressing"
    assert set(record.measured.quality) == {"start"}
    assert record.measured.planned.layers == 7


def test_failed_trials_are_tried_again_and_settled_ones_are_not(bad_run, tmp_path):
    suite = next(bad_run.results.parent.glob("*.yaml"))
    command = ["run", suite, "--json", "--only"]
    tried = json.loads(decompbench(*command, "*/raising/*", results=bad_run.results).stdout)
    settled = json.loads(decompbench(*command, "*/idle/*", results=bad_run.results).stdout)
    assert (tried["new"], settled["new"]) == (1, 0)


@pytest.fixture
def waiting_suite(tmp_path, monkeypatch):
    """A dense trial that is soon over, then one that waits until ``tmp_path / "wait"`` is removed."""
    (tmp_path / "wait").touch()
    monkeypatch.setenv("WAIT_WHILE", str(tmp_path / "wait"))
    return short_suite(tmp_path, ["waiting", "svd"])


def test_time_limit_makes_a_record_with_what_was_measured(waiting_suite, tmp_path):
    content = yaml.safe_load(waiting_suite.read_text())
    write_suite(tmp_path, content | {"limits": {"seconds": 10}})
    run = decompbench_process("run", waiting_suite, "--only", "waiting", results=tmp_path / "results")
    _, record = records_of(run)
    assert (run.returncode, record.status) == (1, "timeout")
    assert record.failure.stage == "compressing"
    assert "start" in record.measured.quality


# --- runs that are ended from outside


def start(path, results):
    """Start a run; return it and its processes once its first trial has a record."""
    command = [*PROGRAM, "run", str(path), "--results", str(results)]
    run = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    wait_for(lambda: any(results.glob("*/*/records.jsonl")), 120)
    return run, psutil.Process(run.pid).children(recursive=True)


def assert_all_end(processes):
    _, alive = psutil.wait_procs(processes, timeout=30)
    assert not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]


def test_interrupt_before_the_first_trial_is_no_traceback(waiting_suite, tmp_path):
    command = [*PROGRAM, "run", str(waiting_suite), "--results", str(tmp_path / "results")]
    run = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert run.stderr is not None
    assert run.stderr.readline().startswith("checking 3 trials")
    run.send_signal(signal.SIGINT)
    _, stderr = run.communicate(timeout=60)
    assert run.returncode == 130
    # the first line may be there twice: the interrupt can come while it is being written
    assert stderr.splitlines()[-1] == "interrupted before a trial was run"
    assert "Traceback" not in stderr


def test_killed_run_leaves_no_process_and_goes_on_where_it_was(waiting_suite, tmp_path):
    results = tmp_path / "results"
    run, processes = start(waiting_suite, results)
    second = decompbench_process("run", waiting_suite, results=results)
    run.kill()
    run.communicate()
    assert second.returncode == 2
    assert f"process {run.pid} is running this suite" in second.stderr
    assert_all_end(processes)
    (tmp_path / "wait").unlink()
    summary = json.loads(decompbench_process("run", waiting_suite, "--json", results=results).stdout)
    assert (summary["trials"], summary["new"]) == (3, 2)
    assert [row["status"] for row in summary["rows"]] == ["ok", "ok", "ok"]


def test_killed_trial_becomes_a_record_and_the_run_goes_on(waiting_suite, tmp_path):
    run, _ = start(waiting_suite, tmp_path / "results")

    def trial_process():
        # Of the run's processes the trial's has the fork server as its parent.
        processes = psutil.Process(run.pid).children(recursive=True)
        return next((process for process in processes if process.ppid() != run.pid), None)

    wait_for(trial_process).kill()
    stdout, stderr = run.communicate(timeout=120)
    assert run.returncode == 1, stderr
    assert "killed by signal 9" in stdout
    (file,) = (tmp_path / "results").glob("*/*/records.jsonl")
    assert [record.status for record in read_records(file)[0]] == ["ok", "failed", "ok"]


def test_interrupt_keeps_what_is_done_and_says_how_to_go_on(waiting_suite, tmp_path):
    run, processes = start(waiting_suite, tmp_path / "results")
    run.send_signal(signal.SIGINT)
    stdout, stderr = run.communicate(timeout=60)
    assert run.returncode == 130
    assert "1 of 3 trials are done; start the same command again to go on" in stderr
    assert "Traceback" not in stderr
    assert "dense" in stdout
    assert_all_end(processes)


# --- mistakes that are found before anything runs


def test_mistakes_in_a_suite_are_all_told_at_once_and_nothing_runs(tmp_path):
    changes = [
        ({"model": "resnet9"}, "resnet8"),
        ({"task": "clasification"}, "classification"),
        ({"data": "fashion-mnist-10"}, "fashion-mnist-10k"),
        ({"methods": ["tuker2"]}, "tucker2"),
        ({"methods": [{"name": "svd", "rnk": 0.5}]}, "rank"),
        ({"methods": ["kmeans"], "budgets": [{"params": 0.1}]}, "reaches"),
        ({"methods": [{"name": "svd", "overrides": {"layer1.*": {"method": "tuker2"}}}]}, "'layer1.*': no method is"),
        ({"pretrained": "absent.safetensors"}, "absent.safetensors"),
        ({"model_options": {"wdth": 3}}, "wdth"),
    ]
    (entry,) = suite_content()["entries"]
    entries = [entry | change | {"label": f"entry{i}"} for i, (change, _) in enumerate(changes)]
    path = write_suite(tmp_path, entries=entries)
    run = decompbench("run", path, results=tmp_path / "results")
    assert run.returncode == 2, run.stderr
    assert "Traceback" not in run.stderr
    lines = run.stderr.splitlines()
    for number, (_, message) in enumerate(changes):
        assert any(f"{path}: entries[{number}]" in line and message in line for line in lines), message
    assert not list(tmp_path.glob("results/*/*/records.jsonl"))


def test_plugin_that_cannot_be_imported_is_named(tmp_path):
    path = short_suite(tmp_path, ["svd"], plugins=["no_such_module"])
    run = decompbench("run", path, results=tmp_path / "results")
    assert run.returncode == 2
    assert "cannot import 'no_such_module'" in run.stderr


def test_results_folder_that_cannot_be_written_is_said_at_once(tmp_path):
    (tmp_path / "results").write_text("a file")
    run = decompbench("run", "smoke", results=tmp_path / "results")
    assert run.returncode == 2
    assert "results" in run.stderr
    assert "Traceback" not in run.stderr
