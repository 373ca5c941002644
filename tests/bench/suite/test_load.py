"""Suite files: their meaning, and the messages about mistakes in them."""

import pytest

from decompbench.bench.base.errors import SuiteError
from decompbench.bench.base.yaml import parse_value
from decompbench.bench.records.asked import AskedMethod
from decompbench.bench.suite.load import change_recipes, find_suite, load_suite, packaged_suites
from decompbench.bench.suite.trial import expand, matching

from ..factories import suite_content, write_suite


def error_of(path):
    with pytest.raises(SuiteError) as caught:
        expand(load_suite(str(path)))
    return str(caught.value)


@pytest.mark.parametrize("name", packaged_suites())
def test_packaged_suites_are_valid_and_expand(name):
    suite = load_suite(name)
    assert suite.name == name
    names = [trial.name for trial in expand(suite)]
    assert len(names) == len(set(names)) > 1


def test_packaged_suites_lie_in_one_folder_or_in_one_of_their_paper_and_each_has_a_name_of_its_own():
    folder = find_suite("quick").parent
    files = list(folder.rglob("*.yaml"))
    assert sorted(files) == sorted(packaged_suites().values())
    assert find_suite("sr-x4") == folder / "li2019" / "sr-x4.yaml"


def test_dense_comes_first_and_once_even_when_listed_or_not(tmp_path):
    content = suite_content()
    entry = content["entries"][0]
    content["entries"] = [entry, {**entry, "methods": ["dense", "svd"], "budgets": [{"params": 0.3}]}]
    names = [trial.name for trial in expand(load_suite(str(write_suite(tmp_path, content))))]
    assert names == [
        "resnet8/fashion-mnist-10k/dense/seed0",
        "resnet8/fashion-mnist-10k/svd/params=50%/seed0",
        "resnet8/fashion-mnist-10k/tucker2/params=50%/seed0",
        "resnet8/fashion-mnist-10k/svd/params=30%/seed0",
    ]


def test_matrix_covers_methods_budgets_and_seeds_less_what_is_excluded(tmp_path):
    content = suite_content(seeds=[0, 1])
    content["entries"][0] |= {
        "budgets": [{"params": 0.5}, {"macs": 0.25}],
        "exclude": [{"method": "svd", "macs": 0.25}, {"method": "tucker2", "params": 0.5, "seed": 1}],
    }
    trials = expand(load_suite(str(write_suite(tmp_path, content))))
    points = [(trial.method.name, str(trial.budget or ""), trial.seed) for trial in trials]
    assert points == [
        ("dense", "", 0),
        ("dense", "", 1),
        ("svd", "params=50%", 0),
        ("svd", "params=50%", 1),
        ("tucker2", "params=50%", 0),
        ("tucker2", "macs=25%", 0),
        ("tucker2", "macs=25%", 1),
    ]


def test_points_of_one_of_several_models_can_be_excluded(tmp_path):
    content = suite_content()
    entry = content["entries"][0]
    del entry["model"]
    entry |= {"models": ["resnet8", "resnet14"], "exclude": [{"model": "resnet14", "method": "svd"}]}
    trials = expand(load_suite(str(write_suite(tmp_path, content))))
    points = [(trial.model, trial.method.name) for trial in trials]
    assert points == [
        ("resnet8", "dense"),
        ("resnet8", "svd"),
        ("resnet8", "tucker2"),
        ("resnet14", "dense"),
        ("resnet14", "tucker2"),
    ]
    entry["exclude"] = [{"model": "resnet20", "method": "svd"}]
    assert "entries[0].exclude[0]: leaves nothing out (did you mean" in error_of(write_suite(tmp_path, content))


def test_method_mapping_separates_settings_from_its_own_keys(tmp_path):
    content = suite_content()
    content["entries"][0]["methods"] = [
        {"name": "tucker2", "learn": "arp", "label": "adaptive", "unreachable": "nearest"},
        {"name": "svd", "rank": 0.5},
    ]
    _, adaptive, svd = expand(load_suite(str(write_suite(tmp_path, content))))
    assert adaptive.method.settings == {"learn": "arp"}
    assert (adaptive.method.row, adaptive.method.unreachable) == ("adaptive", "nearest")
    assert svd.method.row == "svd rank=0.5"


