"""bench/data/detection."""
