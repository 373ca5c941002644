"""bench/reports/text."""
