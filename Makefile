# Every target does its own set-up: a virtual environment in .venv with the versions of constraints.txt.
# Nothing is installed again while pyproject.toml and constraints.txt stay as they are.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input --quiet

# The first Python on the path that the project supports; PYTHON=/path/to/python chooses another.
PYTHON ?= $(shell for name in python3 python3.13 python3.12 python3.11; do \
	"$$name" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null \
	&& echo "$$name" && break; done)

# Channel and file names go to the shell through the environment, so that spaces and quotes in them survive.
RECORDING ?=
EEG ?=
EMG ?=
OUT ?= out
# Where `make serve` keeps its data, and the port that it listens at.
DATA ?= spindle-data
PORT ?= 8765
export LATENTIA_RECORDING := $(value RECORDING)
export LATENTIA_EEG := $(value EEG)
export LATENTIA_EMG := $(value EMG)
export LATENTIA_OUT := $(value OUT)
export LATENTIA_SERVICE_DATA := $(value DATA)

# What `make test` runs, and on how many cores: make test TESTS=tests/spindle JOBS=4
TESTS ?=
JOBS ?= 2

# The reference is made anew each time, so that no page outlives its module.
DOCS = rm -rf docs/reference/generated && \
	$(BIN)/python -m sphinx --quiet --fail-on-warning --keep-going docs docs/_build/html

# Idle OpenMP threads sleep instead of spinning: on a few cores spinning costs more than it saves.
export OMP_WAIT_POLICY := PASSIVE

.PHONY: help run serve test check docs equations results picture clean

help:
	@echo 'make run                      simulate a recording, score it, and say where the report is'
	@echo 'make run RECORDING=mouse.edf  score your own recording; also EEG="EEG1 EEG2" EMG=EMG OUT=folder'
	@echo '                              (channel names with spaces: separate them by commas, EEG="EEG 1,EEG 2")'
	@echo 'make serve                    the web service, at http://127.0.0.1:8765; also DATA=folder PORT=8080'
	@echo 'make test                     run the tests; also TESTS=tests/spindle JOBS=4'
	@echo 'make check                    lint, format, types, import direction, docs'
	@echo 'make docs                     build the documentation into docs/_build/html'
	@echo 'make equations                write docs/equations.md again from the docstrings'
	@echo 'make results                  write docs/results.md again from the experiments'
	@echo 'make picture                  score a simulated mouse and draw the picture of the README'
	@echo 'make clean                    delete the environment and everything that was built'

run: $(VENV)/.run
	@PATH="$(abspath $(BIN)):$$PATH" sh tools/run_spindle.sh

serve: $(VENV)/.service
	@$(BIN)/spindle serve --data "$$LATENTIA_SERVICE_DATA" --port $(PORT)

test: $(VENV)/.dev
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses=$(JOBS) $(TESTS)

check: $(VENV)/.dev
	@echo '· lint';             $(BIN)/ruff check --quiet .
	@echo '· format';           $(BIN)/ruff format --quiet --check .
	@echo '· types';            $(BIN)/mypy --no-error-summary
	@echo '· import direction'; PATH="$(abspath $(BIN)):$$PATH" lint-imports --no-logo > $(VENV)/imports.txt || { cat $(VENV)/imports.txt; exit 1; }
	@echo '· equations';        $(BIN)/python tools/equations.py --check
	@echo '· results';          $(BIN)/python tools/results.py --check
	@echo '· docs';             $(DOCS)
	@echo 'All checks passed.'

docs: $(VENV)/.dev
	@$(DOCS)
	@echo 'The documentation is in docs/_build/html/index.html'

equations: $(VENV)/.dev
	@$(BIN)/python tools/equations.py

results: $(VENV)/.dev
	@$(BIN)/python tools/results.py

picture: $(VENV)/.run
	@mkdir -p docs/images
	@$(BIN)/spindle simulate --out $(VENV)/picture/simulated_mouse.edf --hours 4 --seed 1
	@$(BIN)/spindle score $(VENV)/picture/simulated_mouse.edf --out $(VENV)/picture --formats csv --no-report --figure
	@cp $(VENV)/picture/simulated_mouse_figure.png docs/images/scored_recording.png

clean:
	rm -rf $(VENV) docs/_build docs/reference/generated build dist out .mypy_cache .ruff_cache .pytest_cache \
		.hypothesis .import_linter_cache

# Set-up. Each stamp is newer than what it was made from.

$(VENV)/.python:
	@test -n "$(PYTHON)" || { echo 'Python 3.11, 3.12 or 3.13 is needed and was not found; name one with PYTHON=…' >&2; exit 1; }
	@echo 'Setting up 1/3: a virtual environment in $(VENV)'
	@"$(PYTHON)" -m venv --clear $(VENV)
	@touch $@

# torch by itself and first: a CPU build that is found here stays, and nothing later asks for another one.
$(VENV)/.torch: constraints.txt $(VENV)/.python
	@echo 'Setting up 2/3: torch (200 MB or more, once)'
	@$(PIP) install "$$(grep '^torch==' constraints.txt)"
	@touch $@

$(VENV)/.run: pyproject.toml constraints.txt $(VENV)/.torch
	@echo 'Setting up 3/3: SPINDLE and what it needs'
	@$(PIP) install --constraint constraints.txt --editable '.[spindle]'
	@touch $@

$(VENV)/.service: pyproject.toml constraints.txt $(VENV)/.torch
	@echo 'Setting up 3/3: SPINDLE and its web service'
	@$(PIP) install --constraint constraints.txt --editable '.[service]'
	@touch $(VENV)/.run $@

$(VENV)/.dev: pyproject.toml constraints.txt $(VENV)/.torch
	@echo 'Setting up 3/3: SPINDLE and the tools for development'
	@$(PIP) install --constraint constraints.txt --editable '.[dev]'
	@touch $(VENV)/.run $(VENV)/.service $@
