"""The page in Chromium, opened from disk as a reader would."""

import json
import re

import pytest

from decompbench.bench.page import write_page
from decompbench.bench.ranking import pareto_front

from . import made_up
from .conftest import RESULTS, until


@pytest.fixture(scope="module")
def odd_page(tmp_path_factory):
    return write_page(made_up.records(tmp_path_factory.mktemp("odd")), RESULTS, tmp_path_factory.mktemp("page"))


def column(page, heading, board=0):
    """Return the texts of a column's cells, those of one table of the page."""
    return page.evaluate(
        """([heading, board]) => {
            const heads = [...document.querySelectorAll('#scroll thead th')];
            const at = heads.findIndex((head) => head.querySelector('button').dataset.sort === heading);
            const rows = document.querySelectorAll('#scroll tbody')[board].querySelectorAll('tr[data-row]');
            return [...rows].map((row) => row.children[at].innerText.trim());
        }""",
        [heading, board],
    )


def numbers(texts):
    """Return the numbers that texts begin with; dashes are left out."""
    found = [re.match(r"[−\d.,]+", text) for text in texts]
    return [float(match[0].replace("−", "-").replace(",", "")) for match in found if match]


def head(page, key):
    return page.locator(f'#scroll thead button[data-sort="{key}"]')


def choose(page, label, value):
    page.get_by_label(label, exact=True).select_option(value)


def methods(page):
    return page.eval_on_selector_all("#scroll tr[data-row]", "rows => rows.map((row) => row.dataset.method)")


def test_every_row_of_every_table_is_shown(open_page, committed_page):
    page = open_page(committed_page)
    rows = page.locator("#scroll tr[data-row]")
    assert rows.count() == page.evaluate("document.querySelectorAll('#scroll .name').length") == 67
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
    assert [text[-1] for text in column(page, "final")[2:5]] == ["5", "↓", "↓"]
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
    assert page.locator("#count").inner_text() == "1 of 63 rows"
    page.get_by_label("Search").fill("nothing has this word")
    assert page.locator("#scroll .none").inner_text() == "No row matches the filters."
    page.get_by_role("button", name="Reset").click()
    assert page.locator("#scroll tr[data-row]").count() == 67


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


def test_a_link_restores_what_was_chosen_in_another_page(open_page, committed_page):
    page = open_page(committed_page)
    choose(page, "Suite", "quick")
    choose(page, "Budget", "params=30%")
    head(page, "macs_percent").click()
    page.locator("#scroll .name").nth(2).click()
    page.locator("#legend button").nth(3).click()
    choose(page, "Cost", "macs_percent")
    page.get_by_label("log cost").check()
    page.get_by_role("button", name="Theme").click()
    page.wait_for_selector(".card .plan")

    other = open_page(committed_page, "#" + page.url.partition("#")[2])
    other.wait_for_selector(".card .plan")
    for text in ("#scroll table", ".card h3", "#count", "#theme"):
        assert other.locator(text).first.inner_text() == page.locator(text).first.inner_text()
    assert methods(other) == methods(page)
    assert other.locator("html").get_attribute("data-theme") == "light"
    assert other.get_by_label("Cost", exact=True).input_value() == "macs_percent"
    assert other.get_by_label("log cost").is_checked()
    assert other.locator("#legend button[aria-pressed=true]").count() == 1


def test_back_and_forward_go_through_choices(open_page, committed_page):
    page = open_page(committed_page)
    choose(page, "Suite", "quick")
    head(page, "final").click()
    sorted_methods = methods(page)
    page.go_back()
    assert methods(page) != sorted_methods
    page.go_back()
    assert page.locator("#scroll .board-row").count() == 4
    page.go_forward()
    page.go_forward()
    assert methods(page) == sorted_methods


def test_a_link_with_unknown_names_and_nonsense_still_opens(open_page, committed_page):
    link = "#suite=none&sort=__proto__&rows=zz&keep=<b>&x=constructor&y=%E0%A4%A&board=1&theme=pink&columns=x&q=svd"
    page = open_page(committed_page, link)
    assert set(methods(page)) == {"dense", "svd", "spatial-svd"}
    assert page.locator("#problem").is_hidden()


