"""Training recipes by name: data only, read by ``recipe_files``."""
