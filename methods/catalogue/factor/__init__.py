"""methods/catalogue/factor."""
