"""bench/checks."""
