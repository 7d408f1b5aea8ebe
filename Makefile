# The things one does. `make demo` and `make test` need Python 3.11 and make, nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
REVIEWS ?= 220000
RECORDS ?= 300000
RUNS ?= 3
# Tests run side by side, a process a core: each has a broker of its own. Those on services are the heavier.
SIDE_BY_SIDE := --numprocesses auto --dist worksteal --maxprocesses
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: help demo test check test-services bench clean

help:
	@echo "make demo           replay eight months of a district on embedded parts (REVIEWS=20000, SERVE=1 keeps the board up)"
	@echo "make test           all tests that need Python alone"
	@echo "make check          the same, after lint and types"
	@echo "make test-services  the tests on Apache Kafka, clickhouse-server, Prometheus and Chromium"
	@echo "make bench          the same job by haochaping and its peers (RECORDS=30000 for a quick look, JSON=figures.json)"
	@echo "make clean          remove what these made"

$(VENV)/demo.stamp: pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing haochaping (once) …"
	@$(PIP) --editable '.[embedded]'
	@touch $@

$(VENV)/dev.stamp: pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing haochaping and its test tools (once) …"
	@$(PIP) --editable '.[dev]'
	@touch $@ $(VENV)/demo.stamp

demo: $(VENV)/demo.stamp
	@$(BIN)/haochaping demo --reviews $(REVIEWS) $(if $(SERVE),--serve)

test: $(VENV)/dev.stamp
	@$(BIN)/pytest -m "not services" $(SIDE_BY_SIDE) 8

check: $(VENV)/dev.stamp
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/pytest -m "not services" $(SIDE_BY_SIDE) 8

test-services: $(VENV)/dev.stamp
	@$(BIN)/pytest -m services $(SIDE_BY_SIDE) 2

# A folder of its own: a peer wants an older pydantic, and every program is to run on the same one.
$(VENV)-bench/stamp: pyproject.toml benchmarks/constraints.txt
	@test -x $(VENV)-bench/bin/python || $(PYTHON) -m venv $(VENV)-bench
	@echo "installing haochaping and its peers (once) …"
	@$(VENV)-bench/bin/python -m pip install --quiet --disable-pip-version-check \
		--constraint benchmarks/constraints.txt --editable '.[bench]'
	@touch $@

bench: $(VENV)-bench/stamp
	@$(VENV)-bench/bin/python -m benchmarks.job --records $(RECORDS) --runs $(RUNS) $(if $(JSON),--json $(JSON)) \
		$(if $(CHART),--chart $(CHART))

clean:
	rm -rf $(VENV) $(VENV)-bench var .pytest_cache .ruff_cache .mypy_cache .hypothesis
