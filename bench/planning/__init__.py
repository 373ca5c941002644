"""bench/planning."""
