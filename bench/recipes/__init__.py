"""Training recipes by name: data only, read by ``named_recipe``."""
