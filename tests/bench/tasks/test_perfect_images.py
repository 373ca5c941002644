"""Perfect images: an infinite PSNR goes from the run to every table, figure and page, and is ranked first."""

import json
import math

import numpy as np
import pytest
from PIL import Image

from decompbench.bench.records.frame import load_frame
from decompbench.bench.records.store import read_records

from ..factories import decompbench, suite_content, write_suite

#: Enlarges by repeating pixels, which is right for images of one colour, and adds what two convolutions make of them:
#: nothing, as the weights of the second are 0. One method leaves that so, the other does not.
PLUGIN = '''
from dataclasses import dataclass

import torch
from torch import nn

from decompbench.methods import SVD, register
from decompbench.models import register_model


@register_model("repeating")
class Repeating(nn.Module):
    def __init__(self, in_chans: int = 3) -> None:
        super().__init__()
        self.first = nn.Conv2d(in_chans, 16, 3, padding=1)
        self.second = nn.Conv2d(16, 4 * in_chans, 3, padding=1)
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)

    def forward(self, x):
        added = nn.functional.pixel_shuffle(self.second(self.first(x)), 2)
        return nn.functional.interpolate(x, scale_factor=2.0) + added


@register("spoiling")
@dataclass(frozen=True)
class Spoiling(SVD):
    """The singular value decomposition of other weights."""

    version = 1

    def compress_layer(self, conv, spec, generator):
        with torch.no_grad():
            conv.weight += 0.05
        return super().compress_layer(conv, spec, generator)
'''


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Run a suite of a perfect dense model, a perfect row and one that is not, with two seeds."""
    folder = tmp_path_factory.mktemp("perfect")
    for part in ("train", "test"):
        (folder / part).mkdir()
        for shade in (60, 120):
            Image.fromarray(np.full((48, 48, 3), shade, np.uint8)).save(folder / part / f"{shade}.png")
    (folder / "repeating.py").write_text(PLUGIN)
    content = suite_content(
        seeds=[0, 1],
        plugins=["repeating"],
        recipe={"epochs": 0},
        measure={"batch_sizes": [1], "seconds": 0.1, "threads": 1},
    )
    content["entries"][0] |= {
        "model": "repeating",
        "task": "super_resolution",
        "data": "sr:train -> sr:test",
        "task_options": {"scale": 2, "patch_size": 8, "example_size": 8},
        "methods": ["svd", "spoiling"],
        "budgets": [{"params": 0.5}],
    }
    found = decompbench("run", write_suite(folder, content), results=folder / "results")
    assert found.returncode == 0, found.stderr
    return found


def strict(text):
    """Read JSON that has no constants of its own, as other languages read it."""
    return json.loads(text, parse_constant=pytest.fail)


def test_records_are_strict_json_and_come_back(run):
    for line in run.records_file.read_text().splitlines():
        document = strict(line)
        start, finished = (document["measured"]["quality"][moment]["psnr_y[test]"] for moment in ("start", "finished"))
        assert start == "Infinity"
        assert (finished == "Infinity") == (document["method"]["name"] != "spoiling")
    records, damages = read_records(run.records_file)
    assert not damages
    assert {record.status for record in records} == {"ok"}
    for record in records:
        perfect = record.method.name != "spoiling"
        assert math.isinf(record.measured.quality["finished"]["psnr_y[test]"]) == perfect
        assert strict(record.line()) == strict(record.line())
    assert [record.line() for record in records] == run.records_file.read_text().splitlines(keepends=True)
    again = decompbench("run", run.records_file.parents[3] / "suite.yaml", results=run.results)
    assert "0 of 6 trials to run" in again.stderr


def test_the_leaderboard_shows_and_ranks_it(run):
    shown = decompbench("leaderboard", "tiny", results=run.results)
    lines = shown.stdout.splitlines()
    places = [next(i for i, line in enumerate(lines) if line.startswith(name)) for name in ("dense", "svd", "spoiling")]
    assert places == sorted(places)
    assert ["∞" in lines[place] for place in places] == [True, True, True], "the last has an infinite drop"
    assert "nan" not in shown.stdout.lower()
    rows = strict(decompbench("leaderboard", "tiny", "--format", "json", results=run.results).stdout)
    by_method = {row["method"]: row for row in rows}
    assert by_method["svd"]["final"] == by_method["dense"]["final"] == "Infinity"
    assert (by_method["svd"]["drop"], by_method["svd"]["final_sd"]) == (0, 0)
    assert by_method["spoiling"]["drop"] == "Infinity"
    assert (by_method["svd"]["standing"], by_method["spoiling"]["standing"]) == ("leader", "worse")
    for form, sign in (("markdown", "∞"), ("csv", "inf"), ("latex", r"\infty")):
        text = decompbench("leaderboard", "tiny", "--format", form, results=run.results).stdout
        assert sign in text
        assert "nan" not in text.lower()
    chosen = decompbench("leaderboard", "tiny", "--sort", "final:desc", "--filter", "final>100", results=run.results)
    assert "svd" in chosen.stdout
    assert "spoiling" not in chosen.stdout


def test_ranks(run):
    ranked = decompbench("rank", "tiny", "--budget", "params=50%", "--tolerance", "0.5", results=run.results)
    assert ranked.returncode == 0, ranked.stderr
    assert "nan" not in ranked.stdout.lower()
    told = strict(decompbench(
        "rank", "tiny", "--budget", "params=50%", "--tolerance", "0.5", "--format", "json", results=run.results
    ).stdout)  # fmt: skip
    (cell,) = told["cells"]
    dense, first, second = cell["rows"]
    assert (dense["method"], first["method"], second["method"]) == ("dense", "svd", "spoiling")
    assert (first["rank"], first["quality"], first["interval"]) == (1, "Infinity", ["Infinity", "Infinity"])
    assert second["difference"] == ["-Infinity", "-Infinity"]
    assert cell["hypervolumes"] == {}


def test_comparisons(run, tmp_path):
    same = decompbench("compare", run.results, run.results)
    assert same.returncode == 0
    assert "no regression" in same.stdout
    worse = tmp_path / "worse" / "tiny" / run.records_file.parent.name
    worse.mkdir(parents=True)
    records, _ = read_records(run.records_file)
    with (worse / "records.jsonl").open("w") as file:
        for record in records:
            quality = {moment: values | {"psnr_y[test]": 40.0} for moment, values in record.measured.quality.items()}
            measured = record.measured.model_copy(update={"quality": quality, "decomposition": None})
            file.write(record.model_copy(update={"measured": measured}).line())
    lost = decompbench("compare", run.results, tmp_path / "worse")
    assert lost.returncode == 1
    assert "-∞" in lost.stdout
    assert "nan" not in lost.stdout.lower()
    gained = decompbench("compare", tmp_path / "worse", run.results, "--json")
    found = strict(gained.stdout)
    verdicts = {row["method"]: row["verdict"] for row in found["rows"]}
    assert verdicts["svd"] == verdicts["dense"] == "improvement"


def test_page_figure_tables_and_validation(run, tmp_path):
    page = decompbench("leaderboard", "tiny", "--format", "html", "-o", tmp_path, results=run.results)
    assert page.returncode == 0, page.stderr
    figure = decompbench("figure", "pareto", "tiny", "-o", tmp_path / "pareto.svg", results=run.results)
    assert figure.returncode == 0, figure.stderr
    assert (tmp_path / "pareto.svg").stat().st_size > 1000
    tables = decompbench("tables", "--out", tmp_path / "tables", results=run.results)
    assert tables.returncode == 0, tables.stderr
    frame = load_frame(run.results)
    assert np.isinf(frame["finished_psnr_y[test]"][frame["method"] != "spoiling"].astype(float)).all()
    valid = decompbench("validate", run.results, "--no-plan")
    assert valid.returncode == 0, valid.stdout
