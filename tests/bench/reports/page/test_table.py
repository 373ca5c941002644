"""The page's table in Chromium: rows, order, filters, names that are HTML, rows that failed."""

import re

import pytest

from . import made_up
from .factories import until
from .reading import choose, column, head, methods, numbers


def test_every_row_of_every_table_is_shown(open_page, committed_page):
    page = open_page(committed_page)
    rows = page.locator("#scroll tr[data-row]")
    assert rows.count() == page.evaluate("document.querySelectorAll('#scroll .name').length") == 60
    assert page.locator("#scroll tr.dense").count() == page.locator("#scroll .board-row").count() == 4


def test_a_click_on_a_heading_sorts_within_each_table_and_leaves_the_dense_row_on_top(open_page, committed_page):
    page = open_page(committed_page)
    button = head(page, "final")
    for order, aria in ((True, "descending"), (False, "ascending")):
        button.click()
        for board in range(4):
            shown = numbers(column(page, "final", board))[1:]
            assert len(shown) > 4
            assert shown == sorted(shown, reverse=order)
            first = page.locator("#scroll tbody").nth(board).locator("tr[data-row]").first
            assert "dense" in first.get_attribute("class")
        assert button.locator("xpath=..").get_attribute("aria-sort") == aria
    before = methods(page)
    button.click()
    assert methods(page) != before
    assert page.locator("#scroll th[aria-sort]:not([aria-sort=none])").count() == 0


def test_the_best_of_each_budget_is_bold_and_what_is_surely_worse_is_marked(open_page, odd_page, committed_page):
    page = open_page(odd_page)
    assert page.locator("#scroll td b").all_inner_texts() == ["92.25"]
    assert [text[-1] for text in column(page, "final")[2:5]] == ["5", "5", "↓"]
    page = open_page(committed_page, "#suite=sr-x2-short")
    assert page.locator("#scroll td b").count() == 2


def test_headings_sort_by_keyboard_and_keep_the_focus(open_page, committed_page):
    page = open_page(committed_page)
    head(page, "macs_percent").focus()
    page.keyboard.press("Enter")
    shown = numbers(column(page, "macs_percent"))[1:]
    assert shown == sorted(shown)
    page.keyboard.press("Space")
    shown = numbers(column(page, "macs_percent"))[1:]
    assert shown == sorted(shown, reverse=True)
    assert page.evaluate("document.activeElement.dataset.sort") == "macs_percent"


def test_filters_choose_suite_budget_method_and_words(open_page, committed_page):
    page = open_page(committed_page)
    choose(page, "Suite", "quick")
    assert page.locator("#scroll .board-row").count() == 2
    choose(page, "Budget", "params=15%")
    texts = set(column(page, "budget")) - {""}
    assert texts == {"params=15%"}
    page.get_by_label("Search").fill("tucker2")
    assert set(methods(page)) == {"dense", "tucker2", "tucker2-arp"}
    page.locator("#methods summary").click()
    page.get_by_label("tucker2-arp").check()
    assert set(methods(page)) == {"dense", "tucker2-arp"}
    assert page.locator("#count").inner_text() == "1 of 56 rows"
    page.get_by_label("Search").fill("nothing has this word")
    assert page.locator("#scroll .none").inner_text() == "No row matches the filters."
    page.get_by_role("button", name="Reset").click()
    assert page.locator("#scroll tr[data-row]").count() == 60


def test_the_dense_row_stays_in_view_while_its_rows_scroll_by(open_page, committed_page):
    page = open_page(committed_page)
    seen = page.evaluate(
        """[...document.querySelectorAll('#scroll tr.dense')].map((dense) => {
            const box = document.querySelector('#scroll');
            box.scrollIntoView({ behavior: 'instant' });
            const last = dense.closest('tbody').lastChild.getBoundingClientRect();
            box.scrollTop += last.top - box.getBoundingClientRect().bottom + 60;
            const at = dense.firstChild.getBoundingClientRect();
            const top = document.elementFromPoint(at.left + 20, at.top + at.height / 2);
            return dense.contains(top);
        })"""
    )
    assert seen == [True] * 4


def test_a_row_that_failed_says_why_in_the_table_and_below(open_page, odd_page):
    page = open_page(odd_page)
    row = page.locator("#scroll tr[data-row]", has_text="tucker2")
    assert "failed" in row.inner_text()
    assert f"failed while training: no {made_up.EVIL} here" in row.locator(".reason").inner_text()
    row.locator(".name").click()
    page.locator(".failure").first.wait_for()
    assert f"ValueError: no {made_up.EVIL} here" in page.locator(".failure p").first.inner_text()
    assert set(column(page, "final")[1:]) - {"–"} != set()
    assert column(page, "final")[-1] == "–"


def test_names_and_settings_are_texts_wherever_they_stand(open_page, odd_page):
    page = open_page(odd_page, plots=True)
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    assert {made_up.EVIL, made_up.PROTO, made_up.QUOTED} < set(methods(page))
    for index in range(page.locator("#scroll .name").count()):
        page.locator("#scroll .name").nth(index).click()
    until(page, "document.querySelectorAll('.card').length === 6")
    for name in (made_up.EVIL, made_up.PROTO, made_up.QUOTED):
        page.locator("#legend button", has_text=name).first.click()
    assert page.locator("#scroll tr.kept").count() == 3
    page.hover("#pareto .points path >> nth=2", force=True)
    page.wait_for_selector("#pareto .hoverlayer text")
    assert page.locator("img, iframe, object").count() == 0
    assert page.evaluate("document.querySelectorAll('body script:not([id]):not([type=module])').length") == 0
    assert page.evaluate("({}).polluted === undefined && Object.keys(Object.prototype).length === 0")
    other = open_page(odd_page, "#" + page.url.partition("#")[2])
    assert other.locator("#scroll tr.kept").count() == 3


def test_numbers_that_are_missing_are_dashes(open_page, committed_page):
    page = open_page(committed_page)
    page.get_by_label("all columns").check()
    text = page.locator("#scroll").inner_text()
    assert "–" in text
    assert not re.search(r"NaN|Infinity|undefined|null|\[object", page.locator("body").inner_text())
