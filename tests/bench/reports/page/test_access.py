"""The page in Chromium by keyboard, on a phone, in dark and on paper."""

import pytest

from .factories import until
from .reading import head, methods


def test_keys_search_choose_move_and_let_go(open_page, committed_page):
    page = open_page(committed_page)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "table"
    assert "#" not in page.url
    page.keyboard.press("/")
    page.keyboard.type("svd")
    assert set(methods(page)) == {"dense", "svd", "spatial-svd", "svd-global", "svd-whitened"}
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
