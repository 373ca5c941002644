"""methods/numerics."""