def test_copy_link_copies_the_address(open_page, committed_page):
    page = open_page(committed_page, permissions=["clipboard-read", "clipboard-write"])
    choose(page, "Suite", "quick")
    page.get_by_role("button", name="Copy link").click()
    page.get_by_role("button", name="Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == page.url
    assert page.url.endswith("#suite=quick")


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


def test_published_points_are_hollow_and_can_be_taken_away(open_page, odd_page):
    page = open_page(odd_page, plots=True)
    hollow = "document.querySelector('#pareto').data.filter((t) => String(t.marker?.symbol).endsWith('-open')).length"
    assert page.evaluate(hollow) > 0
    page.get_by_label("published points").uncheck()
    assert page.evaluate(hollow) == 0


def test_keys_search_choose_move_and_let_go(open_page, committed_page):
    page = open_page(committed_page)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "table"
    assert "#" not in page.url
    page.keyboard.press("/")
    page.keyboard.type("svd")
    assert set(methods(page)) == {"dense", "svd", "spatial-svd"}
    page.keyboard.press("Escape")
    assert len(set(methods(page))) > 5
    page.locator('#scroll .name[tabindex="0"]').focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_selector(".card")
    chosen = page.locator("#scroll .name[aria-pressed=true]")
    assert chosen.count() == 1
    assert chosen.evaluate("(node) => node === document.activeElement")
    page.get_by_role("button", name="1 row chosen").press("Enter")
    assert page.evaluate("document.activeElement.id") == "chosen"
    page.keyboard.press("Escape")
    assert page.locator(".card").count() == 0


def test_headings_tell_what_they_mean_on_focus(open_page, committed_page):
    page = open_page(committed_page)
    head(page, "drop").focus()
    assert page.locator("#tip").inner_text().startswith("How much worse")
    assert head(page, "drop").get_attribute("aria-describedby") == "tip"
    page.keyboard.press("Escape")
    assert page.locator("#tip").is_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_theme_is_the_system_s_until_it_is_chosen(open_page, committed_page, scheme):
    page = open_page(committed_page, color_scheme=scheme, plots=True)
    paper = "getComputedStyle(document.body).backgroundColor"
    first = page.evaluate(paper)
    assert page.locator("html").get_attribute("data-theme") == scheme
    button = page.get_by_role("button", name="Theme")
    button.click()
    button.click()
    assert button.inner_text() == "Theme: dark"
    assert (page.evaluate(paper) == first) == (scheme == "dark")
    ink = page.evaluate("document.querySelector('#pareto').layout.font.color")
    assert ink == page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--ink').trim()")


def test_a_phone_scrolls_the_table_in_its_box_and_the_page_only_down(open_page, committed_page):
    page = open_page(committed_page, viewport={"width": 360, "height": 740}, plots=True)
    page.locator("#scroll .name").nth(2).click()
    page.wait_for_selector(".card .plan")
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    first = page.locator("#scroll tr[data-row] th").first
    before = first.bounding_box()["x"]
    assert page.evaluate(
        "(() => { const box = document.querySelector('#scroll'); box.scrollLeft = 400; return box.scrollLeft; })()"
    )
    assert first.bounding_box()["x"] == before


def test_numbers_that_are_missing_are_dashes(open_page, committed_page):
    page = open_page(committed_page)
    page.get_by_label("all columns").check()
    text = page.locator("#scroll").inner_text()
    assert "–" in text
    assert not re.search(r"NaN|Infinity|undefined|null|\[object", page.locator("body").inner_text())


def test_every_control_has_a_name(open_page, committed_page):
    page = open_page(committed_page)
    page.locator("#scroll .name").nth(2).click()
    page.wait_for_selector(".card .plan")
    unnamed = page.evaluate(
        """[...document.querySelectorAll('button, input, select, summary, [role=region], [role=img]')]
            .filter((one) => !(one.textContent.trim() || one.getAttribute('aria-label') || one.labels?.length))
            .map((one) => one.outerHTML.slice(0, 200))"""
    )
    assert unnamed == []
    assert page.locator("main, header, footer, form[role=search]").count() == 4


def test_printed_it_is_light_and_has_the_whole_table_and_no_controls(open_page, committed_page):
    page = open_page(committed_page, color_scheme="dark", viewport={"width": 1040, "height": 720}, plots=True)
    ink = "document.querySelector('#pareto').layout.font.color"
    screen = page.evaluate(ink)
    page.emulate_media(media="print", color_scheme="dark")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("#filters").is_hidden()
    assert page.locator("html").get_attribute("data-theme") == "light"
    until(page, f"{ink} !== '{screen}'")
    box = page.evaluate(
        "(({scrollHeight, clientHeight}) => scrollHeight - clientHeight)(document.querySelector('#scroll'))"
    )
    assert box == 0
    assert page.evaluate("document.documentElement.scrollWidth") == 1040
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("html").get_attribute("data-theme") == "dark"
