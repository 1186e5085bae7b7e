# Needs make and Python 3.13 or newer; uses uv when it is there. Everything lives in .venv.

VENV := .venv
BIN := $(VENV)/bin
RUN := $(BIN)/python -m
# What the environment was made from, written when it is whole: the lock, the project's data, and where it lies.
STAMP := $(VENV)/made-from
MADE_FROM := { cat requirements.lock; sed '/^\[tool/,$$d' pyproject.toml; pwd; }
DEMO := .demo
# Tests start thousands of processes, and each would compile every module anew.
unexport PYTHONDONTWRITEBYTECODE
# What counts for the coverage. The other tests run many processes, each slower when it is measured, through the same code;
# of these, tests/conftest.py says whose processes are measured.
MEASURED := tests/unit tests/engine tests/remote tests/tui $(addprefix tests/cli/test_,doctor.py gc.py import_dvc.py results.py vigil.py) \
	$(filter-out %_reading.py,$(wildcard tests/edge/test_[f-z]*.py)) tests/edge/test_define_yaml.py tests/edge/test_define_formats.py
# Tests wait for processes that they start: more of them than processors keep those busy.
CHECK := $(RUN) pytest -m 'not long' -n $$(( $$(getconf _NPROCESSORS_ONLN) * 2 ))
SITE := $(RUN) sphinx -E -q --fail-on-warning --keep-going -b html -d build/doctrees docs build/site

# The first Python that is new enough; `make PYTHON=/path/to/python` names another.
FIND_PYTHON := for each in $(PYTHON) python3.13 python3.14 python3 python; do \
	"$$each" -c 'import sys; sys.exit(sys.version_info < (3, 13))' 2>/dev/null \
	&& python=$$each && break; done; \
	test -n "$$python" || { echo 'error: found no Python 3.13 or newer' >&2; \
	echo '  hint:  install one, or name it: make PYTHON=/path/to/python3.13' >&2; exit 1; }

.PHONY: help setup demo test check docs chaos corpus lock bench clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-7s %s\n", $$1, $$2 }' Makefile

setup: ## make .venv with the pinned dependencies, when it is missing or stale
	@if $(MADE_FROM) | cmp -s - $(STAMP) && $(BIN)/python -c ''; then exit 0; fi; \
	set -e; $(FIND_PYTHON); \
	rm -rf $(VENV); \
	if uv --version >/dev/null 2>&1; then \
		uv venv --quiet --no-python-downloads --python "$$python" $(VENV); \
		install="uv pip install --quiet --python $(BIN)/python"; \
	else \
		"$$python" -m venv $(VENV); \
		install="$(RUN) pip install --quiet --disable-pip-version-check"; \
	fi; \
	echo "installing the dependencies into $(VENV)"; \
	$$install --require-hashes -r requirements.lock; \
	$$install --no-build-isolation --no-deps --editable .; \
	$(MADE_FROM) >$(STAMP)

demo: setup ## run the example project: in the dashboard on a terminal, else as a tour
	@export PATH="$(CURDIR)/$(BIN):$$PATH"; \
	if [ -t 0 ] && [ -t 1 ]; then pivot demo $(DEMO); else sh docs/tour.sh $(DEMO); fi

test: setup ## run the tests, but for the long ones
	@$(RUN) pytest -m 'not long'

check: setup ## run everything that must hold before a change goes in
	$(RUN) ruff format --check
	$(RUN) ruff check --quiet
	{ $(BIN)/lint-imports --no-cache && $(SITE) && $(RUN) basedpyright; } & rest=$$!; \
		$(CHECK) $(addprefix --ignore=,$(MEASURED)) && wait $$rest
	$(CHECK) $(MEASURED) --cov --cov-report=

docs: setup ## build the site of docs/ into build/site; a broken link is an error
	$(SITE)

chaos: setup ## kill, crash and starve Pivot at length: a quarter of an hour
	@$(RUN) pytest -m long --timeout 1200

corpus: setup ## judge every labelled edit of tests/corpus: some minutes
	@$(RUN) tests.corpus

lock: ## pin the dependencies again (needs uv)
	uv pip compile --quiet --no-header --no-annotate --generate-hashes --universal --python-version 3.13 \
		--group dev pyproject.toml --output-file requirements.lock

bench: setup ## measure Pivot on this machine: ten minutes, 5 GiB of disk
	@$(RUN) tests.benchmarks --big

clean: ## remove everything that can be made again
	rm -rf $(VENV) $(DEMO) build dist .pytest_cache .ruff_cache .hypothesis .coverage .coverage.* snapshot_report.html
	find pivot_core pivot_tui tests -name __pycache__ -type d -prune -exec rm -rf {} +
