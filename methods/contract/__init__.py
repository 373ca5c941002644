"""methods/contract."""
