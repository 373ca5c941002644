"""The preview: plans without data and weights have the same sizes as with them, on any machine."""

import json

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from decompbench.bench.base.errors import BenchError, SuiteError
from decompbench.bench.planning.preview import preview
from decompbench.bench.running.preflight import survey
from decompbench.bench.running.run_suite import preview_trials
from decompbench.bench.suite.load import load_suite
from decompbench.bench.suite.trial import expand

from ..factories import decompbench, suite_content, write_suite


@pytest.fixture(autouse=True)
def _no_data(tmp_path, monkeypatch):
    monkeypatch.setenv("DECOMPBENCH_DATA", str(tmp_path / "nothing"))


def cifar_suite(folder, **changes):
    """Return the path of a suite of two methods on CIFAR-10, which is not on this machine."""
    content = suite_content()
    content["entries"][0].update({"data": "cifar10", **changes})
    return str(write_suite(folder, content))


def looked_at(look, suite):
    found = []
    look(lambda _, one: found.append(one), expand(load_suite(suite)))
    return found


def test_sizes_and_methods_are_those_of_the_survey():
    planned, checked = looked_at(preview, "smoke"), looked_at(survey, "smoke")
    assert [one.size for one in planned] == [one.size for one in checked]
    assert [one.method for one in planned] == [one.method for one in checked]
    assert all(one.size is not None for one in planned)


def test_data_that_is_not_there_is_planned_for(tmp_path):
    run = decompbench("plan", cifar_suite(tmp_path), "--json")
    assert run.returncode == 0, run.stderr
    assert '"resnet8/cifar10/svd/params=50%/seed0"' in run.stdout
    dense = looked_at(preview, cifar_suite(tmp_path))[0]
    assert dense.size.dense_weights == 74_160  # 288 more than of one channel


def test_rows_that_cannot_be_made_are_counted_and_have_no_size(tmp_path):
    none = {"name": "svd", "label": "none", "overrides": {"*": None}, "unreachable": "nearest"}
    methods = [{"name": "fsnet", "unreachable": "nearest"}, none, "tucker2"]
    suite = cifar_suite(tmp_path, methods=methods, budgets=[{"params": 0.6}])
    rows = json.loads(decompbench("plan", suite, "--json").stdout)
    assert [row["made"] for row in rows] == ["as asked", "nearest", "not", "as asked"]
    assert [row["size"] is None for row in rows] == [False, False, True, False]
    table = decompbench("plan", suite).stdout.splitlines()
    wanted = "2 of 4 rows cannot be made at their budget: 1 at the nearest size instead, 1 not at all"
    assert table[-1] == wanted
    (line,) = (line for line in table if "/none/" in line)
    assert [cell.strip() for cell in line.split("│")[1:-1]] == [""] * 6
    assert "left dense by an override" in line


def test_where_all_rows_can_be_made_the_last_line_says_so(tmp_path):
    last = decompbench("plan", cifar_suite(tmp_path)).stdout.splitlines()[-1]
    assert last == "0 of 3 rows cannot be made at their budget"


def test_data_that_is_not_there_is_missed_before_any_training(tmp_path):
    run = decompbench("run", cifar_suite(tmp_path), results=tmp_path / "results")
    assert run.returncode == 2
    assert "cifar10 is not on this machine" in run.stderr
    assert "decompbench data fetch cifar10" in run.stderr
    assert run.stderr.count("is not on this machine") == 1
    assert not list((tmp_path / "results").rglob("records.jsonl"))


def test_weights_that_are_not_there_are_no_matter(tmp_path):
    sizes = [one.size for one in looked_at(preview, cifar_suite(tmp_path, pretrained="absent.safetensors"))]
    assert sizes == [one.size for one in looked_at(preview, cifar_suite(tmp_path))]


