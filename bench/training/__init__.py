"""bench/training."""
