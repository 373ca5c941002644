# `make leaderboard` and `make test` are all a newcomer needs; both make .venv and install on their first run.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --quiet --constraint constraints.txt

# the tests run in so many processes; each takes about 1 GB
JOBS ?= 2

# pytest-benchmark keeps every run in .benchmarks; BENCH_ALL=1 takes all layers, BENCH_ARGS goes to pytest
BENCH_FOLDER ?= .benchmarks
BENCH_ARGS ?=
# REGRESSIONS_ARGS: --factor 1.5, --bench REGEX, …
HEAD ?= HEAD
REGRESSIONS_ARGS ?=

.PHONY: help leaderboard test lint bench regressions clean

help:
	@echo "make leaderboard   install, run the suite 'quick' into a folder of your own, print the leaderboard"
	@echo "make test          install, lint, check types, run the tests"
	@echo "make bench         time single layers by every method, print tables with the ratio to dense"
	@echo "make regressions BASE=REVISION   measure REVISION and HEAD with asv, fail if HEAD is worse"
	@echo "make clean         remove the environment and caches, keep results"

leaderboard: $(VENV)/.installed
	$(BIN)/decompbench run quick

test: $(VENV)/.installed-test lint
	$(BIN)/python -m pytest -n $(JOBS)

lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

bench: $(VENV)/.installed-test
	@mkdir -p $(BENCH_FOLDER)
	$(BIN)/python -m pytest benchmarks/micro --benchmark-only --benchmark-quiet --benchmark-max-time=0.5 \
		--benchmark-storage=$(BENCH_FOLDER) --benchmark-autosave --benchmark-json=$(BENCH_FOLDER)/latest.json $(BENCH_ARGS)
	$(BIN)/python benchmarks/micro/report.py $(BENCH_FOLDER)/latest.json > $(BENCH_FOLDER)/latest.md
	@cat $(BENCH_FOLDER)/latest.md

regressions: $(VENV)/.installed-test
	@test -n "$(BASE)" || { echo "make regressions BASE=REVISION: which revision is HEAD compared with?" >&2; exit 2; }
	$(BIN)/python benchmarks/asv/regressions.py $(BASE) $(HEAD) $(REGRESSIONS_ARGS)

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
	rm -rf $(VENV) .asv/env build dist *.egg-info .pytest_cache .ruff_cache .hypothesis
