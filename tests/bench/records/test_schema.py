"""The schema of records: versions, migrations from one to the next, documented fields, checksums."""

import hashlib
import json
import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from decompbench.bench.records.checksum import SealError, check_seal
from decompbench.bench.records.lines import read_line
from decompbench.bench.records.migrations import MIGRATIONS, SCHEMA_MINOR, SCHEMA_VERSION
from decompbench.bench.records.record import Record
from decompbench.bench.records.store import read_records
from tests.places import DOCS, ROOT, TOOLS

from ..factories import make_record, resealed

NOTABLE_LOAD = 0.3
RECORDS = Path(__file__).parent
BENCH = ROOT / "bench"
SCHEMA = runpy.run_path(str(TOOLS / "schema.py"))
OLD = sorted(RECORDS.glob("*.jsonl"))


def document(name):
    return json.loads((RECORDS / name).read_text())


def test_every_version_has_a_step_to_the_next_and_a_line_that_is_kept():
    """Raising SCHEMA_VERSION takes a step in bench/records/migrations.py and a kept line of the new version here."""
    assert sorted(MIGRATIONS) == list(range(1, SCHEMA_VERSION))
    kept = {json.loads(file.read_text())["schema_version"] for file in OLD}
    assert kept == set(range(1, SCHEMA_VERSION + 1))


@pytest.mark.parametrize("path", OLD, ids=lambda path: path.stem)
def test_lines_of_all_versions_are_read(path):
    (record,), damages = read_records(path)
    assert not damages
    assert record.schema_version == SCHEMA_VERSION
    assert record.measured.counts is not None
    assert all(latency.form for latency in record.measured.latency)
    parts = [record, record.measured, *record.measured.latency, record.measured.counts, record.method]
    assert [part.model_extra for part in parts] == [{}] * len(parts)
    written = record.line()
    assert Record.model_validate(read_line(written.removesuffix("\n").encode())[0]) == record


def test_a_line_of_the_present_version_is_written_again_as_it_is():
    """A field that came, went or moved changes the line: raise SCHEMA_VERSION then."""
    path = RECORDS / f"v{SCHEMA_VERSION}.jsonl"
    (record,), _ = read_records(path)
    assert record.line() == path.read_text()


def test_a_memory_format_becomes_a_form():
    old = document("v1-memory-format.jsonl")
    loads = [latency["other_load"] for latency in old["measured"]["latency"]]
    assert any(load > NOTABLE_LOAD for load in loads)
    (record,), _ = read_records(RECORDS / "v1-memory-format.jsonl")
    assert record.trial.measure["forms"] == ["eager"]
    assert [latency.form for latency in record.measured.latency] == ["eager"] * len(loads)
    assert [latency.noise for latency in record.measured.latency] == [
        ["load"] if load > NOTABLE_LOAD else [] for load in loads
    ]
    old["trial"]["measure"]["memory_format"] = "channels_last"
    old["measured"]["latency"][0]["memory_format"] = "channels_last"
    new, written = read_line(json.dumps(old).encode())
    assert written == 1
    assert new["trial"]["measure"]["forms"] == ["channels_last"]
    assert new["measured"]["latency"][0]["form"] == "channels_last"
    assert "memory_format" not in json.dumps(new["measured"]["latency"])


def test_layers_that_are_left_dense_stay_in_the_identity_of_an_older_record():
    keys = set()
    for pattern in ("layer1*", "layer2*"):
        old = document("v2.jsonl")
        old["trial"]["method"]["overrides"] = {pattern: None}
        new, _ = read_line(resealed(json.dumps(old, separators=(",", ":"), ensure_ascii=False)).encode())
        assert new["identity"]["method"]["overrides"] == {pattern: None}
        keys.add(new["key"])
    assert len(keys) == 2


