# Everything runs in .venv, which the first target that needs it sets up by itself from uv.lock.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup demo test soak lint fmt types check bench clean

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.milepost-setup
# Tests wait for servers, processes and disks for half of their time, so three times as many as there are cores keep those busy.
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) \* 3)
# A uv of the machine's own is used where there is one; otherwise one is installed inside .venv.
UV := $(shell command -v uv 2>/dev/null || echo $(BIN)/uv)
export UV_PROJECT_ENVIRONMENT := $(VENV)
export UV_PYTHON_DOWNLOADS := never
# The machine's own certificates, so that a company's proxy is trusted as everything else here trusts it.
export UV_SYSTEM_CERTS := true
# Python keeps what it compiles: else each process that a test starts, and each worker, compiles hundreds of files anew.
unexport PYTHONDONTWRITEBYTECODE

help: ## List the targets
	@grep -E '^[a-z]+:.*## ' Makefile | sed -E 's/^([a-z]+):[^#]*## (.*)/  \1\t\2/' | expand -t 10

setup: $(STAMP) ## Make .venv with everything that the lock file names

$(STAMP): pyproject.toml uv.lock
	@test -e "$(STAMP)" && echo "Bringing $(VENV) up to date …" >&2 || \
		echo "Setting up $(VENV) (about 1.7 GB), once: this takes a minute or more …" >&2
	@test -x "$(BIN)/python" || "$(PYTHON)" -m venv "$(VENV)"
	@command -v uv >/dev/null 2>&1 || test -x "$(BIN)/uv" || { "$(BIN)/python" -m ensurepip >/dev/null && \
		"$(BIN)/python" -m pip install --quiet --disable-pip-version-check uv; }
	@"$(UV)" sync --quiet --locked --all-extras --inexact --compile-bytecode --python "$(BIN)/python"
	@touch "$(STAMP)"

demo: setup ## Run the whole loop on the sandbox: no account and no network needed
	@"$(BIN)/milepost" demo

test: setup ## Run every test, on SQLite and a real PostgreSQL, with a real MLflow server
	@"$(BIN)/python" -m pytest -n $(WORKERS) --dist loadgroup -m "not soak"

soak: setup ## Run the long proofs
	@"$(BIN)/python" -m pytest -n $(WORKERS) --dist worksteal -m soak

lint: setup ## Look for mistakes and for imports that run the wrong way
	@"$(BIN)/ruff" format --check --quiet . || { echo "run: make fmt"; exit 1; }
	@"$(BIN)/ruff" check --quiet .
	@"$(BIN)/lint-imports" --no-cache

fmt: setup ## Format the code
	@"$(BIN)/ruff" format --quiet . && "$(BIN)/ruff" check --quiet --fix .

types: setup ## Check all types
	@"$(BIN)/mypy"

check: lint types test ## Everything that must hold before a change lands

bench: setup ## Print ratios and counts: requests, CPU and memory a record, start-up
	@"$(BIN)/python" -m bench

clean: ## Remove .venv and all caches
	rm -rf "$(VENV)" .pytest_cache .mypy_cache .ruff_cache .hypothesis
