"""The suites that ship with the package, one YAML file each; those of one paper in a folder of its name."""
