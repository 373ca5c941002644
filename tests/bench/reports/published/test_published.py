"""Published sizes: each has a verdict, each verdict is true, and the sums of verdicts are right."""

import json
import math
import shutil
from pathlib import Path

import pytest
import torch

from decompbench.bench.base.errors import BenchError
from decompbench.bench.planning.choice import choose_method, plan_choice
from decompbench.bench.planning.meta_model import traced_model
from decompbench.bench.planning.variants import load_variant
from decompbench.bench.reports.published import OTHER_METRICS, PAPERS, SIZE_METRICS, judge_all, read_rows
from decompbench.bench.reports.published.counts import CONVENTIONS, Network
from decompbench.bench.reports.published.judge import counted, judge, rounds_to
from decompbench.bench.reports.published.render import to_cells, to_markdown
from decompbench.bench.reports.published.rules import TableRules, load_rules
from decompbench.bench.suite.variants import find_variant, packaged_variants
from decompbench.methods import begin, count_stored
from tests.places import ROOT

from ...factories import decompbench

TABLES = ROOT / "results" / "published"

#: Variant and convention: the count after compression, to the last weight.
EXACT = {
    ("li2019-vgg16-dense", "conv_weights"): 14_710_464,
    ("li2019-vgg16-basis", "conv_weights"): 3_208_896,
    ("li2019-vgg16-factor", "conv_weights"): 3_338_944,
    ("li2019-vgg16-group", "conv_weights"): 3_798_720,
    ("li2019-vgg16-kmeans", "conv_weights"): 3_271_296,
    ("li2019-resnet56-dense", "conv_weights"): 848_304,
    ("li2019-resnet56-dense", "parameters"): 853_018,
    ("li2019-resnet56-basis", "conv_weights"): 194_352,
    ("li2019-resnet56-factor", "conv_weights"): 222_992,
    ("li2019-resnet56-group", "conv_weights"): 205_808,
    ("li2019-densenet40-dense", "conv_fc_weights"): 1_040_568,
    ("li2019-densenet40-basis-m24", "conv_fc_weights"): 319_992,
    ("li2019-densenet40-basis-m36t6", "conv_fc_weights"): 330_888,
    ("li2019-densenet40-basis-m26", "conv_fc_weights"): 335_760,
    ("li2019-densenet40-basis-m32", "conv_fc_weights"): 383_064,
    ("li2019-densenet40-basis-m38t12", "conv_fc_weights"): 325_728,
    ("li2019-densenet40-factor", "conv_fc_weights"): 316_752,
    ("li2019-densenet40-group", "conv_fc_weights"): 337_272,
    ("li2019-srresnet-factor-sic2", "block"): 18_688,
    ("li2019-srresnet-factor-sic3", "block"): 28_032,
    ("li2019-srresnet-basis-64-14", "block"): 17_920,
    ("li2019-edsr-factor-sic1", "block"): 135_680,
    ("li2019-edsr-basis-m32", "block"): 163_840,
    ("li2019-edsr-basis-m32-shared", "block"): 90_112,
    ("li2019-edsr-basis-m16s4", "block"): 51_200,
    ("li2019-edsr-basis-m16s4-shared", "block"): 41_984,
    # illegible in the paper: 2 (m·128·9 + 128·m), 2·S (128·9 + 128·128)
    ("li2019-edsr-8-128-basis-128-27", "block"): 69_120,
    ("li2019-edsr-8-128-basis-128-40", "block"): 102_400,
    ("li2019-edsr-8-128-factor-sic2", "block"): 70_144,
    ("li2019-edsr-8-128-factor-sic3", "block"): 105_216,
    ("yang2020-resnet18-dense", "state"): 11_183_562,
    ("yang2020-resnet18-fsnet", "state"): 807_882,
    ("yang2020-resnet34-fsnet", "state"): 1_682_890,
    ("yang2020-resnet50-fsnet", "state"): 2_507_210,
    ("yang2020-resnet18-fsnet-wq", "effective"): 220_218,
    ("yang2020-resnet34-fsnet-wq", "effective"): 450_106,
    ("yang2020-resnet50-fsnet-wq", "effective"): 721_850,
}


@pytest.fixture(scope="module")
def verdicts():
    return judge_all()


@pytest.fixture
def tables(tmp_path):
    """A copy of the published tables, to be changed."""
    return Path(shutil.copytree(TABLES, tmp_path / "published"))


def edit(file, old, new):
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


def test_every_published_size_has_a_verdict(verdicts):
    sizes = [row for paper in PAPERS for row in read_rows(paper) if row.metric not in OTHER_METRICS]
    assert [verdict.row for verdict in verdicts] == sizes
    assert len(sizes) == 145


def test_no_verdict_is_unexplained(verdicts):
    assert [str(verdict.row) for verdict in verdicts if verdict.status == "unexplained"] == []


def test_every_verdict_is_true(verdicts):
    for verdict in verdicts:
        if verdict.status == "not derivable":
            assert verdict.ours is None
        else:
            distance = abs(verdict.ours - verdict.row.value)
            assert (distance <= verdict.step / 2 + 1e-9) == (verdict.status == "match"), verdict.row
        assert verdict.status == "match" or len(verdict.note) > 20, verdict.row


