"""The packaged suites: all can be planned on any machine, and the papers' networks in them have the papers' sizes."""

import pytest
import timm
import torchvision

from decompbench.bench.data import ImageFiles
from decompbench.bench.planning.preview import preview
from decompbench.bench.planning.variants import plan_variant
from decompbench.bench.reports.published.judge import judge_all
from decompbench.bench.suite.load import load_suite, packaged_suites
from decompbench.bench.suite.trial import expand
from decompbench.bench.suite.variants import find_variant
from decompbench.bench.tasks.classification.task import STREAMED_SIZE, ClassificationOptions
from decompbench.bench.tasks.super_resolution import SuperResolutionOptions


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


def test_no_budget_gives_the_row_of_another_again(planned):
    sizes = {}
    for trial, one in (pair for pairs in planned.values() for pair in pairs if pair[1].made == "nearest"):
        point = trial.suite, trial.table, trial.method.row, trial.seed, one.size.weights, one.size.bits
        assert sizes.setdefault(point, trial.name) == trial.name


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
        if trial.model != find_variant(trial.method.variant).model:
            continue  # at another scale: the layers that are compressed are as large, the upsampler is not
        _, plan = plan_variant(trial.method.variant)
        assert (one.size.weights, one.size.bits) == (plan.after.weights, plan.after.bits)
        assert one.size.dense_weights == plan.before.weights
        if trial.model == "vgg16-cifar" or (trial.model == "resnet56" and trial.entry == "li2019"):
            assert one.size.weights == ours[trial.method.variant]
            compared += 1
    assert compared == 8


def test_residual_blocks_are_as_large_at_every_scale(planned):
    blocks = {}
    for suite in ("sr-x2", "sr-x3", "sr-x4"):
        for trial, one in planned[suite]:
            if trial.model.startswith("edsr-r32") and trial.method.variant.startswith("li2019-edsr-basis-m32"):
                saved = one.size.dense_weights - one.size.weights
                blocks.setdefault(trial.method.variant, {})[trial.model] = saved
    assert set(blocks) >= {"li2019-edsr-basis-m32", "li2019-edsr-basis-m32-shared"}
    for name in ("li2019-edsr-basis-m32", "li2019-edsr-basis-m32-shared"):
        assert len(blocks[name]) == 3
        assert len(set(blocks[name].values())) == 1


def test_macs_budgets_of_li2019_are_met_by_the_size_of_the_basis(planned):
    budgets = [(trial.model, trial.budget.macs) for trial, _ in planned["li2019-macs"] if trial.budget]
    assert budgets == [("vgg16-cifar", 0.235), *(("resnet56", share) for share in (0.7, 0.6, 0.5, 0.4, 0.3))]
    for trial, one in planned["li2019-macs"]:
        assert trial.budget is None or trial.budget.macs - 0.01 < one.size.budget_ratio <= trial.budget.macs


def test_the_ablation_of_splits_is_at_equal_size(planned):
    """At most 2 % apart, as m is whole; the splits of one channel are the nearest below."""
    rows = {trial.method.label: one.size.weights for trial, one in planned["li2019-ablation"] if trial.method.label}
    (dense,) = {one.size.dense_weights for _, one in planned["li2019-ablation"]}
    left = dense - 16 * 128 * 128 * 9
    splits = [rows[label] - left for label in ("s=1 m=27", "s=2 m=42", "s=4 m=43", "s=8 m=30")]
    assert max(splits) < 1.02 * min(splits)
    per_filter = (rows["s=1 m=40"] - rows["s=1 m=27"]) // 13
    assert per_filter == 16 * (128 * 9 + 128)
    one_channel = rows["s=128 m=2"] - left
    assert one_channel < min(splits) < one_channel * 3 / 2
    assert rows["gamma=1e-6"] == rows["gamma=1e-3"] == rows["s=1 m=40"]


