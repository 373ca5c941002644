"""Validation: this repository's records pass, and each kind of damage is found and named."""

import copy
import json
import shutil

import pytest

from decompbench.bench.base.provenance.software import key_of
from decompbench.bench.checks.validate import validate
from decompbench.bench.records.checksum import sealed
from decompbench.bench.records.lines import read_line
from decompbench.methods import Tucker2
from tests.places import COMMITTED, MACHINE, QUICK, RESULTS

from ..factories import decompbench, line_of


@pytest.fixture(scope="module")
def documents():
    """A dense record and one of a budget, in the present version."""
    found = [read_line(line)[0] for line in QUICK.read_bytes().splitlines()]
    dense = next(document for document in found if document["method"]["kind"] == "none")
    svd = next(document for document in found if document["method"]["name"] == "svd")
    return dense, svd


@pytest.fixture
def folder(tmp_path):
    """A folder of results that describes the machine, and no records yet."""
    (tmp_path / "machines").mkdir()
    shutil.copy(RESULTS / "machines" / f"{MACHINE}.json", tmp_path / "machines")
    return tmp_path


def write(folder, *lines, suite="quick", machine=MACHINE):
    file = folder / suite / machine / "records.jsonl"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(lines))
    return file


def found(folder, **options):
    return [finding.what for finding in validate(folder, **{"plan": False} | options).findings]


def test_the_records_of_this_repository_pass():
    report = validate(COMMITTED, plan=False)
    assert report.findings == []
    assert report.records >= 67


def test_plans_of_quick_are_made_again(tmp_path):
    run = decompbench("validate", RESULTS / "quick", "--json")
    assert run.returncode == 0, run.stdout
    report = json.loads(run.stdout)
    lines = len(QUICK.read_bytes().splitlines())
    assert (report["records"], report["planned_again"]) == (lines, lines - 1)
    (reason,) = report["not_planned"]  # svd-global, whose ranks are read off the weights
    assert "read off the weights" in reason


def test_present_records_pass(folder, documents):
    write(folder, *map(line_of, documents))
    assert found(folder) == []


def change(document, path, value):
    """Set a member by its dotted path; what is callable is given the old value."""
    *parents, last = path.split(".")
    for name in parents:
        document = document[int(name) if isinstance(document, list) else name]
    last = int(last) if isinstance(document, list) else last
    document[last] = value(document[last]) if callable(value) else value


