"""Records files: never half a record, nothing lost, nothing silent."""

import contextlib
import os
import resource
import signal
import subprocess
import sys
import textwrap

import pytest

from decompbench.bench.base.errors import RunLockedError, StoreError
from decompbench.bench.base.machine import describe_machine, write_machine
from decompbench.bench.records.migrations import SCHEMA_VERSION
from decompbench.bench.records.store import BYTES_PER_RECORD, RecordStore

from ..factories import make_record, wait_for


@contextlib.contextmanager
def largest_file(size):
    """Let no file of this process grow past ``size`` bytes: what a full disk does, without one."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)


@contextlib.contextmanager
def mounted(folder, options):
    """Mount a disk in memory at ``folder``; skips the test where this is not allowed."""
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting a disk needs more rights than these")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_what_is_appended_is_read_back_equal_and_in_order(tmp_path, trials):
    store = RecordStore(tmp_path / "suite" / "machine")
    records = [make_record(trial, quality={"start": {"top1": 91.123456789}}) for trial in trials]
    for record in records:
        store.append(record)
    read, damages = store.read()
    assert not damages
    assert [record.line() for record in read] == [record.line() for record in records]
    assert read[0].measured.quality["start"]["top1"] == 91.123456789
    assert len(store.path.read_bytes().splitlines()) == 3


def test_no_file_means_no_records(tmp_path):
    assert RecordStore(tmp_path).read() == ([], [])


def test_values_that_are_not_finite_are_stored_as_null(tmp_path, trials):
    store = RecordStore(tmp_path)
    history = [{"loss": float("nan")}]
    training = {"epochs": 1, "steps": 1, "seconds": 1.0, "history": history}
    store.append(make_record(trials[0], training=training))
    assert "NaN" not in store.path.read_text()
    (record,), damages = store.read()
    assert not damages
    assert record.measured.training.history == [{"loss": None}]


def test_damaged_lines_are_named_and_the_rest_is_read(tmp_path, trials):
    store = RecordStore(tmp_path)
    for trial in trials:
        store.append(make_record(trial))
    lines = store.path.read_text().splitlines()
    newer = lines[0].replace(f'"schema_version":{SCHEMA_VERSION}', '"schema_version":99')
    store.path.write_text("\n".join([lines[0], lines[1][:100], "{}", newer, lines[2].replace('"key"', '"kex"')]))
    records, damages = store.read()
    assert [record.name for record in records] == [trials[0].name]
    assert [damage.line for damage in damages] == [2, 3, 4, 5]
    text = [str(damage) for damage in damages]
    assert text[0].startswith(f"{store.path}:2: not JSON")
    assert "no schema_version" in text[1]
    assert "schema_version 99 is newer" in text[2]
    assert "damaged: checksum" in text[3]


def test_record_after_a_damaged_end_gets_a_line_of_its_own(tmp_path, trials):
    store = RecordStore(tmp_path)
    store.append(make_record(trials[0]))
    with store.path.open("a") as file:
        file.write('{"schema_version": 1, "key": "cut o')
    store.append(make_record(trials[1]))
    records, damages = store.read()
    assert [record.name for record in records] == [trials[0].name, trials[1].name]
    assert [damage.line for damage in damages] == [2]


def test_write_that_fails_half_way_leaves_the_file_as_it_was(tmp_path, trials):
    store = RecordStore(tmp_path)
    store.append(make_record(trials[0]))
    before = store.path.read_bytes()
    with largest_file(len(before) + 100), pytest.raises(StoreError, match="as it was before") as caught:
        store.append(make_record(trials[1]))
    assert trials[1].name in str(caught.value)
    assert store.path.read_bytes() == before
    store.append(make_record(trials[1]))
    assert len(store.read()[0]) == 2


def test_full_disk_is_found_before_a_run_and_never_leaves_half_a_record(tmp_path, trials):
    with mounted(tmp_path, "size=64k"):
        store = RecordStore(tmp_path / "suite" / "machine")
        with pytest.raises(StoreError, match="too little space"):
            store.check(1)
        written = 0
        with pytest.raises(StoreError, match="No space left"):  # noqa: PT012 (how many fit is not ours to know)
            while written < 1000:
                store.append(make_record(trials[0]))
                written += 1
        records, damages = store.read()
        assert 0 < len(records) == written
        assert not damages


def test_space_wanted_grows_with_the_number_of_records(tmp_path):
    free = os.statvfs(tmp_path).f_bavail * os.statvfs(tmp_path).f_frsize
    with pytest.raises(StoreError, match="too little space"):
        RecordStore(tmp_path).check(2 * free // BYTES_PER_RECORD)


def test_folder_that_cannot_be_made_is_said_before_a_run(tmp_path):
    (tmp_path / "suite").write_text("a file where a folder should be")
    with pytest.raises(StoreError, match="cannot write results to"):
        RecordStore(tmp_path / "suite" / "machine").check(1)


def test_read_only_folder_is_said_before_a_run(tmp_path):
    if os.geteuid() != 0:
        tmp_path.chmod(0o500)
        with pytest.raises(StoreError, match="Permission denied"):
            RecordStore(tmp_path / "suite" / "machine").check(1)
        return
    with mounted(tmp_path, "ro"), pytest.raises(StoreError, match="Read-only"):
        RecordStore(tmp_path / "suite" / "machine").check(1)


def test_second_run_is_refused_and_names_the_first(tmp_path):
    script = textwrap.dedent(
        """
        import sys, time
        from pathlib import Path
        from decompbench.bench.records.store import RecordStore
        with RecordStore(Path(sys.argv[1])).run_lock():
            print("locked", flush=True)
            time.sleep(60)
        """
    )
    holder = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "locked\n"
        with pytest.raises(RunLockedError, match=f"process {holder.pid} "), RecordStore(tmp_path).run_lock():
            pass
    finally:
        holder.kill()
        holder.wait()
    wait_for(lambda: _can_lock(tmp_path))
    assert not list(tmp_path.iterdir())


def _can_lock(folder):
    with contextlib.suppress(RunLockedError), RecordStore(folder).run_lock():
        return True
    return False


def test_machine_is_described_once_and_without_its_name(tmp_path, monkeypatch):
    description = describe_machine()
    path = write_machine(tmp_path, description)
    assert path == tmp_path / "machines" / f"{description['id']}.json"
    assert os.uname().nodename not in path.read_text()
    path.write_text("kept")
    write_machine(tmp_path, description)
    assert path.read_text() == "kept"
    assert describe_machine() == description
    monkeypatch.setenv("DECOMPBENCH_MACHINE", "lab-3")
    assert describe_machine()["id"] == "lab-3"
    monkeypatch.setenv("DECOMPBENCH_MACHINE", "../lab")
    with pytest.raises(StoreError, match="use letters"):
        describe_machine()


WRITER = """
import os, signal, sys
from pathlib import Path
from decompbench.bench.records.record import Record
from decompbench.bench.records.store import RecordStore
folder, file, times, killed = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4] == "killed"
record = Record.model_validate_json(file.read_text())
if killed:
    whole = os.write
    def half(descriptor, content):
        whole(descriptor, content[: len(content) // 2])
        os.kill(os.getpid(), signal.SIGKILL)
    os.write = half
for number in range(times):
    RecordStore(folder).append(record.model_copy(update={"name": f"{os.getpid()} {number}"}))
"""


def start_writer(folder, record, times, how="whole"):
    """Start a process that appends a record, or half of one; its name becomes process and number."""
    file = folder / f"{record.trial.method.name}.json"
    if not file.exists():
        file.write_text(record.model_dump_json())
    return subprocess.Popen([sys.executable, "-c", WRITER, str(folder), str(file), str(times), how])


def test_several_writers_at_once_lose_and_mix_nothing(tmp_path, trials):
    long = make_record(trials[0], runtime={"text": "x" * 50_000})
    writers = [start_writer(tmp_path, long, 25) for _ in range(3)]
    assert [writer.wait(timeout=120) for writer in writers] == [0, 0, 0]
    records, damages = RecordStore(tmp_path).read()
    assert not damages
    assert sorted(record.name for record in records) == sorted(
        f"{writer.pid} {number}" for writer in writers for number in range(25)
    )
    for writer in writers:
        numbers = [int(r.name.split()[1]) for r in records if r.name.startswith(f"{writer.pid} ")]
        assert numbers == sorted(numbers)


def test_writer_killed_in_the_middle_of_a_line_harms_no_other(tmp_path, trials):
    store = RecordStore(tmp_path)
    store.append(make_record(trials[0]))
    killed = start_writer(tmp_path, make_record(trials[1]), 1, "killed")
    assert killed.wait(timeout=60) == -signal.SIGKILL
    assert not store.path.read_bytes().endswith(b"\n")
    store.append(make_record(trials[2]))
    records, damages = store.read()
    assert [record.name for record in records] == [trials[0].name, trials[2].name]
    assert [damage.line for damage in damages] == [2]
