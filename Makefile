# Needs only make and Python 3.11 or later; everything else goes into .venv from hash-locked requirements.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUNTIME := $(VENV)/.runtime-installed
DEV := $(VENV)/.dev-installed
ARGS ?=

.PHONY: help demo test check lint types layers bench bench-large evaluate soak lock clean down

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort | expand -t 14

demo: $(RUNTIME)  ## the whole loop with simulated people and attackers; ARGS="--seconds 30 --json" for options
	@$(BIN)/tokentrail demo $(ARGS)

test: $(DEV)  ## all tests that take minutes, not hours; ARGS="-k ledger" for some of them
	@$(BIN)/python -m pytest $(ARGS)

check: lint types layers test  ## lint, types, import contract, tests

lint: $(DEV)  ## ruff
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check . || (echo "run: $(BIN)/ruff format ." && exit 1)

types: $(DEV)  ## mypy --strict
	@$(BIN)/mypy

layers: $(DEV)  ## imports go one way
	@$(BIN)/lint-imports --no-cache

evaluate: $(DEV)  ## how well the scorer finds attacks and leaves people alone: docs/evaluation.md
	@$(BIN)/python -m benchmarks.evaluate $(ARGS)

bench: $(DEV)  ## benchmarks with their peers in the same run; ARGS="ledger"
	@$(BIN)/tokentrail bench $(ARGS)

down: $(RUNTIME)  ## stop the embedded services
	@$(BIN)/tokentrail down

$(VENV)/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "tokentrail needs Python 3.11 or later as '$(PYTHON)' (or: make PYTHON=/path/to/python3.11 ...)"; exit 2; }
	@$(PYTHON) -m venv $(VENV) || \
		{ rm -rf $(VENV); echo "cannot make a virtual environment: on Debian, apt-get install python3-venv"; exit 2; }

$(RUNTIME): requirements/runtime.txt pyproject.toml | $(VENV)/bin/pip
	@echo "installing Tokentrail and what it runs on into $(VENV) (a minute or two the first time)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/runtime.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(DEV): requirements/dev.txt $(RUNTIME)
	@echo "installing the development tools into $(VENV)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

lock:  ## resolve the requirements again (needs uv)
	@cd requirements && for part in runtime dev; do \
		uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
			--no-emit-find-links --no-header --no-annotate $$( [ $$part = dev ] && echo "--extra dev -c runtime.txt" ) \
			../pyproject.toml build.in -o $$part.txt || exit 1; done

clean:  ## remove the virtual environment and caches
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
