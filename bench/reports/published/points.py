"""The papers' points: what was published of one of our models on its data, in our words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ...data.names import split_data
from .names import Names, load_names
from .read import PAPERS, SIZE_METRICS, PublishedRow, read_rows
from .rules import Rule, TableRules, load_rules

#: Our name of a published quality; the PSNR of a test set may have another one.
QUALITIES = {
    "top1_accuracy": "top1",
    "top1_error": "top1",
    "top5_accuracy": "top5",
    "psnr": "psnr_y",
    "map": "map_voc07",
}
#: Those that are an error: the quality is 100 % less it.
ERRORS = ("top1_error",)
UNITS = {"top1": "%", "top5": "%", "psnr_y": "dB", "psnr_rgb": "dB", "map_voc07": "%"}
#: Where a line states the share of the dense network's size or work, the best statement first.
PARAMS = ("params_ratio", "params_reduction", "compression_ratio", "params", "block_params_ratio", "block_params")
MACS = ("flops_ratio", "flops_reduction")
BASELINE = "baseline"
METHOD_NOT_OURS = "method not ours"
#: The leaderboard's column that counts as a published share does, by the convention; a residual block's share of its
#: own weights, or that of convolutions' MACs alone, has none.
SHARE_COLUMNS = {
    **{count: f"{count}_percent" for count in ("conv_weights", "conv_fc_weights", "parameters", "state", "effective")},
    "macs": "macs_percent",
}
#: Decimals beyond which a difference of published numbers is rounding.
DIGITS = 6

Line = dict[str, PublishedRow]


@dataclass(frozen=True)
class PublishedPoint:
    """One line of a paper's table, in our words: not measured by us.

    Attributes
    ----------
    paper, table, model, dataset, method, setting
        Where it stands, and what the paper calls things.
    ours
        The method, or the label it bears in our suites; None where it is none of ours.
    variant
        The named plan that makes the same network, where there is one; it is its row's label in our suites.
    params_percent, params_count
        Of the dense network's, and how they are counted (:mod:`.published.counts`); ``block``: of a residual block.
    macs_percent, macs_count
        Of the dense network's, likewise.
    metric, unit
        The quality, by our name.
    quality, baseline, drop
        Of the compressed network, of the paper's dense one, and how much worse the first is; None where not published.
    other_data
        Why our data is not the paper's; empty where it is.
    note
        Where the published size contradicts its formula, and how; that the method is none of ours.
    """

    paper: str
    table: str
    model: str
    dataset: str
    method: str
    setting: str
    ours: str | None
    variant: str
    params_percent: float | None
    params_count: str
    macs_percent: float | None
    macs_count: str
    metric: str
    unit: str
    quality: float | None
    baseline: float | None
    drop: float | None
    other_data: str
    note: str

    @property
    def is_dense(self) -> bool:
        """Whether it is the paper's dense network."""
        return self.method == BASELINE

    @property
    def shares(self) -> dict[str, float]:
        """The published shares of the dense network in percent, by the leaderboard's column that counts alike."""
        stated = ((self.params_percent, self.params_count), (self.macs_percent, self.macs_count))
        return {
            SHARE_COLUMNS[count]: percent for percent, count in stated if percent is not None and count in SHARE_COLUMNS
        }

    def to_json(self) -> dict[str, Any]:
        """Return the point as a plain mapping."""
        return asdict(self)


@dataclass(frozen=True)
class _Match:
    """A data set of a table in our terms: its name in brackets and its PSNR, why the data differs, and a remark."""

    test: str = ""
    psnr: str = "psnr_y"
    other_data: str = ""
    note: str = ""


def published_points(
    model: str, task: str, data: str, *, metric: str | None = None, folder: Path | None = None
) -> list[PublishedPoint]:
    """Return the papers' points of a model on its data, in the order of their tables.

    Parameters
    ----------
    model, task, data
        As in a record: ``resnet56``, ``classification``, ``cifar10``; ``edsr-r32f256x4``, ``super_resolution``,
        ``div2k -> sr:Set5, sr:Set14``.
    metric
        Only of this metric, by our name: ``top1``, ``psnr_y[Set14]``. By default of all.
    folder
        Where the published numbers lie; by default those that ship with the package.

    Returns
    -------
    list of PublishedPoint
        One for each line of a table and metric; empty where nothing is published.

    Raises
    ------
    BenchError
        The published numbers cannot be read, or have a method that nobody named.
    """
    names = load_names()
    points = []
    for paper in PAPERS:
        rows = [row for row in read_rows(paper, folder) if row.task == task.replace("_", "-")]
        meant = [row for row in rows if any(name.means(row) and name.is_ours(model) for name in names.models)]
        if meant:
            points += _points(paper, meant, _sizes(rows), data, names)
    return [point for point in points if metric in (None, point.metric)]


