# Everything sets itself up: Python 3.11 or newer and make are all that has to be there.
# Another Python: make PYTHON=python3.12 demo.  More arguments: make demo ARGS="--orders my.csv".
# Which lines of src the unit and wire tests run: make test COVERAGE=--cov=src.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
ARGS ?=
COVERAGE ?=

.PHONY: help demo up test drill nightly check format lock clean

help: ## Say what there is
	@grep -E '^[a-z]+:.*## ' Makefile | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 18

demo: $(READY) ## Play one business day and report on it
	$(BIN)/zhangfang demo $(ARGS)

up: $(READY) ## Start everything and stay; says where to look and how to log in
	$(BIN)/zhangfang up $(ARGS)

test: $(READY) ## Run all tests, those in a browser too
	@scripts/chromium
	$(BIN)/python -m pytest -rs --numprocesses auto --dist worksteal $(COVERAGE) $(ARGS)

drill: $(READY) ## Kill every process at random moments, of many business days and under load (takes hours)
	ZHANGFANG_DRILL_SEEDS=20 ZHANGFANG_DRILL_KILLS=50 $(BIN)/python -m pytest -rs tests/drill/test_crash_day.py tests/drill/test_odd_days.py \
		tests/drill/test_ledger_kill.py tests/drill/test_two_shards.py tests/drill/test_simulate.py \
		tests/drill/test_drills.py $(ARGS)

nightly: $(READY) ## Hold the law of the unknown over many simulated days, on all channels (takes the night)
	for seed in $$(seq 1 15); do $(BIN)/zhangfang simulate --days 400 --seed $$seed || exit 1; done
	for seed in $$(seq 16 30); do $(BIN)/zhangfang simulate --days 400 --seed $$seed --silence 3,40,70,400 || exit 1; done
	ZHANGFANG_LONG_SEEDS=10 $(BIN)/python -m pytest tests/model/test_two_years.py
	ZHANGFANG_SEARCH=20 $(BIN)/python -m pytest tests/model -k "not two_years" --timeout 7200
	$(BIN)/zhangfang bench queries
	for drill in 4 5; do for guard in off on; do $(BIN)/zhangfang drill run $$drill --guard $$guard || exit 1; done; done

check: $(READY) ## Lint, types, import contracts, migrations
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy src tests
	$(BIN)/lint-imports
	$(BIN)/squawk src/zhangfang/schema/migrations/*.sql

format: $(READY) ## Put the code into the house's form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: $(READY) ## Write requirements.lock anew from pyproject.toml (UPGRADE=--upgrade for newer releases)
	$(BIN)/python -m pip install --quiet uv
	printf 'hatchling\neditables\n' | $(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 \
		--all-extras --custom-compile-command "make lock" $(UPGRADE) pyproject.toml - -o requirements.lock

clean: ## Remove the environment and all caches; data in var/ stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): requirements.lock scripts/setup
	@PYTHON="$(PYTHON)" scripts/setup
