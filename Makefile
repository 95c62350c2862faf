# Everything that a developer runs. A fresh machine needs Python 3.11 or newer, Git and make;
# Go is used when it is there and installed from its Python package when it is not.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Each has a control plane of its own (600 MB), and waits most of the time.
WORKERS ?= 3
export PATH := $(CURDIR)/$(BIN):$(PATH)
# Where it is set, every start of a command compiles a hundred modules again: a quarter of its time.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup tools check format lint types unit test demo bench faults generate lock clean

help:
	@echo "make demo      a local control plane, a sample repository and the controller, to look at"
	@echo "make test      set up everything and run all checks"
	@echo "make check     format, lint, types, layers, unit tests: what a developer runs all day"
	@echo "make bench     the benchmark: ratios within one run"
	@echo "make faults    the whole fault suite (make test runs a seeded part)"
	@echo "make generate  CRDs, reference pages and install manifests from their sources"
	@echo "make lock      the lock files from pyproject.toml"

setup: $(VENV)/.installed

# --no-build-isolation: the build backend is one of the locked packages, too.
$(VENV)/.installed: requirements-dev.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing locked packages into $(VENV)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

tools: setup
	@$(BIN)/python -m gitops.local build

check: format lint types unit

format: setup
	ruff format --check .

lint: setup
	ruff check .
	lint-imports --no-logo 2>/dev/null || lint-imports

types: setup
	mypy

unit: setup
	pytest -q --numprocesses=$(WORKERS) tests/unit

test: setup tools check
	pytest -q --numprocesses=$(WORKERS) --dist=loadfile tests/integration tests/security tests/faults

demo: setup
	@$(BIN)/gitops demo

bench: setup tools
	@$(BIN)/python -m tests.bench

faults: setup tools
	pytest -q tests/faults --all-faults

generate: setup
	$(BIN)/python -m gitops.api.crd > manifests/crds/applications.gitops.dev.yaml
	$(BIN)/python manifests/build.py
	$(BIN)/python -m gitops.cli.reference > docs/reference/cli.md
	$(BIN)/python -m gitops.cli.lint_reference > docs/reference/lint.md
	$(BIN)/python -m gitops.api.reference > docs/reference/application.md
	$(BIN)/python -m gitops.observe.reference metrics > docs/reference/metrics.md
	$(BIN)/python -m gitops.observe.reference reasons > docs/reference/reasons.md

lock: setup
	$(BIN)/python -m uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header \
	  --no-annotate pyproject.toml -o requirements.lock
	$(BIN)/python -m uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header \
	  --no-annotate --extra dev pyproject.toml -o requirements-dev.lock

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
