"""bench/data/classification."""
