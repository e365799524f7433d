# The commands of the project. `make demo` and `make test` set up everything they need on a machine with Python 3.11+.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PEERS := .venv-peers
# Processes that share the tests.
WORKERS ?= 2
CONSOLE := shortlist/doors/http/console/index.html
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

export OPENBLAS_NUM_THREADS ?= 1
export OMP_NUM_THREADS ?= 2

.PHONY: help setup setup-dev console demo test golden bench tables peers lint format types layers docs clean

help:           ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: $(VENV)/.core        ## environment with the package itself
setup-dev: $(VENV)/.dev     ## environment with what tests and checks need

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Shortlist needs Python 3.11 or newer; set PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.core: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) --editable .
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt $(VENV)/.core
	$(PIP) --editable '.[dev,pandas,track,ann,usearch,nn,onnx,redis,tune,feast]'
	@if command -v g++ >/dev/null 2>&1; then $(PIP) --editable '.[annoy,hnswlib]'; \
	else echo "no C++ compiler: the tests of annoy and hnswlib will be skipped"; fi
	@touch $@

# The console needs node; without it the server shows a page that says how to get it.
console: $(CONSOLE)         ## build the console (needs node 20+)

$(CONSOLE): $(shell find web/src web/index.html web/package-lock.json web/vite.config.ts 2>/dev/null)
	@if command -v npm >/dev/null 2>&1; then \
	  cd web && npm ci --silent --no-audit --no-fund && npm run --silent build; \
	else echo "node is not installed: skipping the console (the server explains how to add it)"; fi

demo: setup console         ## load, check, train, evaluate, publish and serve on 127.0.0.1:8000
	$(BIN)/shortlist demo $(ARGS)

# A file of tests is one worker's, so that what its tests share is made once; a worker computes on one thread.
test: setup-dev console     ## every test but the long golden ones, two files at a time
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -m "not slow" --numprocesses $(WORKERS) --dist loadfile $(ARGS)

# Tests are dealt one by one, since one of them can take a quarter of an hour; those that share fits form a group.
golden: setup-dev           ## published and fixed numbers on real data (an hour and a quarter)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -m "golden or slow" --numprocesses $(WORKERS) --dist loadgroup $(ARGS)

bench: setup-dev peers      ## timings against peers, in pairs, and the table of goals (the better part of an hour)
	SHORTLIST_PEERS=$(PEERS)/bin/python $(BIN)/python -m benchmarks $(ARGS)

tables: setup-dev           ## the long tables of docs/results.md into runs/tables, those that are not there yet (hours)
	$(BIN)/python -m benchmarks.tables $(ARGS)

peers: $(PEERS)/.peers      ## environment with the libraries that timings compare with (needs a C++ compiler)

$(PEERS)/.peers: benchmarks/peers.txt benchmarks/peers-bare.txt | $(BIN)/python
	$(BIN)/python -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check --requirement benchmarks/peers.txt
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --requirement benchmarks/peers-bare.txt
	@touch $@

lint: setup-dev             ## style, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup-dev           ## rewrite the files in the house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: setup-dev             ## write the generated reference pages
	$(BIN)/python docs/generate.py

clean:                      ## remove what was built here
	rm -rf $(VENV) $(PEERS) build dist .mypy_cache .ruff_cache web/node_modules
	find shortlist/doors/http/console -mindepth 1 ! -name .gitkeep -delete
