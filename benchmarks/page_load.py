"""Size of the page of many records, and the time that Chromium takes to show it from disk.

The records are the committed ones, varied: each copy is another model on one of four machines, with sizes, qualities,
times and plans of its own, and sixty epochs of training curves. Printed are the bytes of the page and of its parts; and
the times since navigation of the first paint, of the table being there and answering, and of the plots being drawn, as
medians over several openings.

    python benchmarks/page_load.py
    python benchmarks/page_load.py --records 500 --openings 9
"""

from __future__ import annotations

import argparse
import random
import re
import shutil
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from decompbench.bench.records.find import find_records, latest
from decompbench.bench.records.record import Record
from decompbench.bench.reports.page import write_page

RESULTS = Path(__file__).parents[1] / "results"
EPOCHS = 60
MACHINES = 4
PART = re.compile(r'id="data-(\w+)">([^<]*)<')
PAINTS = "performance.getEntriesByType('paint').find((entry) => entry.name === 'first-contentful-paint')?.startTime"
MARK = "performance.getEntriesByName('decompbench:{}')[0]?.startTime"


def main() -> None:
    """Make the page, open it several times, print sizes and times."""
    options = parse()
    records = varied(options.records)
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        path = write_page(records, RESULTS, Path(folder))
        seconds = time.perf_counter() - start
        text = path.read_text()
        print(f"{len(records)} records: {len(text.encode()) / 1e6:.2f} MB, made in {seconds:.1f} s")
        for name, coded in PART.findall(text):
            print(f"  {name}: {len(coded) / 1e6:.2f} MB")
        for name, times in openings(path, options.openings).items():
            print(f"{name}: {median(times):.0f} ms ({min(times):.0f} to {max(times):.0f})")


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=2000)
    parser.add_argument("--openings", type=int, default=5)
    return parser.parse_args()


def varied(count: int) -> list[Record]:
    """Return so many records, the committed ones over and over, no two copies alike."""
    committed = [record.model_dump(mode="json") for record in latest(find_records(RESULTS)[0])]
    generator = random.Random(0)
    copies = (count + len(committed) - 1) // len(committed)
    made = [variation(record, copy, generator) for copy in range(copies) for record in committed]
    return [Record.model_validate(record) for record in made[:count]]


def variation(record: dict[str, Any], copy: int, generator: random.Random) -> dict[str, Any]:
    """Return a record of another model, whose numbers are a little different."""
    scale = generator.uniform(0.97, 1.03)
    measured = scaled(record["measured"], scale)
    model = f"{record['trial']['model']}-{copy}"
    trial = record["trial"] | {"model": model}
    return record | {
        "key": f"{copy}-{record['key']}",
        "name": record["name"].replace(record["trial"]["model"], model),
        "table": record["table"].replace(record["trial"]["model"], model),
        "machine": f"machine-{copy % MACHINES}",
        "trial": trial,
        "measured": measured | {"training": measured["training"] and lengthened(measured["training"], generator)},
    }


def scaled(value: Any, scale: float) -> Any:
    """Return nested values with their numbers that are no small integers scaled."""
    if isinstance(value, dict):
        return {name: scaled(item, scale) for name, item in value.items()}
    if isinstance(value, list):
        return [scaled(item, scale) for item in value]
    if isinstance(value, float):
        return value * scale
    return int(value * scale) if isinstance(value, int) and not isinstance(value, bool) and value > 999 else value


def lengthened(training: dict[str, Any], generator: random.Random) -> dict[str, Any]:
    """Return a training of many epochs with noisy curves."""
    history = [
        {
            "epoch": epoch,
            "loss": generator.gauss(1, 0.02) / epoch,
            "metric": 90 - 40 / epoch + generator.gauss(0, 0.3),
            "penalty": 0.0,
            "lr": 0.1 * (1 - epoch / EPOCHS),
            "seconds": generator.uniform(10, 11),
        }
        for epoch in range(1, EPOCHS + 1)
    ]
    return training | {"epochs": EPOCHS, "history": history}


def openings(path: Path, count: int) -> dict[str, list[float]]:
    """Return milliseconds since navigation by what was to be seen, each in a browser that has nothing cached."""
    from playwright.sync_api import sync_playwright

    questions = {"first paint": PAINTS, "table": MARK.format("table"), "plots": MARK.format("plots")}
    times: dict[str, list[float]] = {name: [] for name in questions}
    with sync_playwright() as playwright:
        for _ in range(count):
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.goto(path.as_uri())
            while page.evaluate(questions["plots"]) is None:
                time.sleep(0.05)
            for name, question in questions.items():
                times[name].append(page.evaluate(question))
            browser.close()
    return times


if __name__ == "__main__":
    main()
