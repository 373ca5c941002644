"""The page's plots in Chromium, and the details of chosen rows below them."""

import json

from decompbench.bench.reports.ranking import pareto_front

from .factories import until
from .reading import choose, column, numbers


def test_a_click_on_a_point_keeps_its_method_everywhere_and_a_second_lets_go(open_page, committed_page):
    page = open_page(committed_page, plots=True)
    point = page.locator("#pareto .scatterlayer .trace").nth(3).locator(".points path").first
    method = page.evaluate("document.querySelector('#pareto').data[3].meta")
    point.click(force=True)
    until(page, "location.hash.includes('keep=')")
    kept = page.eval_on_selector_all("#scroll tr.kept", "rows => rows.map((row) => row.dataset.method)")
    assert set(kept) == {method}
    key = page.locator("#legend button[aria-pressed=true]")
    assert key.inner_text() == method
    faded = page.evaluate("document.querySelector('#pareto').data.filter((t) => t.opacity < 1).map((t) => t.meta)")
    assert method not in faded
    assert len(faded) > 5
    key.click()
    assert page.locator("#scroll tr.kept").count() == 0
    assert "keep" not in page.url


def test_the_plot_has_the_table_s_numbers_and_its_front(open_page, committed_page):
    page = open_page(committed_page, plots=True)
    choose(page, "Suite", "quick")
    shown = page.evaluate(
        "document.querySelector('#pareto').data.slice(1).flatMap((t) => t.x.map((x, i) => [x, t.y[i]]))"
    )
    table = list(zip(numbers(column(page, "conv_weights_percent")), numbers(column(page, "final")), strict=True))
    assert sorted((round(x, 1), round(y, 2)) for x, y in shown) == sorted(table)
    front = page.evaluate("(({x, y}) => x.map((one, i) => [one, y[i]]))(document.querySelector('#pareto').data[0])")
    best = pareto_front([cost for cost, _ in shown], [quality for _, quality in shown])
    assert front == [shown[index] for index in best]
    choose(page, "Cost", "latency_b1_ratio")
    page.get_by_label("log cost").check()
    assert page.evaluate("document.querySelector('#pareto').layout.xaxis.type") == "log"
    errors = page.evaluate("document.querySelector('#pareto').data[2].error_x.array")
    assert all(error >= 0 for error in errors)


def test_the_plot_s_buttons_do_not_leave_the_page(open_page, committed_page):
    page = open_page(committed_page, plots=True)
    page.hover("#pareto")
    titles = page.eval_on_selector_all("#pareto .modebar-btn", "buttons => buttons.map((one) => one.dataset.title)")
    assert titles == ["Download plot as a PNG", "Zoom", "Pan", "Reset axes"]


def test_a_chosen_row_shows_its_plan_its_curves_and_its_record(open_page, odd_page):
    page = open_page(odd_page)
    page.locator("#scroll tr[data-row]", has_text="basis").locator(".name").click()
    rows = page.locator(".card .plan tbody tr")
    rows.first.wait_for()
    texts = rows.all_inner_texts()
    assert "left alone: first convolution" in texts[0]
    assert "1,000 → 300" in texts[1]
    assert "shared by 2 layers" in texts[2]
    assert texts[4].startswith("shared")
    assert "0 → 50" in texts[4]
    summary = page.locator(".card .hint").first.inner_text()
    assert "3 of 4 convolutions compressed; weights 5,100 → 1,350 (26.5 %)" in summary
    until(page, "document.querySelectorAll('[data-curve=loss] .trace').length === 2")
    curves = page.evaluate("document.querySelector('[data-kind=curve][data-curve=top1]').data.map((t) => [...t.y])")
    assert curves == [[87.0, 88.0, 89.0], [87.5, 88.5, 89.5]]
    moments = page.locator(".moments tbody tr").all_inner_texts()
    assert moments[0].split("\t")[1:] == ["89.25", "92.00", "69.25", "89.25", "89.25", "89.25"]
    page.get_by_text("Record of seed 1").click()
    settings = json.loads(page.locator(".card details[open] pre").inner_text())
    assert settings["trial"]["seed"] == 1
    assert settings["method"]["label"] == "basis"


def test_published_points_are_hollow_and_can_be_taken_away(open_page, odd_page):
    page = open_page(odd_page, plots=True)
    hollow = "document.querySelector('#pareto').data.filter((t) => String(t.marker?.symbol).endsWith('-open')).length"
    assert page.evaluate(hollow) > 0
    page.get_by_label("published points").uncheck()
    assert page.evaluate(hollow) == 0
