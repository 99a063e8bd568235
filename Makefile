# Everything works from a fresh clone: each target makes the environment it needs first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
COMMIT ?= $(shell git rev-parse HEAD)

.PHONY: leaderboard test test-services test-long test-long-one lint bench clean help

help:  ## List the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

leaderboard: $(VENV)/installed  ## Run the quick-start study and print its leaderboard
	$(BIN)/wsol run quickstart

test: $(VENV)/installed-test lint  ## Lint, then the fast tests (at most 10 minutes on two cores; they wait for processes, hence three workers)
	$(BIN)/pytest -n 3 --ignore=tests/services --ignore=tests/long

test-services: $(VENV)/installed-test  ## Tests with a browser, the documentation or a Ray server (at most 10 minutes)
	$(BIN)/pytest -rs tests/services

test-long: $(VENV)/installed-test  ## Kill sweeps, long trainings and every precision (by hand)
	$(BIN)/pytest -rs tests/long

test-long-one: $(VENV)/installed-test  ## One case of test-long, drawn from the hash of the commit (COMMIT=...)
	$(BIN)/pytest -v -rs tests/long --draw $(COMMIT)

lint: $(VENV)/installed-test  ## ruff, mypy and import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/installed-test  ## Measure speed (minutes; prints tables)
	for script in tests/perf/bench_*.py; do $(BIN)/python $$script || exit 1; done

$(VENV)/installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Python 3.10 or newer is needed; make PYTHON=python3.12 …")'
	test -d $(VENV) || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/installed-test: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	touch $@

clean:  ## Remove the environment and caches, never results
	rm -rf $(VENV) dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis
