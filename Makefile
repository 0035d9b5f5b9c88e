# Everything from nothing: a machine with git and Python 3.11 (with venv) is enough.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: demo test crash lint format bench docs clean

demo: $(VENV)/.demo
	$(BIN)/mdrepo demo $(DIR)

test: $(VENV)/.dev
	$(BIN)/python -m pytest -n auto --dist loadfile $(ARGS)

# commands killed at N random moments
crash: $(VENV)/.dev
	MDREPO_KILLS=$(or $(N),2000) $(BIN)/python -m pytest -n auto tests/crash

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.bench
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/clone.py
	$(BIN)/python benchmarks/diff.py
	$(BIN)/python benchmarks/merge.py
	$(BIN)/python benchmarks/extraction_tables.py
	$(BIN)/python benchmarks/history.py

# the README's generated part, and the site in build/site, from what is installed: no network
docs: $(VENV)/.dev
	$(BIN)/python docs/generate.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

clean:
	rm -rf $(VENV) build dist

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit("mdrepo needs Python 3.11 or newer: make PYTHON=python3.11 ...") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)

# The versions of constraints.txt are those that the tests were last run with.
$(VENV)/.demo: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) --constraint constraints.txt --editable '.[demo,diff]'
	touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) --constraint constraints.txt --editable '.[dev]'
	touch $@ $(VENV)/.demo

$(VENV)/.bench: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) --constraint constraints.txt --editable '.[bench]'
	touch $@ $(VENV)/.dev $(VENV)/.demo
