"""The drawn part of a machine's id: the same for ever on one machine, another on one that is like it."""

import json
import os
import re
import subprocess
import sys

import pytest

from decompbench.bench.base.errors import StoreError
from decompbench.bench.base.machine import describe_machine, identity, identity_problem
from decompbench.bench.base.machine.identity import UNKEPT, drawn_part, identity_file

#: The committed reference was measured on a machine that described itself so.
REFERENCE_ID = "intel-xeon-2c-7182ddc3"


@pytest.fixture(autouse=True)
def settings(tmp_path, monkeypatch):
    """Settings of a user who has none yet, on a system without a number of its own."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr(identity, "SYSTEM_ID", tmp_path / "machine-id")
    return tmp_path / "config" / "decompbench"


def test_the_part_is_drawn_once_and_kept(settings):
    part = drawn_part()
    assert re.fullmatch("[0-9a-f]{6}", part)
    assert drawn_part() == part
    assert [file.name for file in settings.iterdir()] == ["machine.json"]
    assert json.loads((settings / "machine.json").read_text()) == {"part": part}
    assert identity_problem() is None


def test_two_machines_that_are_alike_have_two_ids(tmp_path, monkeypatch):
    one = describe_machine()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "other"))
    other = describe_machine()
    assert one["id"] != other["id"]
    assert one | {"id": ""} == other | {"id": ""}
    assert one["id"].rpartition("-")[0] == other["id"].rpartition("-")[0]  # that they are alike can be seen


def test_machines_that_share_a_home_folder_have_two_ids(tmp_path):
    (tmp_path / "machine-id").write_text("0123456789abcdef0123456789abcdef\n")
    one, file = drawn_part(), identity_file()
    (tmp_path / "machine-id").write_text("fedcba9876543210fedcba9876543210\n")
    assert drawn_part() != one
    assert identity_file() != file
    assert "0123456789" not in file.name
    (tmp_path / "machine-id").write_text("0123456789abcdef0123456789abcdef\n")
    assert drawn_part() == one


@pytest.mark.parametrize("number", ["", "uninitialized\n", "\xff\xfe"])
def test_a_system_without_a_number_keeps_the_part_under_the_plain_name(tmp_path, number):
    (tmp_path / "machine-id").write_text(number, encoding="latin-1")
    assert identity_file().name == "machine.json"


def test_processes_that_ask_at_once_agree(settings):
    code = f"""
import pathlib, time
from decompbench.bench.base.machine import identity
identity.SYSTEM_ID = pathlib.Path({str(settings / "none")!r})
while not pathlib.Path({str(settings.parent)!r}).exists():
    time.sleep(0.001)
print(identity.drawn_part())
"""
    started = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(6)]
    settings.parent.mkdir()
    parts = {process.communicate(timeout=60)[0].strip() for process in started}
    assert parts == {drawn_part()}
    assert [file.name for file in settings.iterdir()] == ["machine.json"]


def test_one_that_loses_the_race_takes_what_the_other_drew(settings, monkeypatch):
    link = os.link

    def late(source, target):
        target.write_text('{"part": "abcdef"}\n')
        link(source, target)

    monkeypatch.setattr(os, "link", late)
    assert drawn_part() == "abcdef"


def test_where_it_cannot_be_kept_the_id_says_so_and_is_no_other_machines(settings, monkeypatch):
    settings.parent.mkdir()
    settings.write_text("a file where the folder would be")
    assert drawn_part() == drawn_part() == UNKEPT
    assert describe_machine()["id"].endswith(f"-{UNKEPT}")
    assert not re.search(r"-[0-9a-f]{8}$", describe_machine()["id"])  # as ids ended before, such as the reference's
    problem = identity_problem()
    assert problem is not None
    assert str(settings) in problem
    assert "DECOMPBENCH_MACHINE=NAME" in problem
    monkeypatch.setenv("DECOMPBENCH_MACHINE", "lab-3")
    assert identity_problem() is None
    assert describe_machine()["id"] == "lab-3"


def test_a_user_without_a_home_folder_is_told(monkeypatch):
    monkeypatch.delenv("XDG_CONFIG_HOME")

    def expanduser(path):
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr("pathlib.Path.expanduser", expanduser)
    assert drawn_part() == UNKEPT
    assert "home" in (identity_problem() or "")


@pytest.mark.parametrize("content", ["", "rubbish", "{}", '{"part": 5}', '{"part": "../../x"}', "[]"])
def test_a_damaged_file_is_named_and_not_replaced(settings, content):
    settings.mkdir(parents=True)
    (settings / "machine.json").write_text(content)
    with pytest.raises(StoreError, match=r"machine\.json is damaged: remove it"):
        drawn_part()
    assert (settings / "machine.json").read_text() == content


def test_the_reference_machine_keeps_its_id_by_name(monkeypatch):
    monkeypatch.setenv("DECOMPBENCH_MACHINE", REFERENCE_ID)
    assert describe_machine()["id"] == REFERENCE_ID