LATENCY = "measured.latency.0."
DAMAGES = {
    "status is not one": ({"status": "fine"}, "status: Input should be 'ok'"),
    "field is missing": ({"measured.counts": {}}, "measured.counts.conv_weights: Field required"),
    "field is unknown": ({"measured.counts.flops": 1}, "unknown field measured.counts.flops"),
    "field is unknown in a list": ({LATENCY + "speed": 1}, "unknown field measured.latency.0.speed"),
    "machine": ({"machine": "other"}, "machine is other, but the folder is"),
    "suite": ({"trial.suite": "fast"}, "trial.suite is fast, but the folder is quick"),
    "name": ({"name": "x"}, "name is x, by the trial resnet8/"),
    "table": ({"table": "x"}, "table is x, by the trial"),
    "method": ({"method.name": "tt"}, "method.name is tt, by the trial svd"),
    "key": ({"identity.data.revision": "x"}, "key is not the SHA-256 of identity"),
    "started in the future": ({"started": "2999-01-01T00:00:00+00:00"}, "started in the future: 2999"),
    "started without zone": ({"started": "2024-01-01T00:00:00"}, "without a time zone"),
    "started is no time": ({"started": "noon"}, "started is 'noon', not ISO 8601"),
    "negative count": ({"measured.counts.disk": -1}, "measured.counts.disk is -1"),
    "negative time": ({"seconds": -0.5}, "record.seconds is -0.5"),
    "quality out of range": ({"measured.quality.trained.top1": 101.0}, "measured.quality.trained.top1 is 101.0 %"),
    "quality below zero": ({"measured.quality.deployed.top1": -1.0}, "measured.quality.deployed.top1 is -1.0 %"),
    "decomposition": ({"measured.decomposition.after.top1": 99.0}, "decomposition.after is not measured.quality.begun"),
    "ok without counts": ({"measured.counts": None}, "status is ok, but there is no measured.counts"),
    "ok without quality": ({"measured.quality.finished.top1": None}, "the finished model has no top1"),
    "ok with a failure": ({"failure": {"type": "x", "message": "y"}}, "status is ok, but there is a failure"),
    "failed without why": ({"status": "failed"}, "status is failed, but there is no failure"),
    "more weights than planned": ({"measured.counts.conv_weights": lambda n: n + 1}, "more than its plan's"),
    "counts are not the plan's": ({"measured.counts.macs": lambda n: n - 1}, "measured.counts.macs is"),
    "dense counts are not the plan's": ({"measured.dense_counts.macs_torch": 5}, "dense_counts.macs_torch is 5, by"),
    "planned is not the plan's": ({"measured.planned.bits": 1}, "measured.planned.bits is 1, by the plan's layers"),
    "layer's cost": ({"measured.plan.layers.1.after.weights": 1}, "measured.planned.weights is"),
    "no layers": ({"measured.plan": {"groups": []}}, "measured.plan is not one: KeyError: 'layers'"),
    "over budget": ({"trial.budget.params": 0.2}, "more than the budget's 20 %, and no note why"),
    "ratio is not the plan's": ({"measured.planned.budget_ratio": 0.1}, "budget_ratio is 0.1, by the plan's"),
    "knob among the settings": ({"method.settings.rank": 0.5}, "the budget moves rank, but method.settings has it"),
    "sample of no time": ({LATENCY + "milliseconds.0": 0.0}, "latency.0: milliseconds has 0.0"),
    "no samples": ({LATENCY + "dense_milliseconds": []}, "dense_milliseconds has no samples"),
    "half a round": ({LATENCY + "milliseconds": lambda samples: samples[1:]}, "the samples make no rounds"),
    "another sample": ({LATENCY + "milliseconds.0": lambda ms: 50 * ms}, "quartiles"),
    "median outside its samples": ({LATENCY + "median": 1e6}, "median 1000000.0 is outside its samples"),
    "median is not its samples'": ({LATENCY + "dense_median": lambda ms: 1.0001 * ms}, "dense_median is"),
    "ratio outside its interval": ({LATENCY + "ratio": 9.0}, "ratio 9.0 is outside its interval"),
    "ratio is not its samples'": ({LATENCY + "ratio": lambda ratio: 0.9999 * ratio}, "ratio is"),
    "interval is not its samples'": ({LATENCY + "ratio_interval.0": lambda low: 0.99 * low}, "ratio_interval.0 is"),
    "confidence": ({LATENCY + "confidence": 99.0}, "confidence is 99.0"),
    "batch size": ({LATENCY + "batch_size": 3}, "batch_size 3 was not asked for"),
    "form": ({LATENCY + "form": "bf16"}, "form bf16 was not asked for"),
    "recipe is not the key's": ({"trial.recipe.epochs": 100}, "trial.recipe.epochs is 100.0, by the identity None"),
    "device is not the key's": ({"trial.device": "cuda"}, "trial.device is cuda, by the identity cpu"),
    "identity is empty": ({"identity": {}}, "identity.method is not one"),
    "identity has other settings": ({"identity.seed": 7}, "trial.seed is 0, by the identity 7"),
    "method's settings are not the key's": ({"method.settings.samples": 9}, "method.settings.samples is 9, by the"),
    "method's version is not the key's": ({"method.version": 0}, "method.version is 0, by the identity 1"),
    "method's version is none": ({"method.version": 99}, "method.version is 99, but svd has version 1 here"),
    "suite's version is none": ({"trial.suite_version": 99}, "trial.suite_version is 99, but quick has version"),
    "label": ({"method.label": "best"}, "method.label is best, by the trial svd"),
    "longer than the recipe": ({"measured.training.epochs": 500.0}, "training.epochs is 500, more than the recipe's 1"),
    "bits": ({"measured.counts.bits": 1}, "measured.counts.bits is 1, by the plan's layers"),
    "disk": ({"measured.counts.disk": 1}, "measured.counts.disk is 1 bytes, too few for its"),
    "a quality though it diverged": (
        {"status": "diverged", "failure": {"type": "diverged", "message": "y"}},
        "status is diverged, but the finished model has a quality",
    ),
    "timed twice": (
        {"measured.latency": lambda items: [items[0], *items]}, "measured.latency has batch_size 1, form eager, 2 times"
    ),
    "memory": ({LATENCY + "memory.peak": 1}, "memory goes from"),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "said"), DAMAGES.values(), ids=DAMAGES.keys())
def test_what_cannot_be_is_found(folder, documents, changes, said):
    document = copy.deepcopy(documents[1])
    for path, value in changes.items():
        change(document, path, value)
    file = write(folder, line_of(documents[0]), line_of(document))
    report = validate(folder, plan=False)
    assert any(said in finding.what for finding in report.findings), [str(one) for one in report.findings]
    assert {(finding.path, finding.line) for finding in report.findings} == {(file, 2)}


def test_what_diverged_when_it_was_deployed_has_a_quality(folder, documents):
    document = copy.deepcopy(documents[1]) | {"status": "diverged"}
    document["failure"] = {"type": "diverged", "message": "not finite"}
    document["measured"]["quality"]["deployed"]["top1"] = None
    write(folder, line_of(document))
    assert found(folder) == []


def test_a_kind_that_the_method_is_not_of_is_found(folder, documents):
    dense, svd = copy.deepcopy(documents)
    dense["method"]["kind"], svd["method"]["kind"] = "weight-space", "none"
    write(folder, line_of(dense), line_of(svd))
    assert found(folder) == ["method.kind is weight-space, of the dense model none"]
    assert found(folder, plan=True)[-1] == "method.kind is none, by its settings weight-space"


@pytest.mark.parametrize(("name", "value", "others"), [("higher_is_better", False, True), ("unit", "dB", "%")])
def test_a_metric_that_is_told_otherwise_is_found(folder, documents, name, value, others):
    changed = copy.deepcopy(documents[1])
    changed["measured"][name] = value
    again = copy.deepcopy(documents[0]) | {"started": "2024-01-01T00:00:00+00:00"}
    file = write(folder, line_of(documents[0]), line_of(changed), line_of(again))
    (finding,) = validate(folder, plan=False).findings
    assert (finding.path, finding.line) == (file, 2)
    assert finding.what == f"measured.{name} is {value}, in other records of classification top1 has {others}"


def test_dense_counts_of_the_dense_model(folder, documents):
    document = copy.deepcopy(documents[0])
    document["measured"]["dense_counts"]["conv_weights"] += 1
    write(folder, line_of(document))
    assert any("dense model's counts.conv_weights differ" in what for what in found(folder))


def test_lines_that_are_none_are_found(folder, documents):
    line = line_of(documents[1])
    flipped = line.replace('"status": "ok"', '"status": "OK"')
    nan = sealed(json.dumps(documents[1] | {"seconds": float("nan")})) + "\n"
    twice = sealed(json.dumps(documents[1])[:-1] + ', "seconds": 1.0}') + "\n"
    newer = line_of(documents[1] | {"schema_version": 99})
    bare = json.dumps(documents[1]) + "\n"
    file = write(folder, line, line[:500] + "\n", flipped, nan, twice, newer, bare, "[]\n", line_of(documents[0])[:-1])
    report = validate(folder, plan=False)
    assert [finding.line for finding in report.findings] == [2, 3, 4, 5, 6, 7, 8, 9]
    said = ["not JSON", "it was changed", "NaN is not JSON", "a member is there twice: seconds", "99 is newer",
            "no checksum", "no schema_version", "the last line does not end"]  # fmt: skip
    for finding, words in zip(report.findings, said, strict=True):
        assert words in str(finding)
        assert str(finding).startswith(f"{file}:{finding.line}: ")


def test_the_same_line_twice_and_contradictions_are_found(folder, documents):
    svd = documents[1]
    better = copy.deepcopy(svd)
    better["measured"]["quality"]["finished"]["top1"] += 1
    write(folder, line_of(svd), line_of(svd), line_of(better))
    same, edited = found(folder)
    assert same == "the same line as line 1"
    assert edited == "has the key of line 1, but with the same start other content: one of them was changed"


def test_a_repeat_is_allowed_and_must_agree(folder, documents):
    again = copy.deepcopy(documents[1]) | {"started": "2024-01-01T00:00:00+00:00"}
    write(folder, line_of(documents[1]), line_of(again))
    assert found(folder) == []
    again["measured"]["counts"]["disk"] += 1
    write(folder, line_of(documents[1]), line_of(again))
    assert found(folder) == ["has the key of line 1, but other counts: equal keys must have equal outcomes"]
    failed = copy.deepcopy(documents[1]) | {"started": "2023-01-01T00:00:00+00:00", "status": "timeout"}
    failed |= {"failure": {"type": "timeout", "message": "too long"}}
    write(folder, line_of(failed), line_of(documents[1]))
    assert found(folder) == []


def test_machines_must_be_described(folder, documents):
    file = write(folder, *map(line_of, documents))
    (description,) = (folder / "machines").iterdir()
    for content, said in (("{}", "describes another machine"), ("{", "cannot be read"), (None, "is not described")):
        if content is None:
            description.unlink()
        else:
            description.write_text(content)
        (finding,) = validate(folder, plan=False).findings
        assert (finding.path, finding.line) == (file, None)
        assert said in str(finding)


def refitted(document):
    """Return a document whose sizes, sums and plan agree with each other, but not with its settings."""
    document = copy.deepcopy(document)
    layer = next(layer for layer in document["measured"]["plan"]["layers"] if layer["group"] is not None)
    layer["after"]["weights"] -= 10
    document["measured"]["planned"]["weights"] -= 10
    document["measured"]["counts"]["conv_weights"] -= 10
    weights = document["measured"]["planned"]
    weights["budget_ratio"] = weights["weights"] / weights["dense_weights"]
    return document


