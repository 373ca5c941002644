"""methods/catalogue/tucker2."""
