# Loa Làng. `make help` lists the targets; `make demo` and `make test` set everything up by themselves.
SHELL := /bin/bash
.DEFAULT_GOAL := help
BIN := .venv/bin
PORT ?= 8080
JOBS ?= auto
BOXES ?= 20
CODE := agent controller protocol tests docs

.PHONY: help simulate setup demo test check lint types contracts unit format bench fuzz mutants translations pictures clean

help: ## Lists the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## (.*)/\1\t\2/' | expand -t 16

setup: ## Installs what tests and demo need (apt packages when root or sudo is there, Python packages from uv.lock)
	@.ci/setup test

demo: ## The whole system on http://localhost:8080 (PORT=, BOXES=); AUDIO=1 takes this machine's loudspeaker; CHECK=1 runs the journey by itself and reports
	@.ci/setup demo
	@$(BIN)/loalang demo --port $(PORT) --boxes $(BOXES) $(if $(AUDIO),--audio) $(if $(CHECK),--check)

test: setup check unit ## Sets up, then formats, lints, type-checks, checks imports, runs all tests

check: lint types contracts ## Everything but the tests

lint:
	@echo "▸ format and lint"
	@$(BIN)/ruff format --check --quiet $(CODE) || { $(BIN)/ruff format --diff $(CODE); exit 1; }
	@$(BIN)/ruff check $(CODE)

types:
	@echo "▸ types"
	@$(BIN)/mypy

contracts:
	@echo "▸ import contracts"
	@$(BIN)/lint-imports

unit: ## The tests alone, on every core (JOBS=; ARGS= goes to pytest)
	@echo "▸ tests"
	@$(BIN)/pytest -n $(JOBS) --dist loadfile $(ARGS)

format: ## Formats the code and mends what ruff can mend
	@$(BIN)/ruff format $(CODE)
	@$(BIN)/ruff check --fix $(CODE)

bench: ## Runs a benchmark of tests/bench/ (NAME=…; SECONDS= of NAME=sound); its last line is one JSON object
	@test -n "$(NAME)" || { echo "Say which: make bench NAME=<one of: $$(cd tests/bench && ls *.py | sed 's/\.py//' | tr '\n' ' ')>"; exit 2; }
	@test -f tests/bench/$(NAME).py || { echo "tests/bench/$(NAME).py does not exist"; exit 2; }
	@PYTHONPATH=. $(BIN)/python tests/bench/$(NAME).py $(if $(filter sound,$(NAME)),$(SECONDS))

fuzz: ## Asks the gate and its oracle a million questions (N=, SEED=; CASE= asks one again); its last line is one JSON object
	@$(BIN)/python -m tests.fuzz

mutants: ## Changes the gate (NAME=… the planner) a little, many times, and says which changes no test noticed (docs/mutants.md)
	@$(BIN)/python -m tests.mutants $(NAME)

translations: ## Brings the English catalogues in step with the sentences of the pages
	@$(BIN)/python -m tests.support.catalogues

pictures: ## Takes the README's pictures anew
	@PYTHONPATH=. $(BIN)/python docs/pictures/board.py
	@PYTHONPATH=. $(BIN)/python docs/pictures/take.py

clean: ## Removes what was built, the demo's data included
	@rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

simulate: ## Weeks of virtual time: SEEDS=10 DAYS=1, or one again with SEED=; the last line is one JSON object
	@PYTHONHASHSEED=0 PYTHONPATH=. $(BIN)/python -m tests.simulation.simulate --days $(or $(DAYS),1) $(if $(SEED),--seed $(SEED),--seeds $(or $(SEEDS),10))
