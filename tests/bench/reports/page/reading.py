"""A reader of the page: clicks, and what is seen."""

import re


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
