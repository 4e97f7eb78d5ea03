# Two commands on a fresh machine: `make demo` shows it, `make test` proves it.
PYTHON ?= python3
SUBSCRIBERS ?= 2000
SECONDS ?= 30
RATE ?= 50
RUNS ?= 20
VENV := .venv
BIN := $(VENV)/bin
# Twice as many processes as processors: half of what the tests do is waiting.
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) '*' 2)
PIP := $(BIN)/pip --disable-pip-version-check --quiet

.PHONY: help demo test slow conform examples lint format bench mutants drawn flakes clean

help: ## Show these targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 10

demo: $(VENV)/.installed ## 2,000 subscribers on the embedded fakes, and a latency report
	@$(BIN)/chatengine-harness demo --subscribers $(SUBSCRIBERS) --seconds $(SECONDS) --rate $(RATE)

test: $(VENV)/.installed-dev ## The tests, but for those that take minutes
	$(BIN)/pytest -n $(WORKERS) --dist worksteal -m "not slow"

slow: $(VENV)/.installed-dev ## The tests that take minutes, which CI runs
	$(BIN)/pytest -n $(WORKERS) --dist worksteal -m slow

conform: $(VENV)/.installed-dev ## The conformance suites against the reference client and the fake server
	$(BIN)/pytest conformance $(CONFORM)

examples: $(VENV)/.installed-dev ## The conformance suites against the examples on Node
	cd examples/node-server && npm ci --silent --no-audit --no-fund
	$(BIN)/pytest conformance --server-cmd "node examples/node-server/server.js" --results out/examples/server/results.json $(CONFORM)
	cd examples/typescript-client && npm ci --silent --no-audit --no-fund && npm run --silent build
	$(BIN)/pytest conformance --client-cmd "node examples/typescript-client/dist/adapter.js" --results out/examples/client/results.json $(CONFORM)

lint: $(VENV)/.installed-dev ## Format, lint, types, and who may import whom
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.installed-dev ## Format and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.installed-dev ## Side by side with the peers (installs them)
	$(BIN)/python -m benchmarks

mutants: $(VENV)/.installed-dev ## Try the suites on programs that are broken on purpose
	$(BIN)/python -m conformance.mutants

drawn: $(VENV)/.installed-dev ## Drawn schedules against known bugs: how soon found, and how small
	$(BIN)/python -m conformance.generated

flakes: $(VENV)/.installed-dev ## The conformance suites again and again: is any check undecided?
	$(BIN)/python -m conformance.flakes --runs $(RUNS)

clean: ## Forget the environment and all output
	rm -rf $(VENV) out build *.egg-info tests/node/node_modules benchmarks/peers/node_modules examples/*/node_modules examples/*/dist

$(VENV)/bin/python:
	@command -v $(PYTHON) >/dev/null || { echo "No $(PYTHON) here: install Python 3.11 or newer, or say PYTHON=..."; exit 3; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$(PYTHON) is older than 3.11: say PYTHON=python3.11 or newer"; exit 3; }
	@$(PYTHON) -m venv $(VENV) || { echo "No venv module: install it (Debian: apt-get install python3-venv)"; exit 3; }

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml constraints.txt
	@echo "Installing into $(VENV) ..."
	@$(PIP) install -c constraints.txt -e .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/bin/python pyproject.toml constraints.txt
	@echo "Installing into $(VENV), with what the tests need ..."
	@$(PIP) install -c constraints.txt -e '.[dev]'
	@touch $@ $(VENV)/.installed
