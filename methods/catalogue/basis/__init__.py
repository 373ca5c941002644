"""methods/catalogue/basis."""