def test_every_variant_of_a_paper_is_compared_with_something(verdicts):
    compared = {verdict.variant for verdict in verdicts if verdict.variant}
    illegible = {name for name in packaged_variants() if "edsr-8-128" in name}
    assert {name for name in packaged_variants() if not name.endswith("-dense")} - illegible <= compared
    assert not illegible & compared


@pytest.mark.parametrize(("variant", "count"), EXACT, ids=[" ".join(key) for key in EXACT])
def test_exact_counts(variant, count):
    assert counted(variant, count, "body.0" if count == "block" else "")[1] == EXACT[variant, count]


@pytest.mark.parametrize("name", ["li2019-resnet56-group", "li2019-densenet40-svd", "li2019-resnet56-basis"])
def test_conventions_count_what_the_compressed_model_has(name):
    """The analytic counts against a model that was really compressed."""
    torch.manual_seed(0)
    model, plan = load_variant(name)
    analytic = {count: CONVENTIONS[count](Network(model, plan))[1] for count in ("conv_weights", "parameters", "state")}
    small = begin(model, plan).finish()
    parameters = sum(parameter.numel() for parameter in small.parameters())
    statistics = sum(buffer.numel() for path, buffer in small.named_buffers() if "running" in path)
    assert analytic == {
        "conv_weights": count_stored(small).weights,
        "parameters": parameters,
        "state": parameters + statistics,
    }


def test_layers_with_norms_of_their_own_are_not_counted_by_the_dense_models():
    with pytest.raises(BenchError, match="count the compressed model itself"):
        counted("li2019-vgg16-basis", "state", "")


# -- what the notes say -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("m", [16, 32, 64])
def test_li2019_table_1_leaves_out_the_number_of_splits(m):
    published = {row.setting: row.value for row in read_rows("li2019") if row.metric == "block_params"}
    basis, coefficients = 64 * 9 * m, m * 256
    assert rounds_to(2 * basis + 2 * coefficients, published[f"m={m} s=4"], 1000)
    # 17k is cut off
    assert abs(basis + 2 * coefficients - published[f"m={m} s=4 shared per block"]) < 1000
    assert counted(f"li2019-edsr-basis-m{m}s4", "block", "body.0")[1] == 2 * basis + 2 * 4 * coefficients


def test_yang2020_divides_the_printed_sizes():
    rows = [row for row in read_rows("yang2020") if row.table == "2"]
    printed = {(row.model, row.method): row.value for row in rows if row.metric == "params"}
    ratios = [row for row in rows if row.metric == "compression_ratio"]
    assert len(ratios) == 10
    for row in ratios:
        assert row.value == pytest.approx(printed[row.model, "baseline"] / printed[row.model, row.method], abs=0.01)


def test_yang2020_cuts_off_the_size_of_resnet101():
    assert math.floor(counted("yang2020-resnet101-dense", "state", "")[0] / 1e4) == 4261


def test_yang2020_quantises_the_stem_of_imagenets_resnet50():
    ours = counted("yang2020-imagenet-resnet50-fsnet-wq", "effective", "")[1]
    assert ours == 2_752_664
    assert rounds_to(ours, 2_750_000, 10_000)


def reduction(variant, count, **settings):
    """Return the reduction in percent with some settings changed."""
    found = find_variant(variant)
    choice = found.method.model_copy(update={"settings": found.method.settings | settings})
    shape = traced_model(found.model, "{}", found.input)
    plan = plan_choice(choice, choose_method(choice), shape.model, shape.example, traced=shape.traced)
    dense, small = CONVENTIONS[count](Network(shape.model, plan))
    return 100 * (1 - small / dense)


@pytest.mark.parametrize(
    ("variant", "identity", "dense"),
    [
        ("yu2021-resnet32-p6", 80.66, 77.49),
        ("yu2021-resnet32-p10", 55.65, 46.85),
        ("yu2021-resnet56-p8", 69.40, 63.80),
        ("yu2021-resnet110-p8", 69.42, 63.84),
        ("yu2021-vgg16-p6", 80.59, 77.38),
        ("yu2021-resnet50", 67.76, 60.40),
    ],
)
def test_yu2021_with_and_without_the_identity(variant, identity, dense):
    assert reduction(variant, "conv_weights") == pytest.approx(identity, abs=0.005)
    assert reduction(variant, "conv_weights", coefficients="dense") == pytest.approx(dense, abs=0.005)


# -- verdicts and rules -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ours", "published", "step", "agrees"),
    [
        (3_208_896, 3_210_000, 10_000, True),
        (3_204_999, 3_210_000, 10_000, False),
        (205_000, 205_000, 1000, True),
        (204_500, 205_000, 1000, True),
        (30.75, 30.8, 0.1, True),
        (25.82, 25.9, 0.1, False),
    ],
)
def test_agreeing_is_rounding_to_the_printed_digits(ours, published, step, agrees):
    assert rounds_to(ours, published, step) is agrees


