"""bench/reports."""
