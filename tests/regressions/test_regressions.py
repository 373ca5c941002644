"""The verdict of `make regressions`, on results that are made up."""

from __future__ import annotations

import pytest
import regressions

from .made_up import COMPRESS, ERROR, FAILED, MACHINE, MACS, MEMORY, SKIPPED, STEADY, VALUES, Project

SLOW = tuple(1.5 * second for second in STEADY)
RESTLESS = (0.5, 0.6, 2.9, 3.0, 0.7, 2.5, 1.5, 0.5, 2.8, 1.6)
"""Samples whose median is 1.55 s, and which tell nothing."""
MACS_OF_ONE, MACS_OF_TWO = VALUES[MACS]


def compare(project: Project, *arguments: str) -> int:
    return regressions.main(
        ["HEAD~1", "--no-run", "--config", str(project.config), "--machine", MACHINE, *arguments]
    )  # fmt: skip


@pytest.fixture(scope="module")
def repository(tmp_path_factory) -> Project:
    return Project(tmp_path_factory.mktemp("repository"))


@pytest.fixture
def project(repository: Project, monkeypatch) -> Project:
    """A project with results of its first commit."""
    monkeypatch.chdir(repository.folder)  # the script goes to the configuration's folder
    repository.forget()
    repository.write(0, {})
    return repository


def test_equal_results_pass(project, capsys):
    project.write(1, {})
    assert compare(project) == 0
    assert "8 results compared" in (said := capsys.readouterr().out)
    assert "no regression" in said


@pytest.mark.parametrize("by", [1, -1])
def test_an_exact_count_that_changes_by_one_fails(project, capsys, by):
    project.write(1, {MACS: (MACS_OF_ONE, MACS_OF_TWO + by)})
    assert compare(project) == 1
    said = capsys.readouterr().out
    assert f"FAIL  {MACS}('two'): an exact count changed: 12,204,672 MACs -> {MACS_OF_TWO + by:,} MACs" in said
    assert f"{MACS}('one')" not in said


@pytest.mark.parametrize(("error", "code"), [(9.5, 0), (10.4, 0), (10.6, 1), (2.0, 0)])
def test_an_error_may_grow_by_its_tolerance(project, capsys, error, code):
    project.write(1, {ERROR: (8.0, error)})
    assert compare(project) == code
    assert ("changed by" in capsys.readouterr().out) == (error != 9.5)


@pytest.mark.parametrize(
    ("samples", "factor", "code"), [(SLOW, "1.3", 1), (SLOW, "1.6", 0), (RESTLESS, "1.3", 0)],
    ids=["slower", "within the factor", "too restless to tell"],
)  # fmt: skip
def test_a_time_has_to_grow_by_the_factor_and_significantly(project, capsys, samples, factor, code):
    project.write(1, {COMPRESS: (STEADY, samples)})
    assert compare(project, "--factor", factor) == code
    assert ("got worse" in capsys.readouterr().out) == bool(code)


@pytest.mark.parametrize(
    ("second", "code"), [((STEADY, SLOW), 1), ((STEADY, STEADY), 0), ((SLOW, STEADY), 0)],
    ids=["slower again", "by chance", "another one by chance"],
)  # fmt: skip
def test_what_got_worse_is_measured_a_second_time(project, capsys, monkeypatch, second, code):
    measured = []

    def measure(commits, machine, options, patterns):
        measured.append(patterns)
        project.write(1, {COMPRESS: (STEADY, SLOW) if len(measured) == 1 else second})

    monkeypatch.setattr(regressions, "measure", measure)
    assert regressions.main(["HEAD~1", "--config", str(project.config), "--machine", MACHINE]) == code
    assert measured == [[], [r"^speed\.Compression\.time_compress\('two'\)$"]]
    said = capsys.readouterr().out
    assert f"measured again, as they got worse: {COMPRESS}('two')\n" in said
    assert ("no regression" in said) == (code == 0)


def test_nothing_is_measured_again_where_nothing_got_worse(project, monkeypatch):
    measured = []
    monkeypatch.setattr(regressions, "measure", lambda *_: measured.append(1) or project.write(1, {}))
    assert regressions.main(["HEAD~1", "--config", str(project.config), "--machine", MACHINE]) == 0
    assert measured == [1]


def test_memory_has_to_grow_by_the_factor(project):
    project.write(1, {MEMORY: (600e6, 700e6)})
    assert compare(project) == 0
    project.write(1, {MEMORY: (600e6, 900e6)})
    assert compare(project) == 1


@pytest.mark.parametrize("name", [MACS, COMPRESS])
@pytest.mark.parametrize(("before", "after", "code", "what"), [
    ("value", FAILED, 1, "fails"), (FAILED, FAILED, 1, "fails"), ("value", SKIPPED, 1, "is skipped now"),
    (SKIPPED, "value", 0, "is new"), (FAILED, "value", 0, "not comparable, it failed before"),
])  # fmt: skip
def test_what_fails_or_is_skipped_is_told(project, capsys, name, before, after, code, what):
    one, two = VALUES[name]
    project.write(0, {name: (one, two if before == "value" else before)})
    project.write(1, {name: (one, two if after == "value" else after)})
    assert compare(project) == code
    assert f"{name}('two'): {what}" in capsys.readouterr().out


def test_what_was_skipped_before_may_be_skipped(project):
    for commit in (0, 1):
        project.write(commit, {MACS: (MACS_OF_ONE, SKIPPED)})
    assert compare(project) == 0


def test_a_base_on_which_nothing_runs_is_no_base(project, capsys):
    project.write(0, {name: (FAILED, FAILED) for name in VALUES})
    project.write(1, {})
    assert compare(project) == 2
    assert "no benchmark ran on HEAD~1" in capsys.readouterr().err


def test_another_version_of_a_benchmark_is_not_compared(project, capsys):
    project.write(1, {MACS: (1, 2)}, version="2")
    assert compare(project) == 0
    assert f"note  {MACS}('one'): not comparable" in capsys.readouterr().out


def test_only_the_benchmarks_asked_for_are_compared(project):
    project.write(1, {MACS: (MACS_OF_ONE, 1), COMPRESS: (STEADY, SLOW)})
    assert compare(project, "--bench", "track_top1_error") == 0
    assert compare(project, "--bench", "track_macs.*one") == 0
    assert compare(project, "--bench", "time_compress.*one") == 0
    assert compare(project, "--bench", "time_compress.*two") == 1


@pytest.mark.parametrize(("arguments", "message"), [
    (["nothing-like-it"], "there is no revision 'nothing-like-it'"),
    (["HEAD"], "HEAD and HEAD are the same revision"),
    (["HEAD~1", "--bench", "nothing"], "no benchmark in common"),
    (["HEAD~1", "--machine", "elsewhere"], "no benchmark in common"),
])  # fmt: skip
def test_what_cannot_be_compared_is_said_in_a_line(project, capsys, arguments, message):
    project.write(1, {})
    code = regressions.main(["--no-run", "--config", str(project.config), "--machine", MACHINE, *arguments])
    assert code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