def test_settings_that_are_read_off_weights_need_them(tmp_path):
    methods = [{"name": "tucker2", "choose": "energy", "energy": 0.5}]
    suite = cifar_suite(tmp_path, data="fashion-mnist-10k", pretrained=True, methods=methods, budgets=[])
    assert looked_at(preview, suite)[1].size == looked_at(survey, suite)[1].size
    with pytest.raises(SuiteError, match=r"absent\.safetensors"):
        looked_at(preview, cifar_suite(tmp_path, methods=methods, budgets=[], pretrained="absent.safetensors"))


def test_an_allocation_needs_weights_and_one_by_sensitivity_the_data(tmp_path):
    methods = [{"name": "svd", "allocate": word} for word in ("uniform", "global", "sensitivity")]
    settings = {"methods": methods, "budgets": [{"params": 0.3}]}
    suite = cifar_suite(tmp_path, data="fashion-mnist-10k", pretrained=True, **settings)
    _, uniform, shared, measured = looked_at(preview, suite)
    assert uniform.size.knob.low == pytest.approx(uniform.size.knob.high, rel=0.01)
    assert shared.size.knob.low < uniform.size.knob.low < shared.size.knob.high
    assert (measured.size, measured.made) == (None, "unknown")
    assert "'run' measures them" in measured.problem
    *_, same, now_measured = looked_at(survey, suite)
    assert same.size == shared.size
    assert now_measured.made == "as asked"
    assert now_measured.size.weights <= 0.3 * now_measured.size.dense_weights
    with pytest.raises(SuiteError, match=r"absent\.safetensors"):
        looked_at(preview, cifar_suite(tmp_path, pretrained="absent.safetensors", **settings))


def test_what_cannot_be_allocated_is_told_with_its_place(tmp_path):
    methods = ["svd", {"name": "factor", "allocate": "global"}]
    with pytest.raises(SuiteError, match=r"methods\[1\]: factor.*no error to allocate by"):
        looked_at(preview, cifar_suite(tmp_path, data="fashion-mnist-10k", pretrained=True, methods=methods))
    without = cifar_suite(
        tmp_path, data="fashion-mnist-10k", pretrained=True, methods=[{"name": "svd", "allocate": "global"}], budgets=[]
    )
    with pytest.raises(SuiteError, match=r"methods\[0\]: allocate='global' shares out a budget"):
        looked_at(preview, without)


def test_the_verb_shows_all_rows_allocated_that_can_be(tmp_path):
    methods = ["svd", "factor", {"name": "tucker2", "label": "tucker"}]
    suite = cifar_suite(tmp_path, data="fashion-mnist-10k", pretrained=True, methods=methods, budgets=[{"params": 0.3}])
    rows = json.loads(decompbench("plan", suite, "--allocate", "energy", "--json").stdout)
    shown = [row["trial"].split("/")[2] for row in rows]
    assert shown == ["dense", "svd allocate=energy", "factor", "tucker allocate=energy"]
    knob = rows[1]["size"]["knob"]
    assert knob["low"] < knob["high"]
    run = decompbench("plan", suite, "--allocate", "energy", "--explain")
    assert run.returncode == 2
    assert "leave out --allocate" in run.stderr


