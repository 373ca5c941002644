"""The papers' networks as named plans, one YAML file a paper."""