#: What the papers train with: optimiser, epochs, learning rate, where it falls, batch, weight decay. None: not given.
LI_VGG = ("momentum", 300, 0.1, (150, 225), 128, 5e-4)
LI_RESNET, LI_DENSENET = ("momentum", 300, 0.1, (150, 225), 64, 1e-4), ("sgd", 300, 0.1, (150, 225), 64, 1e-4)
LI_SR = ("adam", 300, 1e-4, (200,), 16, 0)
SON = ("momentum", 300, 5e-3, (150, 225), 256, 5e-4)
YANG, YANG_IMAGENET = ("momentum", 300, 0.1, (150, 225), None, None), ("momentum", 100, 0.1, (30, 60, 90), None, None)
YU_BASELINE, YU = ("momentum", 300, 0.1, (150, 250), 64, 1e-4), ("momentum", 450, 3e-3, (150, 350), 64, 1e-4)
YU_IMAGENET = ("momentum", 70, 3e-3, (20, 40, 60), 256, 1e-4)
#: By suite, entry and model: the recipe of the dense network, where it is trained first, and that of all rows.
PAPERS = {
    ("cifar10", "li2019", "vgg16-cifar"): (LI_VGG, LI_VGG),
    ("cifar10", "li2019-kmeans", "vgg16-cifar"): (LI_VGG, SON),
    ("cifar10", "li2019", "densenet40"): (LI_DENSENET, LI_DENSENET),
    ("cifar10", "li2019", "resnet56"): (LI_RESNET, LI_RESNET),
    ("sr-x2", "", "edsr-r32f256x2"): (LI_SR, LI_SR),
    ("sr-x3", "", "edsr-r32f256x3"): (LI_SR, LI_SR),
    **{("cifar10", "yu2021", f"resnet{depth}"): (YU_BASELINE, YU) for depth in (32, 56, 110)},
    **{("fsnet-cifar10", "", f"resnet{depth}-cifar"): (None, YANG) for depth in (18, 34, 50, 101)},
    ("fsnet-cifar10", "", "densenet121-cifar"): (None, YANG),
    ("imagenet", "yu2021", "torchvision/vgg16"): (None, YU_IMAGENET),
    ("imagenet", "yu2021", "torchvision/resnet50"): (None, YU_IMAGENET),
    ("imagenet", "yang2020", "torchvision/resnet50"): (None, YANG_IMAGENET),
    **{("sr-x4", "", model): (LI_SR, LI_SR) for model in ("srresnet-x4", "edsr-r32f256x4", "edsr-r8f128x4")},
}
#: What the authors of li2019 train otherwise, by model and method.
OTHERWISE = {
    ("densenet40", "basis"): ("sgd", 400, 0.1, (250, 325), 64, 1e-4),
    ("resnet56", "basis"): ("momentum", 400, 0.1, (250, 325), 64, 1e-4),
    ("densenet40", "kmeans"): ("sgd", 300, 5e-3, (150, 225), 64, 1e-4),
    ("resnet56", "kmeans"): ("momentum", 300, 5e-3, (150, 225), 64, 1e-4),
}


def is_recipe(recipe, published):
    """Tell whether a recipe has what a paper gives of it."""
    ours = recipe.optimizer, recipe.epochs, recipe.lr, recipe.milestones, recipe.batch_size, recipe.weight_decay
    constant = recipe.schedule == "step" and recipe.decay_rate == 0.1 and recipe.momentum == 0.9
    return constant and all(theirs in (None, one) for one, theirs in zip(ours, published, strict=True))


def test_the_entries_of_a_paper_use_its_recipe():
    seen = set()
    for suite in dict.fromkeys(suite for suite, _, _ in PAPERS):
        for entry in load_suite(suite).entries:
            if not any(choice.variant for choice in entry.methods):
                continue
            baseline, recipe = PAPERS[suite, entry.label, entry.model]
            seen.add((suite, entry.label, entry.model))
            assert all(choice.variant.startswith(entry.label.partition("-")[0]) for choice in entry.methods)
            assert is_recipe(entry.recipe, recipe), entry.model
            for choice in entry.methods:
                own = OTHERWISE.get((entry.model, choice.name)) if choice.variant.startswith("li2019") else None
                assert is_recipe(choice.recipe or entry.recipe, own or recipe), choice.variant
                assert (choice.recipe is None) == (own is None), choice.variant
            assert (entry.baseline is None) == (baseline is None), entry.model
            assert baseline is None or is_recipe(entry.baseline.recipe, baseline), entry.model
            assert entry.recipe.cycles == ("method" if suite == "fsnet-cifar10" else 1)
    assert seen == set(PAPERS)


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


@pytest.mark.parametrize("name", ["sr-x2", "sr-x3", "sr-x4", "li2019-ablation"])
def test_super_resolution_is_that_of_li2019_s_authors(name):
    """Epochs of 2,013 steps of 16 patches, of 192 or 96 pixels; DIV2K scored less scale + 6 pixels, and all in memory.

    DIV2K has 800 photographs of about 2040x1360: those that do not fit in are decoded at every step.
    """
    suite = load_suite(name)
    for entry in suite.entries:
        options = SuperResolutionOptions.model_validate(entry.task_options)
        scale = options.scale
        assert entry.model.endswith(f"x{scale}")
        assert options.patches_per_epoch == 32_208 == 2_013 * entry.recipe.batch_size
        assert options.patch_size * scale == (96 if entry.model.startswith("srresnet") else 192)
        assert options.rgb_border == scale + 6
        assert 800 * 2040 * 1360 * 3 * (1 + 1 / scale**2) < options.decoded < suite.limits.memory / 2
