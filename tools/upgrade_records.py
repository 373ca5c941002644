"""Rewrite lines of older versions in records files as lines of the present one, with its keys and checksums.

python tools/upgrade_records.py results/quick
python tools/upgrade_records.py results/mine --pretrained 0123…  # SHA-256 of the state that baselines were trained from

Reading upgrades lines, too, and changes no file: this is for files that are kept in a repository. A record of before
version 3 whose baseline was trained from pretrained weights does not tell from which; ``--pretrained`` does.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from decompbench.bench.base.provenance.software import key_of
from decompbench.bench.records.record import Record
from decompbench.bench.records.store import read_records
from decompbench.common.files import write_atomically


def upgraded(path: Path, pretrained: str | None = None) -> tuple[bytes, int]:
    """Return the content that a records file is to have, and how many of its lines change.

    Raises
    ------
    ValueError
        A line cannot be read: nothing must be lost.
    """
    records, damages = read_records(path)
    if damages:
        raise ValueError("; ".join(map(str, damages)))
    lines = [_named(record, pretrained).line() for record in records]
    before = path.read_text(encoding="utf-8").splitlines(keepends=True)
    changed = sum(line != old for line, old in zip(lines, before, strict=True))
    return "".join(lines).encode(), changed


def _named(record: Record, pretrained: str | None) -> Record:
    """Return a record with the weights named that its baseline was trained from, where they are not."""
    weights = record.identity["weights"]
    start = weights.get("start", {})
    if pretrained is None or start.get("from") != "pretrained" or start.get("sha256") is not None:
        return record
    identity = record.identity | {"weights": weights | {"start": start | {"sha256": pretrained}}}
    return record.model_copy(update={"identity": identity, "key": key_of(identity)})


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="of all results, of a suite, or of one machine's")
    parser.add_argument("--pretrained", metavar="SHA256", help="state that the baselines there were trained from")
    options = parser.parse_args()
    for path in sorted(options.folder.rglob("records.jsonl")):
        content, changed = upgraded(path, options.pretrained)
        if changed:
            write_atomically(path, content)
        print(f"{path}: {changed} lines rewritten", file=sys.stderr)


if __name__ == "__main__":
    main()
