"""bench/tasks/detection."""
