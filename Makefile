# Thin names over what people and CI run; every target installs what it needs into .venv first.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: help install quickstart test test-all test-lowest lint format plan bench keep tables simulate docs clean

help:
	@echo "make quickstart  install, run a small sweep of 36 trials, print its table (two minutes after installation)"
	@echo "make test        install, run the tests (a few minutes)"
	@echo "make test-all    also the slow ones"
	@echo "make test-lowest the tests with the lowest versions that pyproject.toml allows, in .venv-lowest (6 GB)"
	@echo "make lint        format check, lint, types"
	@echo "make plan        plan every sweep file"
	@echo "make bench       throughput against plain PyTorch loops (and LIBMTL=CHECKOUT), what surrounds training, each strategy's cost, large tables"
	@echo "make keep        SWEEP=FILE RESULTS=FOLDER [SEEDS=0:3]: copy a sweep's finished trials to docs/results"
	@echo "make tables      write the tables of the documents from the results that the repository keeps"
	@echo "make simulate    how often intervals and marks are right where the truth is known (five minutes)"
	@echo "make docs        the documentation site, into site/ (tools in .venv-docs, neither torch nor ray)"

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

# Each dependency of the package at its lower bound, what tests and dependencies need besides at its newest. Later versions of one
# warn of earlier versions of another, so that warnings are no errors here; and one shipped script names the version of Ray.
LOWEST := .venv-lowest

test-lowest:
	$(PYTHON) -m venv $(LOWEST)
	$(LOWEST)/bin/pip install --quiet --disable-pip-version-check uv
	$(LOWEST)/bin/uv pip compile --quiet --no-deps --resolution lowest-direct --extra nyuv2 pyproject.toml -o $(LOWEST)/lowest.txt
	$(LOWEST)/bin/uv pip install --python $(LOWEST)/bin/python -c $(LOWEST)/lowest.txt -e '.[dev]'
	$(LOWEST)/bin/python -m pytest -n 2 --dist loadgroup -m "not slow" -W default \
		--deselect "tests/launch_scripts/test_launch_scripts.py::test_a_shipped_file_is_what_its_own_command_prints[kuberay.yaml]"

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

keep: $(INSTALLED)
	$(BIN)/python benchmarks/paper/keep.py $(SWEEP) --results $(RESULTS) $(if $(SEEDS),--seeds $(SEEDS))

tables: $(INSTALLED)
	$(BIN)/python benchmarks/paper/write.py

simulate: $(INSTALLED)
	$(BIN)/python tests/support/simulations.py

# The reference is read from the source, so that the package itself is not installed.
DOCS := .venv-docs

$(DOCS)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(DOCS)
	$(PYTHON) -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["docs"], sep="\n")' > $(DOCS)/wanted.txt
	$(DOCS)/bin/pip install --quiet --disable-pip-version-check -c constraints.txt -r $(DOCS)/wanted.txt
	@touch $@

docs: $(DOCS)/.installed
	$(DOCS)/bin/mkdocs build --strict --clean

clean:
	rm -rf $(VENV) $(LOWEST) $(DOCS) site .mypy_cache .pytest_cache .ruff_cache .hypothesis