def test_a_folder_says_nothing_by_its_name(tmp_path):
    with pytest.raises(SuiteError, match="no folder"):
        looked_at(preview, cifar_suite(tmp_path, data="imagefolder:absent"))
    with pytest.raises(SuiteError, match="did you mean 'cifar10'"):
        looked_at(preview, cifar_suite(tmp_path, data="cifar-10"))


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"task": "clasification"}, "task: No task is called 'clasification' (did you mean 'classification'?)"),
        ({"task_options": {"flipp": True}}, "task_options: The task classification has no option 'flipp' (did you"),
        ({"task_options": {"cutout": -1}}, "task_options: cutout: Input should be greater than or equal to 0 (got -1)"),
        ({"data": "cifar-10"}, "data: No data is called 'cifar-10' (did you mean 'cifar10'"),
        ({"model": "resnet9"}, "model: 'resnet9'"),
        ({"model_options": {"chans": 3}}, "model_options: resnet8 takes no 'chans'"),
        ({"pretrained": "empty.pt"}, "pretrained: {folder}/empty.pt is no checkpoint"),
        (
            {"pretrained": "cut.safetensors"},
            "pretrained: {folder}/cut.safetensors cannot be read as a safetensors file",
        ),
        ({"pretrained": "other.safetensors"}, "pretrained: {folder}/other.safetensors does not fit the model"),
    ],
)
@pytest.mark.parametrize("look", [preview, survey])
def test_what_is_wrong_in_an_entry_is_told_with_its_place(tmp_path, look, changes, wanted):
    (tmp_path / "empty.pt").touch()
    save_file({"w": torch.zeros(1000)}, tmp_path / "other.safetensors")
    (tmp_path / "cut.safetensors").write_bytes((tmp_path / "other.safetensors").read_bytes()[:-100])
    suite = cifar_suite(tmp_path, **{"data": "fashion-mnist-10k", **changes})
    with pytest.raises(SuiteError) as caught:
        looked_at(look, suite)
    start, _, ending = f"{suite}: entries[0]: {wanted}".partition("{folder}")
    text = str(caught.value)
    assert text.startswith(start)
    assert text[len(start) :].startswith(f"{tmp_path.resolve() if ending else ''}{ending}")
    assert "\n" not in text, "one mistake is told once, and not for every trial"


def test_what_is_wrong_with_a_method_is_told_with_its_place(tmp_path):
    suite = cifar_suite(tmp_path, methods=["svd", {"name": "tucker2", "rnk": 0.5}])
    with pytest.raises(SuiteError) as caught:
        looked_at(preview, suite)
    assert str(caught.value).startswith(f"{suite}: entries[0].methods[1]: method 'tucker2' has no setting 'rnk'")


def test_a_plugin_is_the_suites(tmp_path):
    suite = str(write_suite(tmp_path, suite_content(plugins=["absent_module"])))
    with pytest.raises(BenchError, match="plugins: cannot import 'absent_module'") as caught:
        preview_trials(expand(load_suite(suite)))
    assert str(caught.value).startswith(f"{suite}: plugins:")


def test_images_of_several_sizes_are_told_of_as_a_suite_has_it(tmp_path, image_folder):
    Image.new("RGB", (9, 9)).save(image_folder / "train" / "cat" / "large.png")
    suite = cifar_suite(tmp_path, data=f"imagefolder:{image_folder}")
    with pytest.raises(SuiteError, match=r"entries\[0\]: task_options: .* differ in size.*\{image_size: 64\}"):
        looked_at(survey, suite)


@pytest.mark.parametrize(
    ("task", "data", "layout"),
    [
        ("classification", "imagefolder:absent", "train/<class>/* and test/<class>/* or val/<class>/*, or <class>/*"),
        ("classification", "imagenet:absent", "train/<class>/*.JPEG and val/<class>/*.JPEG"),
        ("classification", "cifar10-jpeg:absent", "train/<class>/*.jpg and test/<class>/*.jpg"),
        ("super_resolution", "sr:absent -> sr:absent", "X2/HR and X2/LR, HR and LR/X2, HR and LR, HR alone, or images"),
        ("super_resolution", "div2k:absent", "DIV2K_train_HR and DIV2K_valid_HR"),
        ("detection", "voc:absent", "VOCdevkit/VOC2007 and VOCdevkit/VOC2012, each with Annotations"),
    ],
)
def test_data_that_is_not_there_is_told_of_with_its_layout(tmp_path, task, data, layout):
    with pytest.raises(SuiteError) as caught:
        looked_at(survey, cifar_suite(tmp_path, task=task, data=data))
    text = str(caught.value)
    assert "entries[0]: data: " in text
    assert layout in text
    assert str(tmp_path.resolve() / "absent") in text, "where it was looked for"
