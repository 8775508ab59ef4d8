# The two that matter: `make run` and `make test`. Both set everything up the first time.
SHELL := /bin/bash
BIN := .venv/bin
export DAGSTER_HOME := $(CURDIR)/.dagster
export DO_NOT_TRACK := 1
LANDING ?= sample
WAREHOUSE ?= warehouse

.PHONY: run test test-pages test-oracle test-mutants test-faults setup dev check bench ladder test-disclosure lock pictures clean help

run: setup sample ## Publish the marts of the sample company (or of LANDING=folder)
	@$(BIN)/perfwh run --landing $(LANDING) --warehouse $(WAREHOUSE)

test: setup ## Set up and run the tests
	@$(BIN)/pytest -n 2 --dist loadgroup --ignore tests/pages

test-pages: setup ## Dagster's pages in a real browser, the daemon, production on PostgreSQL (15 minutes; needs chromium, chromium-driver, postgresql)
	@$(BIN)/pytest tests/pages

test-oracle: setup ## The marts beside the oracle on 200 random companies (twice: two configurations)
	@ORACLE_COMPANIES=200 $(BIN)/pytest -n 2 --dist loadgroup tests/oracle

test-mutants: setup ## Change the models' SQL, one place at a time; the oracle must notice nine of ten changes
	@$(BIN)/python scripts/mutate.py

test-faults: setup ## Kill 200 runs, cut their power, fill their disk, with readers throughout (90 minutes)
	@FAULTS=long $(BIN)/pytest tests/faults
	@$(BIN)/python -m tests.faults

setup: ## Make .venv from the lock files (once)
	@bash scripts/setup.sh

sample: | setup
	@$(BIN)/perfwh sample --out sample

dev: setup sample ## Dagster's pages on http://127.0.0.1:3000, those of data quality and columns on port 3001
	@mkdir -p $(DAGSTER_HOME) && ln -sf ../dagster.yaml $(DAGSTER_HOME)/dagster.yaml
	@trap 'kill 0' EXIT; export PERFWH_LANDING=$(abspath $(LANDING)) PERFWH_WAREHOUSE=$(abspath $(WAREHOUSE)); \
	  $(BIN)/perfwh pages --serve 3001 & $(BIN)/dagster dev --host 127.0.0.1

check: setup ## Format, lint, types, SQL, definitions, then the tests
	@$(BIN)/ruff format --check . && $(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/sqlfluff lint dbt_project/models dbt_project/tests
	@cd dbt_project && ../$(BIN)/dbt --quiet --warn-error parse --profiles-dir .
	@source $(BIN)/activate && dg check defs
	@$(MAKE) test

bench: setup ## Measure each stage at 20,000 people × 36 months, beside one hand-written SQL script
	@$(BIN)/python scripts/bench.py

test-disclosure: setup ## 200 random histories of deliveries, attacked by brute force (40 minutes)
	@OPENBLAS_NUM_THREADS=1 $(BIN)/python -m tests.disclosure.histories --seeds 200

ladder: setup ## Whole runs on companies of 60 to 1,200 people: whether they end, and how much of the marts they show
	@$(BIN)/python scripts/ladder.py

lock: setup ## Pin the dependencies anew
	@bash scripts/lock.sh

pictures: setup ## Take the README's pictures anew, by the browser test (needs chromium and chromium-driver)
	@PICTURES=docs/pictures $(BIN)/pytest tests/pages/test_browser.py

clean: ## Remove what runs have made: warehouse, sample, Dagster's history (not .venv)
	@rm -rf warehouse sample .dagster dbt_project/target dbt_project/logs .bench

help: ## This list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14
