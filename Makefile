# Thin names over what people and CI run; every target installs what it needs into .venv first.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: help install quickstart test test-all lint format plan bench clean

help:
	@echo "make quickstart  install, run a small sweep of 36 trials, print its table (two minutes after installation)"
	@echo "make test        install, run the tests (a few minutes)"
	@echo "make test-all    also the slow ones"
	@echo "make lint        format check, lint, types"
	@echo "make plan        plan every sweep file"
	@echo "make bench       throughput against plain PyTorch loops (and LIBMTL=CHECKOUT), what surrounds training, each strategy's cost, large tables"

$(INSTALLED): pyproject.toml constraints.txt
	@echo "Installing into $(VENV): a few minutes and 6 GB"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $(INSTALLED)

install: $(INSTALLED)

quickstart: $(INSTALLED)
	$(BIN)/mtlray run sweeps/quickstart.py --yes

test: $(INSTALLED)
	$(BIN)/python -m pytest -n 2 --dist loadgroup -m "not slow"

test-all: $(INSTALLED)
	$(BIN)/python -m pytest -n 2 --dist loadgroup

lint: $(INSTALLED)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(INSTALLED)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

plan: $(INSTALLED)
	@for sweep in sweeps/*.py; do $(BIN)/mtlray plan $$sweep || exit 1; done

bench: $(INSTALLED)
	$(BIN)/python benchmarks/throughput.py $(if $(LIBMTL),--libmtl $(LIBMTL))
	$(BIN)/python benchmarks/system.py
	$(BIN)/python benchmarks/overhead.py
	$(BIN)/python benchmarks/strategies.py
	$(BIN)/python benchmarks/tables.py

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis
