"""bench/running."""
