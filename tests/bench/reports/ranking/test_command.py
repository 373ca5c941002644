"""``decompbench rank``: the same ranking in every format, and mistakes told in one line."""

import csv
import io
import json

import pytest

from decompbench.bench.records.store import RecordStore

from ...factories import check_latex, decompbench
from .factories import good, replaced

AT = ("--budget", "params=30%")


@pytest.fixture
def results(made, tmp_path):
    """Three models by three methods and three seeds; one method diverged on one model."""
    records = replaced(
        made(good, models=["resnet8", "resnet14", "resnet20"]),
        lambda trial: trial.method.name == "basis" and trial.model == "resnet14",
        status="diverged",
    )
    store = RecordStore(tmp_path / "results" / "tiny" / "machine")
    for record in records:
        store.append(record)
    return tmp_path / "results"


def rank(results, *arguments):
    run = decompbench("rank", *arguments, results=results)
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_all_formats_have_the_same_ranks(results):
    found = json.loads(rank(results, *AT, "--format", "json"), parse_constant=pytest.fail)
    assert [cell["model"] for cell in found["cells"]] == ["resnet14", "resnet20", "resnet8"]
    ranks = {(c["table"], row["method"]): row["rank"] for c in found["cells"] for row in c["rows"]}
    rows = list(csv.DictReader(io.StringIO(rank(results, *AT, "--format", "csv"))))
    assert {(row["table"], row["method"]): float(row["rank"]) if row["rank"] else None for row in rows} == ranks
    assert {row["standing"] for row in rows} == {"dense", "leader", "worse", "lacking"}
    markdown = rank(results, *AT, "--format", "markdown")
    assert "| 1 | tucker2 | params=30% | 30.0 | **85.10 [84.85, 85.35]** | 3 | leader |" in markdown
    assert "lacking: diverged" in markdown
    text = rank(results, *AT)
    assert "85.10 [84.85, 85.35]" in text
    assert "2 of 3" in text
    assert "no test: 2 methods have a point in all cells, and it takes 3" in text
    latex = rank(results, *AT, "--format", "latex")
    check_latex(latex)
    assert r"\textbf{85.10 {[}84.85, 85.35{]}}" in latex
    assert latex.count(r"\begin{table*}") == 4


def test_the_dense_row_is_first_and_unranked(results):
    for cell in json.loads(rank(results, *AT, "--format", "json"))["cells"]:
        assert (cell["rows"][0]["method"], cell["rows"][0]["rank"]) == ("dense", None)


def test_tolerance_and_alpha_are_those_asked_for(results):
    asked = ("--budget", "params=40%", "--format", "json")
    wide = json.loads(rank(results, *asked, "--tolerance", "0.3", "--alpha", "0.2"))
    assert (wide["tolerance"], wide["alpha"]) == (0.3, 0.2)
    # 30 % and 50 % are equally far, and the smaller one counts
    assert {row["budget"] for cell in wide["cells"] for row in cell["rows"] if row["rank"]} == {"params=30%"}
    none = json.loads(rank(results, *asked))
    assert {row["standing"] for cell in none["cells"] for row in cell["rows"]} == {"dense", "lacking"}
    assert none["average"]["ranks"] == {}
    assert "have no method at this budget" in none["average"]["notes"][0]
    assert "0 cells" in rank(results, "--budget", "params=40%")


def test_tables_can_be_chosen_and_only_they_count(results):
    found = json.loads(rank(results, *AT, "--table", "resnet8/*", "--table", "resnet20", "--format", "json"))
    assert [cell["model"] for cell in found["cells"]] == ["resnet20", "resnet8"]
    assert (found["average"]["cells"], found["average"]["lacking"]) == (2, {})


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--budget", "parms=30%"], "did you mean 'params'"),
        ([*AT, "--metric", "top2"], "no metric 'top2' (did you mean 'top1'?); there is top1"),
        ([*AT, "--tolerance", "2"], "tolerance 2: must be"),
        ([*AT, "--alpha", "0"], "alpha 0: must be"),
        ([*AT, "tinny"], "did you mean 'tiny'"),
        ([*AT, "--table", "resnet9*"], "no table 'resnet9*'; there is resnet14/fashion-mnist-10k; resnet20"),
        (["--budget", "latency=1", "--pool-machines"], "never mixed"),
        ([*AT, "--csv", "--json"], "give one of --csv and --json"),
        ([*AT, "--format", "html"], "no format 'html'; there is terminal, markdown, csv, latex, json"),
    ],
)
def test_mistakes_are_one_line_and_exit_code_2(results, arguments, said):
    run = decompbench("rank", *arguments, results=results)
    assert run.returncode == 2
    assert said in " ".join(run.stderr.split())
    assert "Traceback" not in run.stderr
