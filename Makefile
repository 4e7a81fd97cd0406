# make run    train a network on handwritten digits and watch it
# make test   lint, types, import contracts, tests
# make bench  measure every budget
# The first of them makes .venv and fills it; PYTHON=/path/to/python3.12 chooses the interpreter.
# Without an NVIDIA GPU, install PyTorch's CPU build into .venv first (its install page says how): a smaller download.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check -q
STAMP  := $(VENV)/.filled-from-pyproject-and-constraints

.DEFAULT_GOAL := help
.PHONY: help setup run check test bench clean

help:
	@sed -n '1,/^$$/s/^# //p' Makefile

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "torchtui needs Python 3.11 or later: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11")'
	@echo "filling $(VENV) (the first time this downloads PyTorch and takes minutes)"
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@$(PIP) install -c constraints.txt torch
	@$(PIP) install -c constraints.txt -e '.[dev]'
	@touch $@

run: setup
	@$(BIN)/torchtui train digits_cnn

check: setup
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: check
	$(BIN)/python -m pytest -n 2 --dist loadfile

bench: setup
	@failed=; for bench in bench/*.py; do \
		case $$bench in bench/common.py|bench/mlp.py|bench/long_run.py) continue ;; esac; \
		$(BIN)/python $$bench || failed="$$failed $$bench"; \
	done; \
	if [ -n "$$failed" ]; then echo "over budget or failed:$$failed"; exit 1; fi

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find tui screens presets tests bench -name __pycache__ -type d -prune -exec rm -rf {} +
