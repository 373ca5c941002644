"""bench/reports/export."""
