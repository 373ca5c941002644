"""The committed results, and waiting in a browser, for the page's tests."""

from ...factories import wait_for


def until(page, expression, seconds=30.0):
    """Wait for an expression to be true; Playwright's own way needs ``eval``, which the page's policy forbids."""
    wait_for(lambda: page.evaluate(expression), seconds)