def test_an_allocation_names_the_row_and_is_in_the_identity_unless_it_is_uniform(tmp_path):
    content = suite_content()
    content["entries"][0]["methods"] = [
        "svd",
        {"name": "svd", "allocate": "uniform", "label": "same"},
        {"name": "svd", "rank": 0.5, "allocate": "global"},
        {"name": "svd", "allocate": "energy", "label": "svd-energy"},
    ]
    _, plain, same, shared, labelled = expand(load_suite(str(write_suite(tmp_path, content))))
    rows = [trial.method.row for trial in (plain, same, shared, labelled)]
    assert rows == ["svd", "same", "svd rank=0.5 allocate=global", "svd-energy"]
    assert plain.asked() == same.asked()
    assert "allocate" not in plain.asked()["method"]
    assert shared.asked()["method"] == {"name": "svd", "settings": {"rank": 0.5}, "allocate": "global"}
    assert AskedMethod.model_validate(shared.method.model_dump(mode="json")).row == shared.method.row
    content["entries"][0]["methods"] = [{"name": "svd", "allocate": "globl"}]
    wanted = "entries[0].methods[0].allocate: 'globl' is not allowed (did you mean 'global'?)"
    assert wanted in error_of(write_suite(tmp_path, content))


@pytest.mark.parametrize("settings", [None, 3, ["rank"]])
def test_settings_that_are_no_mapping_are_named(tmp_path, settings):
    content = suite_content()
    content["entries"][0]["methods"] = [{"name": "svd", "settings": settings}]
    message = error_of(write_suite(tmp_path, content))
    assert f"entries[0].methods[0].settings: Input should be a valid dictionary, got {settings!r}" in message


def test_recipe_of_the_suite_is_changed_by_the_entry(tmp_path):
    content = suite_content(recipe={"epochs": 3, "lr": 0.5})
    content["entries"][0]["recipe"] = {"lr": 0.25}
    suite = load_suite(str(write_suite(tmp_path, content)))
    assert (suite.entries[0].recipe.epochs, suite.entries[0].recipe.lr) == (3, 0.25)


def test_recipe_of_the_entry_is_changed_by_a_method(tmp_path):
    content = suite_content(recipe={"epochs": 4, "lr": 0.5, "schedule": "step", "milestones": [2]})
    methods = ["svd", {"name": "tucker2", "recipe": {"epochs": 8}}, {"name": "kmeans", "recipe": "short-sr"}]
    content["entries"][0] |= {"methods": methods, "recipe": {"lr": 0.25}, "budgets": []}
    suite = load_suite(str(write_suite(tmp_path, content)))
    of = {trial.method.name: trial.recipe for trial in expand(suite)}
    assert of["dense"] == of["svd"] == suite.entries[0].recipe
    # as where an entry changes a suite's recipe, milestones stay where they were as parts of the whole
    assert of["tucker2"] == of["svd"].model_copy(update={"epochs": 8, "milestones": (4,)})
    assert (of["kmeans"].optimizer, of["kmeans"].schedule) == ("adam", "cosine")


def test_a_method_s_recipe_makes_the_trial_that_an_entry_s_recipe_makes(tmp_path):
    content = suite_content()
    content["entries"][0] |= {"methods": [{"name": "svd", "rank": 0.5, "recipe": {"epochs": 3}}], "budgets": []}
    _, own = expand(load_suite(str(write_suite(tmp_path, content))))
    content["entries"][0] |= {"methods": [{"name": "svd", "rank": 0.5}], "recipe": {"epochs": 3}}
    _, entrys = expand(load_suite(str(write_suite(tmp_path, content))))
    assert own.asked() == entrys.asked()
    assert own.model_dump() == entrys.model_dump()  # what a record holds of it, too


