# Everything runs in .venv, made here on first use. Needs Python >= 3.11 (choose one with `make PYTHON=python3.12 ...`).

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
METADATA := setup.cfg pyproject.toml

.DEFAULT_GOAL := help
.PHONY: help figure figures test test-slow lint docs bench clean

help:
	@echo "make figure    Figure 2 of Ren, Zhou, Ge (2023) into figures/"
	@echo "make figures   every figure, at the papers' sizes, into figures/"
	@echo "make test      the test suite"
	@echo "make test-slow the quick figures that it leaves out"
	@echo "make lint      ruff, mypy --strict, import floors"
	@echo "make docs      the documentation into docs/_build/html"
	@echo "make bench     the speed and memory measurements"
	@echo "make clean     remove .venv and everything built (figures/ stays)"

$(BIN)/python:
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(f"mfpde needs Python >= 3.11, $(PYTHON) is {v[0]}.{v[1]}: make PYTHON=..." if v < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)

# One stamp for the package and one for each set of extras: nothing is installed again until the metadata changes.
$(VENV)/installed: $(METADATA) | $(BIN)/python
	$(PIP) --editable .
	@touch $@

$(VENV)/installed-%: $(METADATA) | $(BIN)/python
	$(PIP) --editable '.[$*]'
	@touch $@ $(VENV)/installed

figure: $(VENV)/installed
	$(BIN)/mfpde figure ren2023-fig2 --preset paper --out figures

figures: $(VENV)/installed
	$(BIN)/mfpde figure all --preset paper --out figures

test: $(VENV)/installed-test
	$(BIN)/python -m pytest -n auto --dist worksteal

test-slow: $(VENV)/installed-test
	$(BIN)/python -m pytest -n auto --dist worksteal -m slow

lint: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(VENV)/installed-docs
	$(BIN)/python -m sphinx -W --keep-going -b html docs docs/_build/html

bench: $(VENV)/installed-bench
	for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python "$$script" || exit 1; done

clean:
	rm -rf $(VENV) build dist docs/_build *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
