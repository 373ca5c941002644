"""The tables of a ranking: one for each cell, and one of the average ranks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from string import ascii_lowercase

from ...base.text import counted, seeds_in_words
from ..statistics import Interval
from ..text.table import TextColumn, TextTable, number, signed
from .average import AverageRanks
from .cells import Point
from .ranks import CellRanking, RankedRow

HYPERVOLUME = (
    "hypervolume: of all of a method's points in the cell, in halvings of the cost at the dense model's quality; a "
    "method of which smaller models were made covers more; quality counts from"
)


def ranking_tables(
    rankings: Sequence[CellRanking], average: AverageRanks, tolerance: float, alpha: float
) -> Iterator[TextTable]:
    """Yield a table for each cell, and one of the average ranks.

    Parameters
    ----------
    rankings, average
        From :func:`.ranking.ranks.rank_cells` and :func:`.ranking.average.average_ranks`.
    tolerance, alpha
        That they were made with.
    """
    for ranking in rankings:
        yield _cell_table(ranking, tolerance, alpha)
    if rankings:
        yield _average_table(rankings[0], average)


def _cell_table(ranking: CellRanking, tolerance: float, alpha: float) -> TextTable:
    """Dense first, then the ranked methods, then those that lack a point."""
    cell, rows, dense = ranking.cell, ranking.rows, ranking.cell.dense
    lines: list[RankedRow | None] = [*([None] if dense else []), *rows]
    points = [*([dense] if dense else []), *(row.point for row in rows)]
    notes = list(dict.fromkeys(note for point in points for note in _notes(point)))
    methods = [*(point.method for point in points), *(one.method for one in ranking.lacking)]
    blank = [""] * len(ranking.lacking)
    interval = f"{100 * (1 - alpha):g} % interval"
    in_brackets = f"[ ]: {interval} of the mean over seeds (Student's t)."
    status = [_status(point, notes) for point in points] + [f"lacking: {one.reason}" for one in ranking.lacking]
    columns = [
        TextColumn("rank", [f"{row.rank:g}" if row else "" for row in lines] + blank),
        TextColumn("method", methods, number=False, folds=True),
        TextColumn("budget", [point.budget for point in points] + blank, rank=4, number=False),
        TextColumn(f"{cell.budget.name} %", [number(p.cost and 100 * p.cost, 1) for p in points] + blank),
        TextColumn(
            cell.metric.heading,
            [_quality(row, point) for row, point in zip(lines, points, strict=True)] + blank,
            meaning=in_brackets if any(row and row.interval for row in lines) else "",
            bold=frozenset(place for place, row in enumerate(lines) if row and row.standing == "leader"),
        ),
        TextColumn("seeds", [seeds_in_words(len(point.quality), point.seeds) for point in points] + blank, rank=2),
        TextColumn(
            "to the leader",
            [_standing(row) for row in lines] + blank,
            rank=1,
            number=False,
            meaning=_standing_meaning(rows, interval),
        ),
        *_hypervolume(ranking, methods),
        TextColumn("status", status, number=False, folds=True, meaning=_front(ranking)),
    ]
    title = f"{cell.title}: {cell.budget} within {100 * tolerance:g} %"
    groups = ["dense" if row is None else "ranked" for row in lines] + ["lacking"] * len(blank)
    return TextTable(title, columns, groups, notes)


def _hypervolume(ranking: CellRanking, methods: Sequence[str]) -> Iterator[TextColumn]:
    """Yield the column of hypervolumes, where the metric has such."""
    if ranking.reference is None or not ranking.hypervolumes:
        return
    cells = [number(ranking.hypervolumes.get(method), 2) for method in methods]
    yield TextColumn("hypervolume", cells, rank=3, meaning=f"{HYPERVOLUME} {ranking.reference.reason}.")


def _front(ranking: CellRanking) -> str:
    front = ", ".join(" ".join(filter(None, (point.method, point.budget))) for point in ranking.front)
    return f"Of all points no other one dominates on {ranking.cell.budget.name} and quality: {front}." if front else ""


def _average_table(first: CellRanking, average: AverageRanks) -> TextTable:
    methods, lacking = list(average.ranks), list(average.lacking)
    blank = [""] * len(lacking)
    cells = [str(average.cells)] * len(methods) + [
        f"{average.lacking[method]} of {average.cells}" for method in lacking
    ]
    columns = [
        TextColumn("method", methods + lacking, number=False),
        TextColumn("average rank", [f"{rank:.2f}" for rank in average.ranks.values()] + blank),
        TextColumn("cells", cells),
    ]
    if average.groups:
        letters = [_letters(method, average) for method in methods]
        columns.append(TextColumn("group", letters + blank, number=False, meaning=_tests(average)))
    title = (
        f"average ranks over {counted(average.cells, 'cell')} at {first.budget}, of the methods that all of them have"
    )
    groups = ["ranked"] * len(methods) + ["lacking"] * len(lacking)
    return TextTable(title, columns, groups, list(average.notes))


def _letters(method: str, average: AverageRanks) -> str:
    """Return a letter for each group that a method is in."""
    return "".join(ascii_lowercase[place] for place, group in enumerate(average.groups) if method in group)


def _tests(average: AverageRanks) -> str:
    """Return what the tests found."""
    friedman = average.friedman
    if friedman is None or average.critical_difference is None:
        return ""
    a, b = friedman.f_freedom
    found = "the methods are not equal" if average.rejects else "nothing says that the methods are not equal"
    return (
        f"Friedman: χ² = {friedman.chi2:.2f} (p = {friedman.p:.2g}), Iman and Davenport: "
        f"F({a}, {b}) = {friedman.f:.2f} (p = {friedman.f_p:.2g}): at {average.alpha:g} {found}. Critical difference "
        f"by Nemenyi: {average.critical_difference:.2f}. Methods with a letter in common are not told apart."
    )


def _quality(row: RankedRow | None, point: Point) -> str:
    return number(point.mean, 2) + (_interval(row.interval) if row and row.interval else "")


def _interval(interval: Interval) -> str:
    return f" [{number(interval[0], 2)}, {number(interval[1], 2)}]"


def _standing(row: RankedRow | None) -> str:
    if row is None:
        return ""
    if row.difference is None:
        return row.standing
    low, high = row.difference
    return f"{row.standing} [{signed(low, 2)}, {signed(high, 2)}]"


def _standing_meaning(rows: Sequence[RankedRow], width: str) -> str:
    known = any(row.difference is not None for row in rows)
    unknown = any(row.standing == "unknown" for row in rows)
    texts = []
    if known:
        texts.append(
            f"to the leader: worse by Welch's t with Holm's correction for the number of methods; [ ]: {width} of the "
            "difference, of each row by itself."
        )
    if unknown:
        texts.append("unknown: a single seed does not tell whether a method differs from the leader.")
    return " ".join(texts)


def _notes(point: Point) -> list[str]:
    return [*filter(None, (point.failure, *point.notes))]


def _status(point: Point, notes: Sequence[str]) -> str:
    """Return ``ok`` with the numbers of the point's footnotes."""
    numbers = sorted(notes.index(note) + 1 for note in _notes(point) if note in notes)
    return " ".join(["ok", *(f"{place})" for place in numbers)])
