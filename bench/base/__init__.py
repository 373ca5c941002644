"""bench/base."""
