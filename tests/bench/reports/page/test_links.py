"""Links to the page in Chromium: a choice comes back."""

from .reading import choose, head, methods


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
    assert set(methods(page)) == {"dense", "svd", "spatial-svd", "svd-global", "svd-whitened"}
    assert page.locator("#problem").is_hidden()


def test_copy_link_copies_the_address(open_page, committed_page):
    page = open_page(committed_page, permissions=["clipboard-read", "clipboard-write"])
    choose(page, "Suite", "quick")
    page.get_by_role("button", name="Copy link").click()
    page.get_by_role("button", name="Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == page.url
    assert page.url.endswith("#suite=quick")
