"""Keys: no source that decides an outcome is left out of them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from decompbench.bench.base import provenance as fingerprint
from decompbench.bench.base.provenance import OUTCOME_SOURCES, TRAINING_SOURCES, source_hash

BENCH = Path(fingerprint.__file__).parent

#: By what it is that they do instead of deciding an outcome.
IN_NO_KEY = {
    "decide on settings, which are in the key": {
        "data_name.py", "form_name.py", "measure_settings.py", "named_recipe.py", "packaged_baselines.py",
        "recipe_files.py", "recipes", "strict.py", "suite.py", "suite_file.py", "suite_yaml.py", "suites", "trial.py",
        "variant.py", "variants",
    },
    "look before a trial, make its key and start it": {
        "checked.py", "control_groups.py", "fingerprint.py", "machine.py", "preload.py", "preview.py", "process.py",
        "runner.py", "shapes.py", "survey.py",
    },
    "write, read and say": {
        "__init__.py", "atomic_file.py", "cache.py", "cli", "columns.py", "compare", "cost_budget.py", "derived.py",
        "describe.py",
        "errors.py", "figures", "frame.py", "frame_columns.py", "latex.py", "leaderboard.py", "leaders.py",
        "migrations.py", "page", "progress.py", "published", "ranking",
        "record.py", "record_line.py", "render.py", "row_filter.py", "row_notes.py", "seal.py", "seeds.py",
        "shown_metrics.py", "store.py", "suite_errors.py",
        "superseded.py", "text_output.py", "text_table.py", "timing_record.py", "validate", "words.py",
    },
    "are another command": {"doctor", "sweep"},
    "are asv's, which imports the package from outside": {"asv"},
}  # fmt: skip


def test_every_part_of_bench_is_in_the_keys_or_is_named_as_left_out() -> None:
    parts = {path.name for path in BENCH.iterdir() if path.suffix == ".py" or any(path.glob("**/*.py"))}
    left_out = set().union(*IN_NO_KEY.values())
    assert not left_out & set(OUTCOME_SOURCES)
    assert left_out | set(OUTCOME_SOURCES) == parts


@pytest.mark.parametrize("part", ["baseline.py", "distributed.py", "planning.py", "tasks/base.py"])
def test_a_changed_source_changes_the_keys_that_it_is_in(part: str, tmp_path: Path, monkeypatch) -> None:
    for name in OUTCOME_SOURCES:
        copy = shutil.copytree if (BENCH / name).is_dir() else shutil.copy
        copy(BENCH / name, tmp_path / name)
    monkeypatch.setattr(fingerprint, "__file__", str(tmp_path / "fingerprint.py"))
    hashes = lambda: [source_hash.__wrapped__(dense=dense) for dense in (False, True)]  # noqa: E731
    before = hashes()
    (tmp_path / part).open("a").write("# changed")
    after = hashes()
    assert before[0] != after[0]
    assert (before[1] != after[1]) == (part.partition("/")[0] in TRAINING_SOURCES)
