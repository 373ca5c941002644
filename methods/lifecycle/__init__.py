"""methods/lifecycle."""
