"""Control groups: quotas in both versions, those of the groups above included."""

import pytest

from decompbench.bench.base.machine import control_groups
from decompbench.bench.base.machine.control_groups import cpu_groups, quota_cores, throttled_periods


@pytest.fixture
def system(tmp_path, monkeypatch):
    """Return a function that says which groups the process is in; the second value is where their files lie."""
    monkeypatch.setattr(control_groups, "MEMBERSHIP", tmp_path / "cgroup")
    monkeypatch.setattr(control_groups, "ROOT", tmp_path / "fs")
    return lambda *lines: (tmp_path / "cgroup").write_text("".join(f"{line}\n" for line in lines)), tmp_path / "fs"


def write(folder, **files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(f"{text}\n")


def test_the_tightest_quota_of_all_groups_around_holds(system):
    member, root = system
    member("0::/outer/inner")
    write(root / "outer" / "inner", cpu__max="max 100000", cpu__stat="nr_periods 9\nnr_throttled 1")
    write(root / "outer", cpu__max="150000 100000", cpu__stat="nr_throttled 4\nthrottled_usec 900")
    write(root / "beside", cpu__max="10000 100000")
    assert cpu_groups() == [root / "outer" / "inner", root / "outer", root]
    assert quota_cores() == 1.5
    assert throttled_periods() == 5


def test_version_1_has_a_tree_for_the_processor_alone(system):
    member, root = system
    member("3:memory:/elsewhere", "2:cpu,cpuacct:/job", "0::/")
    write(root / "cpu,cpuacct" / "job", cpu__cfs_quota_us="50000", cpu__cfs_period_us="100000")
    write(root / "cpu,cpuacct", cpu__cfs_quota_us="-1", cpu__cfs_period_us="100000")
    assert quota_cores() == 0.5


def test_a_path_of_the_host_leaves_the_containers_root(system):
    member, root = system
    member("0::/../../host/container")
    write(root, cpu__max="200000 100000")
    assert quota_cores() == 2


@pytest.mark.parametrize("text", ["max 100000", "", "nonsense", "100000 0"])
def test_no_quota_where_none_is_told(text, system):
    member, root = system
    member("0::/")
    write(root, cpu__max=text)
    assert quota_cores() is None


def test_a_system_without_control_groups_has_none(system):
    assert (cpu_groups(), quota_cores(), throttled_periods()) == ([], None, 0)