def _points(
    paper: str, rows: list[PublishedRow], sizes: dict[tuple[str, ...], Line], data: str, names: Names
) -> Iterable[PublishedPoint]:
    rules = load_rules(paper)
    lines: dict[tuple[str, ...], Line] = {}
    for row in rows:
        if not row.is_size:
            lines.setdefault((*row.line, row.dataset), {})[row.metric] = row
    for (table, model, method, setting, dataset), line in lines.items():
        first = next(iter(line.values()))
        match = _match(dataset, data, names)
        if match is None:
            continue
        named = names.method(first)
        size = sizes.get(first.line, {})
        base = lines.get((table, model, BASELINE, "", dataset), {})
        part, rule = rules.by_line.get(first.line, (None, None))
        params, params_count = _share(size, sizes.get((table, model, BASELINE, ""), {}), PARAMS, part)
        macs, macs_count = _share(size, {}, MACS, part)
        notes = [match.note, named.note, *_reasons(size, rule)]
        if named.ours is None:
            notes.insert(0, METHOD_NOT_OURS)
        for metric, (quality, baseline, drop) in _qualities(line, base).items():
            known = [*notes, _wrong_drop(quality, baseline, drop)]
            metric = match.psnr if metric == QUALITIES["psnr"] else metric
            yield PublishedPoint(
                paper=paper, table=table, model=model, dataset=dataset, method=method, setting=setting,
                ours=named.ours, variant=rule.variant if rule else "",
                params_percent=params, params_count=params_count, macs_percent=macs, macs_count=macs_count,
                metric=f"{metric}[{match.test}]" if match.test else metric, unit=UNITS[metric],
                quality=quality, baseline=baseline, drop=drop,
                other_data=match.other_data, note="; ".join(dict.fromkeys(filter(None, known))),
            )  # fmt: skip


def _match(dataset: str, data: str, names: Names) -> _Match | None:
    """Return how a table's data set is ours; None where it is not."""
    kind = data.partition(":")[0]
    if (known := names.datasets.get(dataset)) is not None:
        if kind == known.ours:
            return _Match()
        return _Match(other_data=known.other[kind]) if kind in known.other else None
    test = dataset.split()[0]
    if test not in names.test_sets:
        return None

    told = names.test_sets[test]
    train, tests = split_data(data)
    own = {_test_name(part, names): part for part in tests}
    if not tests and _test_name(train, names) == test:  # the data brings its only test set, which has no name
        return _Match(psnr=told.psnr, note=told.note)
    if test not in own:
        return None
    trained = train.partition(":")[0] == names.trained_on
    other = "" if trained else f"ours is trained on {train}, the paper's on {names.trained_on}"
    return _Match(test, told.psnr, other, told.note)


def _test_name(part: str, names: Names) -> str:
    """Return the name of a part of our data, as the metrics have it."""
    from ...data.super_resolution.folders import set_name

    kind, _, path = part.partition(":")
    return "DIV2K" if kind == names.trained_on else set_name(Path(path or kind))


def _sizes(rows: Iterable[PublishedRow]) -> dict[tuple[str, ...], Line]:
    """Return the sizes of each line: they are of the network and hold for every data set it is tested on."""
    sizes: dict[tuple[str, ...], Line] = {}
    for row in rows:
        if row.is_size:
            sizes.setdefault(row.line, {})[row.metric] = row
    return sizes


def _share(size: Line, base: Line, metrics: Iterable[str], part: TableRules | None) -> tuple[float | None, str]:
    """Return the share of the dense network in percent, and the convention that the table counts by."""
    for metric in metrics:
        if metric not in size:
            continue
        value = size[metric].value
        count = part.metrics[metric].count if part else ""
        if metric.endswith("_reduction"):
            return round(100 - value, DIGITS), count
        if metric.endswith("_ratio"):
            return (100 / value if metric == "compression_ratio" else value), count
        if metric in base:
            return SIZE_METRICS[f"{metric}_ratio"](base[metric].value, value), count
    return None, ""


def _reasons(size: Line, rule: Rule | None) -> list[str]:
    """Return where the published sizes contradict their formulas, or why these say nothing, each text once."""
    if rule is None:
        return []
    return [rule.not_derivable, *(rule.mismatch_of(metric) for metric in size), *(rule.note_of(m) for m in size)]


def _qualities(line: Line, base: Line) -> dict[str, tuple[float | None, float | None, float | None]]:
    """Return quality, the dense network's and the drop, by our metric."""
    found = {}
    for metric in UNITS:
        quality = _quality(line, metric)
        baseline = _quality(line, metric, f"{BASELINE}_")
        baseline = _quality(base, metric) if baseline is None else baseline
        drop = line[f"{metric}_drop"].value if f"{metric}_drop" in line else None
        if drop is None and quality is not None and baseline is not None:
            drop = round(baseline - quality, DIGITS)
        if quality is not None or drop is not None:
            found[metric] = (quality, baseline, drop)
    return found


def _quality(line: Line, metric: str, prefix: str = "") -> float | None:
    """Return a line's quality by our metric, as a share of what is right where the paper has the error."""
    for theirs, ours in QUALITIES.items():
        if ours == metric and (row := line.get(prefix + theirs)) is not None:
            return round(100 - row.value, DIGITS) if theirs in ERRORS else row.value
    return None


def _wrong_drop(quality: float | None, baseline: float | None, drop: float | None) -> str:
    """Say that a published drop is not the difference of what is published, where it is not."""
    if quality is None or baseline is None or drop is None:
        return ""
    difference = round(baseline - quality, DIGITS)
    return "" if difference == round(drop, DIGITS) else f"the table's accuracies differ by {difference:g}, not {drop:g}"
