"""methods/plan."""