def test_fields_of_a_newer_minor_version_are_kept(trials):
    line = make_record(trials[0]).line()
    document = json.loads(line) | {"schema_minor": SCHEMA_MINOR + 1, "weather": "fine"}
    document["trial"] |= {"hope": [1, {"x": None}]}
    document["measured"] |= {"latency": [], "energy": {"joules": 3.5}}
    newer = resealed(json.dumps(document, separators=(",", ":"), ensure_ascii=False))
    record = Record.model_validate(read_line(newer.encode())[0])
    again = json.loads(record.line())
    assert {key: again[key] for key in document if key != "checksum"} == {
        key: value for key, value in document.items() if key != "checksum"
    }


def test_old_lines_are_read_without_suites_recipes_variants_methods_or_timm(tmp_path):
    """In a copy of the package without any packaged YAML file, and where torch and timm cannot be imported."""
    script = """
import sys
sys.modules |= dict.fromkeys(("torch", "timm", "torchvision", "scipy"))
from pathlib import Path
from decompbench.bench.records.store import read_records
import decompbench.bench
assert not list(Path(decompbench.bench.__file__).parent.rglob("*.yaml"))
for path in sys.argv[1:]:
    (record,), damages = read_records(Path(path))
    assert not damages
    print(record.key)
"""
    package = tmp_path / "decompbench" / "bench"
    shutil.copytree(BENCH, package, ignore=shutil.ignore_patterns("*.yaml", "__pycache__", "*.xz"))
    shutil.copytree(BENCH.parent / "common", package.parent / "common") if (BENCH.parent / "common").exists() else None
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-S", "-c", f"import sys; sys.path += {sys.path!r}\n{script}", *map(str, OLD)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [read_records(path)[0][0].key for path in OLD]


def test_what_does_not_fit_is_said(trials):
    line = make_record(trials[0]).line().removesuffix("\n")
    newer = resealed(line.replace(f'"schema_version":{SCHEMA_VERSION}', '"schema_version":99'))
    with pytest.raises(ValueError, match=r"schema_version 99 is newer than this program knows .*: read it with"):
        read_line(newer.encode())
    with pytest.raises(ValueError, match="no checksum"):
        read_line(line[:-31].encode() + b"}")
    with pytest.raises(ValueError, match="it was changed"):
        read_line(line.replace('"status":"ok"', '"status":"oom"').encode())
    with pytest.raises(ValueError, match="there has never been one"):
        read_line(b'{"schema_version":0}')
    with pytest.raises(ValueError, match="not a whole record"):
        read_line(b'{"schema_version":1,"measured":[]}')


def test_a_checksum_is_what_the_docs_say_it_is(trials):
    line = make_record(trials[0]).line().encode().removesuffix(b"\n")
    assert json.loads(line)["checksum"] == hashlib.sha256(line[: line.index(b',"checksum"')]).hexdigest()[:16]
    (code,) = [block for block in (DOCS / "records.md").read_text().split("```python\n") if "def is_whole" in block]
    names = {}
    exec(code.partition("```")[0], names)
    assert names["is_whole"](line + b"\n")
    assert not names["is_whole"](line.replace(b'"seconds":1.0', b'"seconds":2.0'))


@pytest.mark.parametrize("position", [0, 1, 20, -40, -31, -20, -3, -1])
def test_a_flipped_bit_anywhere_is_found(trials, position):
    line = bytearray(make_record(trials[0]).line().encode().removesuffix(b"\n"))
    check_seal(bytes(line))
    line[position] ^= 1
    with pytest.raises(SealError):
        check_seal(bytes(line))


def test_every_field_is_documented():
    schema = SCHEMA["record_schema"]()
    parts = {"Record": schema, **schema["$defs"]}
    bare = [
        f"{name}.{field}"
        for name, part in parts.items()
        for field, value in part["properties"].items()
        if len(value.get("description", "")) < 5 or value["description"] == "See ``."
    ]
    assert not bare, "write what it means, with its unit, right below the field"


def test_the_docs_are_those_of_the_code():
    for path, content in SCHEMA["files"]():
        assert path.read_text(encoding="utf-8") == content, "python tools/schema.py writes them anew"
