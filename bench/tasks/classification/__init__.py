"""bench/tasks/classification."""