def test_an_option_changes_the_recipes_of_methods_too(tmp_path):
    content = suite_content()
    content["entries"][0]["methods"] = ["svd", {"name": "tucker2", "recipe": {"lr": 0.5}}]
    changed = change_recipes(load_suite(str(write_suite(tmp_path, content))), {"epochs": 7})
    assert {(trial.recipe.epochs, trial.recipe.lr) for trial in expand(changed)} == {(7, 0.05), (7, 0.5)}


def test_mistakes_in_a_method_s_recipe_are_named(tmp_path):
    content = suite_content()
    content["entries"][0]["methods"] = [{"name": "svd", "recipe": {"epoch": 1}}]
    assert "entries[0].methods[0].recipe.epoch: unknown key 'epoch' (did you mean 'epochs'?)" in error_of(
        write_suite(tmp_path, content)
    )
    content["entries"][0]["methods"] = [{"name": "svd", "recipe": "short-srr"}]
    assert "unknown recipe 'short-srr' (did you mean 'short-sr'" in error_of(write_suite(tmp_path, content))
    content["entries"][0]["methods"] = [{"name": "svd", "recipe": {"distill": {"weight": 0.5}}}]
    assert "recipe.distill learns from the dense model's weights" in error_of(write_suite(tmp_path, content))


def test_two_of_one_name_with_other_recipes_need_labels(tmp_path):
    content = suite_content()
    content["entries"][0]["methods"] = ["svd", {"name": "svd", "recipe": {"epochs": 3}}]
    assert "two different trials would be named" in error_of(write_suite(tmp_path, content))


def test_measure_of_the_suite_is_changed_by_the_entry(tmp_path):
    content = suite_content(measure={"seconds": 0.5, "batch_sizes": [1, 64]})
    content["entries"].append(content["entries"][0] | {"measure": {"batch_sizes": [8]}, "label": "small"})
    first, second = load_suite(str(write_suite(tmp_path, content))).entries
    assert (first.measure.seconds, first.measure.batch_sizes) == (0.5, (1, 64))
    assert (second.measure.seconds, second.measure.batch_sizes) == (0.5, (8,))


def test_extends_lays_keys_over_those_of_the_base(tmp_path):
    write_suite(tmp_path, name="base.yaml", measure={"threads": 1, "seconds": 0.5}, seeds=[3])
    path = write_suite(tmp_path, {"extends": "base.yaml", "name": "above", "measure": {"seconds": 2}})
    suite = load_suite(str(path))
    assert (suite.name, suite.seeds) == ("above", (3,))
    assert (suite.measure.threads, suite.measure.seconds) == (1, 2)


def test_extends_in_a_circle_is_refused(tmp_path):
    write_suite(tmp_path, {"extends": "b.yaml"}, name="a.yaml")
    path = write_suite(tmp_path, {"extends": "a.yaml"}, name="b.yaml")
    assert "circle" in error_of(path)


def test_all_mistakes_are_named_with_file_line_key_and_what_is_allowed(tmp_path):
    path = tmp_path / "typo.yaml"
    path.write_text(
        """name: typo
entries:
  - model: resnet8
    task: classification
    data: fashion-mnist-10k
    methds: [svd]
    methods: [{name: svd, unreachable: neerest}]
    budgets: [{parms: 0.3}, {params: 0.3, macs: 0.3}]
    recipe: {epoch: 1}
measure: {forms: [eager, chanels_last]}
"""
    )
    message = error_of(path)
    for text in (
        f"{path}:6: entries[0].methds: unknown key 'methds' (did you mean 'methods'",
        f"{path}:7: entries[0].methods[0].unreachable: 'neerest' is not allowed (did you mean 'nearest'?)",
        f"{path}:8: entries[0].budgets[0].parms: unknown key 'parms' (did you mean 'params'?); "
        "allowed: params, macs, bits",
        f"{path}:8: entries[0].budgets[1]: a budget has exactly one of params, macs and bits",
        f"{path}:9: entries[0].recipe.epoch: unknown key 'epoch' (did you mean 'epochs'?)",
        f"{path}:10: measure.forms: form 'chanels_last': there is no 'chanels_last' (did you mean 'channels_last'?)",
    ):
        assert text in message


