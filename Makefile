# Allant's commands. `make` alone lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help install demo eval test test-browser test-calendars test-faults test-kill test-long test-servers test-wheel lint types rules docs bench fmt clean

help: ## List these commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

install: $(STAMP) ## Make .venv with the command .venv/bin/allant and everything the tests need
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Allant needs Python 3.11 or newer; this is $$($(PYTHON) --version). Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "Python's venv module is missing; on Debian: apt-get install python3-venv"; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]' -c constraints.txt
	@touch $(STAMP)

demo: install ## Start Allant with a simulated organisation on http://127.0.0.1:8080 (Ctrl-C stops it)
	@$(BIN)/allant demo

test: lint types rules ## Check everything: linters, types, import table, and the whole test suite
	$(BIN)/python -m pytest -n 2 $(ARGS)

test-browser: install ## The playground in headless Chromium (needs Debian's chromium, or CHROMIUM=path)
	$(BIN)/python -m pytest -m browser $(ARGS)

test-calendars: install ## The calendar feeds in Debian's khal, calcurse and ical2html
	$(BIN)/python -m pytest -m calendars $(ARGS)

test-kill: install ## Kill a running Allant at random, on the playground and on Synapse, and count what arrived
	$(BIN)/python -m pytest -m kill -s $(ARGS)

test-faults: install ## Many real processes on SQLite and PostgreSQL, and everything that can go wrong between them
	$(BIN)/python -m pytest -m fault -s $(ARGS)

test-long: install ## Compare recurrences in every zone, on every day of ten years, with two other computations
	$(BIN)/python -m pytest -n 2 -m long -s $(ARGS)

test-servers: install ## The same scenarios on platform servers that others wrote (fetches them into .cache)
	$(BIN)/python -m tests.servers $(ARGS)

test-wheel: install ## Build the package, and use it from an empty folder (fetches hatchling)
	$(BIN)/python -m pytest -m wheel $(ARGS)

lint: install ## Linters and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install ## mypy --strict
	$(BIN)/mypy

rules: install ## The design's import table
	$(BIN)/lint-imports

docs: install ## Write the pages of all commands from what the features declare
	$(BIN)/python -m bot.reference

eval: install ## Measure the answers on question sets: make eval SETS=folder (ARGS=--channel for what is overheard)
	@test -n "$(SETS)" || { echo "name the folder of the sets: make eval SETS=folder"; exit 1; }
	$(BIN)/python -m tests.training.evaluate $(SETS) $(ARGS)

bench: install ## Measure speed and memory, as ratios within one run (ARGS="calendar delivery": those alone)
	$(BIN)/python -m tests.bench $(ARGS)

fmt: install ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## Remove the environment and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
