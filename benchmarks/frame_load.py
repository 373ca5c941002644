"""Time and memory of loading many records as one frame, with and without Parquet tables.

    python benchmarks/frame_load.py             # 100,000 records, of which 10,000 without Parquet
    python benchmarks/frame_load.py --records 5000

The records are those of results/quick under other keys, names, methods' labels and seeds.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from decompbench.bench.records.checksum import sealed
from decompbench.bench.reports.export.derived import write_flat

QUICK = Path(__file__).parents[1] / "results" / "quick"
#: Run in a process of its own, so that the peak is its alone and importing counts.
LOAD = """
import re, sys, time
from pathlib import Path
start = time.perf_counter()
from decompbench.bench.records.frame import load_frame
imported = time.perf_counter()
frame = load_frame(sys.argv[1])
end = time.perf_counter()
# of this program alone: getrusage counts the process it was forked from, too
peak = int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) / 1024
print(f"{len(frame):,} rows, {frame.shape[1]} columns: {imported - start:.2f} s of imports, "
      f"{end - imported:.2f} s of loading, {peak:,.0f} MiB at most")
"""


def write_records(folder: Path, count: int) -> int:
    """Write ``count`` records of 10 machines into ``folder``; return their bytes."""
    (file,) = QUICK.glob("*/records.jsonl")
    documents = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    size = 0
    for machine in range(10):
        path = folder / "quick" / f"machine-{machine}" / "records.jsonl"
        path.parent.mkdir(parents=True)
        with path.open("w", encoding="utf-8") as lines:
            for number in range(machine, count, 10):
                document = documents[number % len(documents)]
                document.pop("checksum", None)
                label, seed = f"{document['method']['name']}-{number // 1000}", number % 1000
                document["schema_version"] = 2
                document["key"] = f"{number:064x}"
                document["machine"] = path.parent.name
                document["method"]["label"] = document["trial"]["method"]["label"] = label
                document["trial"]["seed"] = seed
                document["name"] = f"{document['table']}/{label}/seed{seed}"
                size += lines.write(sealed(json.dumps(document, separators=(",", ":"), ensure_ascii=False)) + "\n")
    return size


def load(folder: Path, what: str) -> None:
    """Load in a process of its own and print what it took."""
    done = subprocess.run([sys.executable, "-c", LOAD, str(folder)], check=True, capture_output=True, text=True)
    print(f"{what}: {done.stdout.strip()}", flush=True)


def main() -> None:
    """Make the records, load them in both ways."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--records", type=int, default=100_000, help="with Parquet")
    parser.add_argument("--lines", type=int, default=10_000, help="without Parquet, which takes as long for each")
    parser.add_argument("--folder", type=Path, help="for temporary files; needs about 20 kB a record")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        few = min(arguments.records, arguments.lines)
        size = write_records(Path(name), few)
        load(Path(name), f"lines alone ({size / 1e6:,.0f} MB)")
        shutil.rmtree(Path(name, "quick"))
        size = write_records(Path(name), arguments.records)
        start = time.perf_counter()
        for file in Path(name).glob("*/*/records.jsonl"):
            write_flat(file, file)
        seconds = time.perf_counter() - start
        print(f"Parquet and CSV written of {size / 1e6:,.0f} MB in {seconds:.1f} s", flush=True)
        load(Path(name), "Parquet")


if __name__ == "__main__":
    main()