def test_mistake_in_a_base_names_the_base(tmp_path):
    base = write_suite(tmp_path, name="base.yaml", seedz=[1])
    path = write_suite(tmp_path, {"extends": "base.yaml"})
    assert f"{base}:" in error_of(path)
    assert "did you mean 'seeds'" in error_of(path)


def test_several_models_are_a_table_each(tmp_path):
    entry = suite_content()["entries"][0]
    del entry["model"]
    trials = expand(load_suite(str(write_suite(tmp_path, entries=[{**entry, "models": ["resnet8", "resnet14"]}]))))
    of_each = [[trial.name for trial in trials if trial.model == model] for model in ("resnet8", "resnet14")]
    assert [name.replace("resnet8", "resnet14") for name in of_each[0]] == of_each[1]
    assert len(of_each[0]) * 2 == len(trials)


@pytest.mark.parametrize("models", [{}, {"model": "resnet8", "models": ["resnet14"]}])
def test_an_entry_has_a_model_or_several(tmp_path, models):
    entry = suite_content()["entries"][0]
    del entry["model"]
    path = write_suite(tmp_path, entries=[{**entry, **models}])
    assert "entries[0]: an entry has a 'model', or 'models', a list of several" in error_of(path)


def test_a_variant_is_one_of_all_the_models(tmp_path):
    entry = suite_content()["entries"][0] | {"methods": [{"variant": "li2019-vgg16-basis"}]}
    del entry["model"]
    path = write_suite(tmp_path, entries=[{**entry, "models": ["vgg16-cifar", "resnet56"]}])
    assert "'li2019-vgg16-basis' is one of vgg16-cifar, not of resnet56" in error_of(path)


def test_entries_are_laid_over_the_defaults(tmp_path):
    path = tmp_path / "shared.yaml"
    path.write_text(
        """name: shared
recipe: {epochs: 3, lr: 0.1}
defaults:
  task: classification
  data: cifar10
  task_options: {flip: false, crop_padding: 2}
  methods: [svd, basis]
  recipe: {lr: 0.2, momentum: 0.8}
entries:
  - model: resnet20
  - {model: vgg16-cifar, data: cifar100, task_options: {crop_padding: 4}, methods: [kmeans], recipe: {lr: 0.3}}
"""
    )
    first, second = load_suite(str(path)).entries
    assert (first.data, second.data) == ("cifar10", "cifar100")
    assert first.task_options == {"flip": False, "crop_padding": 2}
    assert second.task_options == {"flip": False, "crop_padding": 4}
    assert [choice.name for choice in first.methods] == ["svd", "basis"]
    assert [choice.name for choice in second.methods] == ["kmeans"]
    assert [(e.recipe.epochs, e.recipe.lr, e.recipe.momentum) for e in (first, second)] == [
        (3, 0.2, 0.8),
        (3, 0.3, 0.8),
    ]


def test_mistakes_in_the_defaults_are_named_there_and_once(tmp_path):
    path = tmp_path / "typo.yaml"
    path.write_text(
        """name: typo
defaults:
  taks: classification
  recipe: {epoch: 1}
entries:
  - {model: resnet8, task: classification, data: fashion-mnist-10k}
  - {model: resnet14, task: classification, data: fashion-mnist-10k, budgets: [{parms: 1}]}
"""
    )
    message = error_of(path)
    assert message.count("taks") == 2  # the key and the unknown one
    assert f"{path}:3: defaults.taks: unknown key 'taks' (did you mean 'task'?)" in message
    assert f"{path}:4: defaults.recipe.epoch: unknown key 'epoch'" in message
    assert f"{path}:7: entries[1].budgets[0].parms: unknown key 'parms' (did you mean 'params'?)" in message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: a\ndefaults: [svd]", "defaults: must be a mapping with keys of an entry"),
        ("name: [", "not valid YAML"),
        ("- svd", "a suite is a mapping"),
        ("name: a\nname: b", "line 2: key 'name' is given twice"),
        ("extends: qick", "did you mean 'quick'"),
        ("extends: 3", "name or path of one suite"),
        ("name: ../elsewhere\nentries: []", "name: String should match"),
    ],
)
def test_unusable_files(tmp_path, text, message):
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    assert message in error_of(path)


