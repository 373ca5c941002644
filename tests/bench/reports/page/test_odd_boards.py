"""Tables without quality, plans, a dense row, or more than one row."""

import pytest

from decompbench.bench.reports.page import write_page
from tests.places import RESULTS

from ...factories import make_record
from . import made_up


@pytest.fixture
def written(tmp_path):
    def write(records):
        return write_page(records, RESULTS, tmp_path / "page")

    return write


def sizes(weights):
    """Return what a trial of a task without a metric measured."""
    counted = made_up.measured(0.0, weights)
    return {name: counted[name] for name in ("counts", "dense_counts", "plan")}


def test_a_table_without_quality_has_no_plot_and_says_so(open_page, written, trials):
    page = open_page(written([make_record(trial, **sizes(400)) for trial in trials]))
    assert page.locator("#scroll tr[data-row]").count() == 3
    assert page.locator("#pareto").is_hidden()
    assert "No row shown" in page.locator("#pareto-caption").inner_text()
    page.locator("#scroll .name").nth(1).click()
    page.wait_for_selector(".card .plan")


def test_where_less_is_better_the_least_comes_first(open_page, written, trials):
    made = [
        make_record(trial, **made_up.measured(final, weights, metric="error") | {"higher_is_better": False})
        for trial, final, weights in zip(trials, (5.0, 9.0, 7.0), (1000, 500, 400), strict=True)
    ]
    page = open_page(written(made), plots=True)
    page.locator('#scroll button[data-sort="final"]').click()
    rows = page.locator("#scroll tr[data-row]").all_inner_texts()
    assert [float(row.split("\t")[2]) for row in rows] == [5.0, 7.0, 9.0]
    assert "lower is better" in page.locator(".board-row").inner_text()
    front = page.evaluate("[...document.querySelector('#pareto').data[0].y]")
    assert front == [7.0, 5.0]
    low, high = page.evaluate("document.querySelector('#pareto')._fullLayout.yaxis.range")
    assert low > high


def test_a_single_skipped_record_is_a_page(open_page, written, trials):
    note = "timed in no form, as asked"
    page = open_page(written([make_record(trials[1], status="skipped", latency_notes=[note])]))
    row = page.locator("#scroll tr[data-row]")
    assert row.count() == 1
    assert "skipped" in row.inner_text()
    row.locator(".name").click()
    page.wait_for_selector(".card")
    notes = page.locator(".card .notes").first.inner_text()
    assert note in notes
    assert "no dense trial with this seed" in notes
    assert page.locator(".card .plan").count() == 0


def test_rows_of_two_machines_are_not_in_one_order(open_page, written, trials):
    made = [make_record(trial, **made_up.measured(90.0 - number, 500)) for number, trial in enumerate(trials)]
    moved = [record.model_copy(update={"machine": "elsewhere", "key": record.key + "'"}) for record in made]
    page = open_page(written([*made, *moved]))
    page.locator('#scroll button[data-sort="final"]').click()
    assert page.locator("#scroll .board-row").count() == 2
    assert page.locator("#scroll tr[data-row]").evaluate_all("rows => rows.map((row) => row.dataset.method)") == [
        "dense",
        "svd",
        "tucker2",
        "dense",
        "svd",
        "tucker2",
    ]
    page.get_by_label("Machine", exact=True).select_option("elsewhere (cpu)")
    assert page.locator("#scroll tr[data-row]").count() == 3