def part(**rule):
    rule = {"method": "group", "variant": "li2019-resnet56-group"} | rule
    metrics = {"params": {"count": "conv_weights", "step": 1000}}
    return TableRules.model_validate({"table": 5, "model": "resnet56", "metrics": metrics, "rows": [rule]})


@pytest.mark.parametrize(
    ("rule", "status"),
    [
        ({}, "match"),
        ({"mismatch": "a reason"}, "unexplained"),
        ({"mismatch": {"params": "a reason"}}, "unexplained"),
        ({"mismatch": {"params_ratio": "a reason"}}, "match"),
        ({"variant": "li2019-resnet56-factor"}, "unexplained"),
        ({"variant": "li2019-resnet56-factor", "mismatch": "a reason"}, "documented mismatch"),
        ({"variant": "", "not_derivable": "a reason"}, "not derivable"),
    ],
)
def test_a_verdict_needs_a_reason_exactly_where_the_numbers_differ(rule, status):
    (row,) = [
        row for row in read_rows("li2019") if row.line == ("5", "resnet56", "group", "") and row.metric == "params"
    ]
    rules = part(**rule)
    assert judge(row, rules, rules.rows[0]).status == status


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"variant": ""}, "either a variant or not_derivable"),
        ({"not_derivable": "a reason"}, "either a variant or not_derivable"),
        ({"settting": "x"}, "settting"),
    ],
)
def test_rules_that_say_too_little_or_too_much_are_refused(rule, message):
    with pytest.raises(ValueError, match=message):
        part(**rule)


def test_a_convention_with_a_typo_gets_the_nearest():
    with pytest.raises(ValueError, match="did you mean 'conv_weights'"):
        TableRules.model_validate(
            part().model_dump() | {"metrics": {"params": {"count": "conv_weigths", "step": 1}}},
        )


def test_a_size_without_a_rule_and_a_rule_without_a_size_are_errors(tables):
    file = tables / "yu2021.csv"
    edit(file, "resnet110,cap,,flops_reduction", "resnet110,cap2,,flops_reduction")
    with pytest.raises(BenchError, match=r"table I: resnet110 cap2, flops_reduction: no rule says"):
        judge_all(["yu2021"], tables)
    file.write_text("".join(line for line in file.read_text().splitlines(True) if "resnet110,cap" not in line))
    with pytest.raises(BenchError, match="no size is published: I resnet110 cap"):
        judge_all(["yu2021"], tables)


def test_a_metric_nobody_knows_is_an_error(tables):
    edit(tables / "yu2021.csv", "top1_drop", "top1_drip")
    with pytest.raises(BenchError, match=r"yu2021.csv:4: metric 'top1_drip' is neither"):
        judge_all(["yu2021"], tables)


def test_every_metric_is_a_size_or_a_quality():
    assert not set(SIZE_METRICS) & set(OTHER_METRICS)
    assert {row.metric for paper in PAPERS for row in read_rows(paper)} == set(SIZE_METRICS) | set(OTHER_METRICS)


def test_steps_are_what_the_published_numbers_are_multiples_of(verdicts):
    for verdict in verdicts:
        steps = verdict.row.value / verdict.step
        assert abs(steps - round(steps)) < 1e-6, verdict.row


def test_rules_load_for_every_paper():
    assert all(load_rules(paper).by_line for paper in PAPERS)


# -- the command ------------------------------------------------------------------------------------------------------


def test_json_has_both_numbers_and_where_ours_comes_from():
    run = decompbench("published", "--paper", "li2019", "--format", "json")
    assert run.returncode == 0, run.stderr
    rows = json.loads(run.stdout)
    assert len(rows) == 83
    (row,) = [row for row in rows if row["variant"] == "li2019-vgg16-basis" and row["metric"] == "params"]
    assert row["published"] == 3_210_000
    assert row["ours"] == 3_208_896
    assert (row["status"], row["count"], row["table"]) == ("match", "conv_weights", "5")


def test_table_shows_every_row_and_what_it_comes_to(verdicts):
    run = decompbench("published")
    assert run.returncode == 0, run.stderr
    lines = run.stdout.splitlines()
    assert len(lines) == 2 + len(verdicts) + 2  # heading and rule; an empty line and the summary
    assert lines[-1].startswith("145 sizes: ")
    assert "14,710,464" not in to_cells(verdicts[0])


def test_a_published_number_that_changes_ends_with_exit_code_1(tables):
    edit(tables / "li2019.csv", "densenet40,basis,M24,params,320000", "densenet40,basis,M24,params,321000")
    run = decompbench("published", "--paper", "li2019", "--tables", str(tables))
    assert run.returncode == 1
    assert run.stdout.count("unexplained") == 2


def test_an_unknown_paper_gets_the_nearest():
    run = decompbench("published", "--paper", "li2018")
    assert run.returncode == 2
    assert "did you mean 'li2019'" in run.stderr


def test_the_documents_table_is_the_commands(verdicts):
    text = (ROOT / "docs" / "published.md").read_text()
    assert to_markdown(verdicts).strip() in text, "docs/published.md: run decompbench published --format markdown again"
