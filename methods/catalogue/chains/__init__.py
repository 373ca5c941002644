"""methods/catalogue/chains."""
