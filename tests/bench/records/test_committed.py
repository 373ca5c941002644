"""The committed records: each has the key that its trial has today, so that a run takes it as done."""

from __future__ import annotations

import pytest

from decompbench.bench.base.provenance.software import key_of
from decompbench.bench.checks.validate.settings import suite_trial
from decompbench.bench.records.migrations import SCHEMA_VERSION
from decompbench.bench.records.store import read_records
from decompbench.bench.running.preflight import survey
from decompbench.bench.suite.load import load_suite, packaged_suites
from decompbench.bench.suite.trial import expand
from tests.places import REFERENCES, RESULTS

FILES = sorted(path for machine in REFERENCES for path in RESULTS.glob(f"*/{machine}/records.jsonl"))


@pytest.fixture(scope="module")
def records():
    found = [read_records(path) for path in FILES]
    assert not any(damages for _, damages in found)
    return [record for records, _ in found for record in records]


def test_all_lines_are_of_the_present_version_and_sealed():
    for path in FILES:
        for line in path.read_bytes().splitlines():
            assert line.startswith(b'{"schema_version":%d,' % SCHEMA_VERSION), path
            assert b',"checksum":"' in line[-40:], path


def without_answers(identity):
    """Return the part of an identity that a trial's settings alone tell."""
    told = {name: value for name, value in identity.items() if name != "protocols"}
    told["data"] = {"name": identity["data"]["name"]}
    told["task"] = {name: identity["task"][name] for name in ("name", "options")}
    told["method"] = {name: value for name, value in identity["method"].items() if name not in ("version", "others")}
    weights = dict(identity["weights"])
    if "start" in weights:
        weights["start"] = {"from": weights["start"]["from"]}
    weights.pop("sha256", None)
    return told | {"weights": weights}


def test_each_stands_for_its_own_trial(records):
    for record in records:
        assert record.key == key_of(record.identity), record.name
        asked = suite_trial(record.trial).asked()
        assert key_of(without_answers(record.identity)) == key_of(asked), record.name


def test_each_of_the_newest_version_of_a_packaged_suite_stands_for_that_suite_s_trial(records):
    held = 0
    for name in {record.trial.suite for record in records} & packaged_suites().keys():
        suite = load_suite(name)
        today = {trial.name: trial for trial in expand(suite)}
        for record in records:
            if (record.trial.suite, record.trial.suite_version) == (name, suite.version):
                assert key_of(without_answers(record.identity)) == key_of(today[record.name].asked()), record.name
                held += 1
    assert held >= 47  # those of cifar10-jpeg-short are of a version before today's


def test_the_keys_of_quick_are_those_that_a_run_would_look_for(records):
    """With data and weights: nothing of it would run again on the machine that made them."""
    trials = expand(load_suite("quick"))
    checked = []
    survey(lambda name, value: checked.append(value) if name == "checked" else None, trials)
    known = {record.key for record in records if record.trial.suite == "quick"}
    assert [trial.name for trial, one in zip(trials, checked, strict=True) if key_of(one.identity) not in known] == []
