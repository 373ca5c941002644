"""The packaged suites: all can be planned on any machine, and the papers' networks in them have the papers' sizes."""

import pytest
import timm
import torchvision

from decompbench.bench.data import ImageFiles
from decompbench.bench.preview import preview
from decompbench.bench.published.judge import judge_all
from decompbench.bench.suite_file import load_suite, packaged_suites
from decompbench.bench.tasks.classification import STREAMED_SIZE, ClassificationOptions
from decompbench.bench.trial import expand
from decompbench.bench.variant import plan_variant


@pytest.fixture(scope="module")
def planned(tmp_path_factory):
    """All trials of all packaged suites and what they come to, on a machine without data: by suite."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DECOMPBENCH_DATA", str(tmp_path_factory.mktemp("no-data")))
        return {name: plan_suite(name) for name in packaged_suites()}


def plan_suite(name):
    trials, found = expand(load_suite(name)), []
    preview(lambda _, one: found.append(one), trials)
    return list(zip(trials, found, strict=True))


def test_every_trial_has_a_size(planned):
    missing = [(trial.name, one.problem) for pairs in planned.values() for trial, one in pairs if one.size is None]
    assert not missing


def test_budgets_are_met_or_said_not_to_be(planned):
    for trial, one in (pair for pairs in planned.values() for pair in pairs if pair[0].budget):
        ((_, wanted),) = trial.budget.as_dict().items()
        assert one.size.note or 0.9 * wanted <= one.size.budget_ratio <= wanted, trial.name


def test_every_suite_says_what_it_is_and_compares_something(planned):
    for name, pairs in planned.items():
        suite = load_suite(name)
        assert suite.name == name
        assert suite.description
        assert any(one.size.compressed_layers for _, one in pairs)


def test_every_network_of_the_papers_tables_is_in_a_suite(planned):
    published = {verdict.variant for verdict in judge_all() if verdict.variant}
    compressed = {name for name in published if not name.endswith("-dense")}
    in_suites = {trial.method.variant for pairs in planned.values() for trial, _ in pairs}
    assert compressed <= in_suites


def test_networks_of_the_papers_have_the_sizes_that_are_compared_with_the_published_ones(planned):
    ours = {verdict.variant: verdict.ours for verdict in judge_all() if verdict.row.metric == "params"}
    compared = 0
    for trial, one in (pair for pairs in planned.values() for pair in pairs if pair[0].method.variant):
        _, plan = plan_variant(trial.method.variant)
        assert (one.size.weights, one.size.bits) == (plan.after.weights, plan.after.bits)
        assert one.size.dense_weights == plan.before.weights
        if trial.model == "vgg16-cifar" or (trial.model == "resnet56" and trial.entry == "li2019"):
            assert one.size.weights == ours[trial.method.variant]
            compared += 1
    assert compared == 8


def test_the_entries_of_a_paper_use_its_recipe():
    for name in ("cifar10", "imagenet"):
        for entry in load_suite(name).entries:
            if any(choice.variant for choice in entry.methods):
                assert all(choice.variant.startswith(entry.label) for choice in entry.methods)


def test_pretrained_networks_see_images_as_their_weights_were_published():
    compared = 0
    for entry in load_suite("imagenet").entries:
        for model in entry.all_models if entry.pretrained else ():
            library, _, name = model.partition("/")
            options = ClassificationOptions.model_validate(entry.task_options)
            stream, size = options.stream, options.image_size or STREAMED_SIZE
            if library == "timm":
                config = timm.get_pretrained_cfg(name)
                assert f".{config.tag}" in name, "another version of timm may take other weights without a tag"
                wanted = config.interpolation, config.crop_pct, config.input_size[1], config.mean, config.std
            else:
                one = torchvision.models.get_model_weights(name)[entry.pretrained].transforms()
                (side,), (resized,) = one.crop_size, one.resize_size
                wanted = one.interpolation.value, side / resized, side, tuple(one.mean), tuple(one.std)
            assert wanted == (stream.interpolation, stream.crop_pct, size, ImageFiles.mean, ImageFiles.std), model
            compared += 1
    assert compared == 8
