"""methods/catalogue."""
