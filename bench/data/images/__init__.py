"""bench/data/images."""