def test_unknown_suite_gets_the_nearest_name_and_missing_file_its_path(tmp_path):
    assert "did you mean 'smoke'" in error_of("smoek")
    assert "no suite file" in error_of(tmp_path / "absent.yaml")


def test_exclude_that_leaves_nothing_out_is_a_mistake(tmp_path):
    content = suite_content()
    content["entries"][0]["exclude"] = [{"method": "tuker2"}]
    message = error_of(write_suite(tmp_path, content))
    assert "entries[0].exclude[0]" in message
    assert "did you mean 'tucker2'" in message


def test_two_different_trials_of_one_name_need_labels(tmp_path):
    content = suite_content()
    entry = content["entries"][0]
    content["entries"] = [entry, {**entry, "recipe": {"epochs": 7}}]
    assert "add a label" in error_of(write_suite(tmp_path, content))
    content["entries"][1]["label"] = "long"
    trials = expand(load_suite(str(write_suite(tmp_path, content))))
    assert [trial.table for trial in trials if trial.is_dense] == [
        "resnet8/fashion-mnist-10k",
        "long/resnet8/fashion-mnist-10k",
    ]


@pytest.mark.parametrize(
    ("pattern", "methods"),
    [("svd", ["dense", "svd"]), ("*/params=50%/*", ["dense", "svd", "tucker2"]), (None, ["dense", "svd", "tucker2"])],
)
def test_only_selects_by_part_or_wildcards_and_keeps_the_dense_trial(trials, pattern, methods):
    assert [trial.method.name for trial in matching(trials, pattern)] == methods


def test_only_that_matches_nothing_shows_some_names(trials):
    with pytest.raises(SuiteError, match="resnet8/fashion-mnist-10k/dense/seed0"):
        matching(trials, "svdd")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 1e-3),
        ("0.5", 0.5),
        ("3", 3),
        ("true", True),
        ("arp", "arp"),
        ("[3, 3]", [3, 3]),
        ("null", None),
    ],
)
def test_values_are_read_as_people_write_them(text, value):
    assert parse_value(text) == value
    assert type(parse_value(text)) is type(value)


def test_memory_limit_takes_units(tmp_path):
    suite = load_suite(str(write_suite(tmp_path, limits={"memory": "2GiB"})))
    assert suite.limits.memory == 2 * 2**30


def test_a_method_may_have_budgets_of_its_own(tmp_path):
    content = suite_content()
    content["entries"][0]["methods"] = ["svd", {"name": "kmeans", "budgets": [{"bits": 0.1}], "note": "why"}]
    trials = expand(load_suite(str(write_suite(tmp_path, content))))
    points = [(trial.method.name, str(trial.budget or ""), trial.method.note) for trial in trials]
    assert points == [("dense", "", ""), ("svd", "params=50%", ""), ("kmeans", "bits=10%", "why")]
    # a note is for readers: changing it must not make a trial run again
    assert "note" not in trials[-1].asked()["method"]


def test_relative_paths_start_beside_the_file_or_for_packaged_suites_where_all_data_is(tmp_path, monkeypatch):
    monkeypatch.setenv("DECOMPBENCH_DATA", str(tmp_path / "all"))
    packaged = expand(load_suite("cifar10-jpeg-short"))[0]
    assert packaged.resolved_pretrained() == str(tmp_path / "all" / "weights" / "resnet20-cifar10.safetensors")
    assert expand(load_suite("sr-x2-short"))[0].resolved_data().startswith(f"sr:{tmp_path / 'all' / 'Urban100'}")
    path = write_suite(tmp_path, {"extends": "cifar10-jpeg-short", "name": "mine"})
    own = expand(load_suite(str(path)))[0]
    assert own.resolved_pretrained() == str(tmp_path / "weights" / "resnet20-cifar10.safetensors")


def test_a_datas_name_is_no_path_of_weights():
    assert expand(load_suite("quick"))[0].model_copy(update={"pretrained": "photographs"}).resolved_pretrained() == (
        "photographs"
    )
