"""bench/data/super_resolution."""
