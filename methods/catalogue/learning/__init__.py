"""methods/catalogue/learning."""
