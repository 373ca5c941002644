# `make leaderboard` and `make test` are all a newcomer needs; both make .venv and install on their first run.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --quiet --constraint constraints.txt

.PHONY: help leaderboard test lint clean

help:
	@echo "make leaderboard   install, run the suite 'quick', print the leaderboard"
	@echo "make test          install, lint, check types, run the tests"
	@echo "make clean         remove the environment and caches, keep results"

leaderboard: $(VENV)/.installed
	$(BIN)/decompbench run quick

test: $(VENV)/.installed-test lint
	$(BIN)/python -m pytest

lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(f"decompbench needs Python 3.11 or newer; $(PYTHON) is {v[0]}.{v[1]}: try make PYTHON=python3.12 …" if v < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml constraints.txt
	@echo "installing into $(VENV): a few minutes and about 6 GB the first time, most of it torch"
	$(PIP_INSTALL) --editable .
	@touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(PIP_INSTALL) --editable '.[test]'
	@touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .ruff_cache .hypothesis