def test_a_size_that_its_settings_do_not_give_is_found(folder, documents):
    write(folder, line_of(documents[0]), line_of(refitted(documents[1])))
    assert found(folder) == []
    (what,) = found(folder, plan=True)
    assert "measured.planned.weights is" in what
    assert "planned again from the settings" in what


def test_a_knob_that_the_budget_does_not_give_is_found(folder, documents):
    document = copy.deepcopy(documents[1])
    document["measured"]["planned"]["knob"]["high"] = 0.9
    write(folder, line_of(document))
    (what,) = found(folder, plan=True)
    assert what.startswith("measured.planned.knob is rank")
    assert "to 0.9, planned again from the settings rank" in what


def test_sizes_that_training_chose_are_not_planned_again(folder, documents):
    document = refitted(documents[1])
    for part in (document["trial"]["method"], document["identity"]["method"]):
        part |= {"name": "tucker2", "settings": {"learn": "nuclear"}}
    document["method"] |= {"name": "tucker2", "label": "tucker2", "version": Tucker2.version}
    document["identity"]["method"]["version"] = Tucker2.version
    document["name"] = document["name"].replace("/svd/", "/tucker2/")
    document["measured"]["planned"]["knob"] = None
    document["key"] = key_of(document["identity"])
    write(folder, line_of(document))
    report = validate(folder, plan=True)
    assert (report.planned_again, report.not_planned) == (0, {"training chooses the sizes of tucker2": 1})


def test_what_is_not_at_hand_is_told_and_is_no_finding(folder, documents):
    own, older = copy.deepcopy(documents[1]), copy.deepcopy(documents[1])
    own["method"] |= {"name": "mine", "label": "mine"}
    for part in (own["trial"], own["identity"]):
        part["method"]["name"] = "mine"
    own["name"] = own["name"].replace("/svd/", "/mine/")
    for part in (older, older["identity"]):
        part["method"]["version"] -= 1
    away = copy.deepcopy(documents[0])
    away["trial"]["model"] = away["identity"]["model"]["name"] = "net-of-mine"
    away["name"], away["table"] = (away[name].replace("resnet8", "net-of-mine") for name in ("name", "table"))
    for number, document in enumerate((own, older, away)):
        document["identity"]["number"] = number
        document["key"] = key_of(document["identity"])
    write(folder, *map(line_of, (own, older, away)))
    run = decompbench("validate", folder)
    assert run.returncode == 0, run.stdout
    lines = run.stdout.splitlines()
    assert lines[0] == "3 records in 1 file: nothing found; the sizes of 0 were computed again"
    assert "method mine is not at hand" in run.stdout
    assert "method svd has version 1 here, not 0" in run.stdout
    assert "net-of-mine" in lines[-1]


def test_the_command_line_names_each_finding_and_fails(folder, documents):
    file = write(folder, line_of(documents[0]), line_of(documents[1] | {"seconds": -1.0}))
    run = decompbench("validate", folder, "--no-plan")
    assert run.returncode == 1
    assert run.stdout.splitlines()[0] == f"{file}:2: record.seconds is -1.0"
    assert "2 records in 1 file: 1 finding" in run.stdout
    run = decompbench("validate", folder, "--no-plan", "--json")
    assert run.returncode == 1
    assert json.loads(run.stdout)["findings"] == [{"path": str(file), "line": 2, "what": "record.seconds is -1.0"}]


def test_nothing_to_validate_is_said(tmp_path):
    run = decompbench("validate", tmp_path)
    assert run.returncode == 2
    assert "error: no records.jsonl in" in run.stderr


def test_merging_two_peoples_results_is_copying_or_appending(tmp_path, folder, documents):
    """Folders of other machines are copied beside ours; lines of the same machine are appended by ``cat``."""
    one, two = (tmp_path / name for name in ("one", "two"))
    for place in (one, two):
        shutil.copytree(folder / "machines", place / "machines")
    ours, theirs = write(one, line_of(documents[0])), write(two, line_of(documents[1]))
    ours.write_bytes(ours.read_bytes() + theirs.read_bytes())
    assert found(one) == []
    other = copy.deepcopy(documents[1]) | {"machine": "elsewhere"}
    (two / "machines" / "elsewhere.json").write_text('{"id": "elsewhere"}')
    write(two, line_of(other), machine="elsewhere")
    shutil.copytree(two / "quick" / "elsewhere", one / "quick" / "elsewhere")
    shutil.copy(two / "machines" / "elsewhere.json", one / "machines")
    report = validate(one, plan=False)
    assert (report.findings, report.records, report.files) == ([], 3, 2)
    rows = json.loads(decompbench("leaderboard", "--format", "json", results=one).stdout)
    assert {row["machine"] for row in rows} == {documents[0]["machine"], "elsewhere"}
