"""Packaged suites, recipes and variants: YAML files, found by name."""
