# Everything runs in a virtual environment in this checkout; the first target that needs it makes it.
#
#   make test                    every test, against a real local Airflow
#   make test AIRFLOW=3.1        the same with another Airflow (its own environment, .venv-3.1)
#   make test PYTHON=python3.13  the same with another Python (its own environment, .venv-py3.13)
#   make help                    what else there is

AIRFLOW ?= 3.3

CONSTRAINTS := constraints/airflow-$(AIRFLOW).txt
ifeq ($(wildcard $(CONSTRAINTS)),)
  $(error AIRFLOW=$(AIRFLOW): choose one of $(patsubst constraints/airflow-%.txt,%,$(wildcard constraints/*.txt)))
endif
VENV := .venv
ifneq ($(AIRFLOW),3.3)
  VENV := $(VENV)-$(AIRFLOW)
endif
ifdef PYTHON
  VENV := $(VENV)-py$(or $(shell "$(PYTHON)" -c 'import sys; print("%d.%d" % sys.version_info[:2])'),$(error PYTHON=$(PYTHON) does not run))
endif
RUN := $(VENV)/bin/python
# Half the time of a test is waiting for a server, so twice as many are at work as there are processors, but at most 8. Who has
# nothing left takes from the others: some tests wait for a minute.
IN_PARALLEL := -n $(shell expr 2 '*' "$$(getconf _NPROCESSORS_ONLN)") --maxprocesses 8 --dist worksteal
# What the tests use of the extras that users choose from.
EXTRAS := parquet,redis,s3

# Every Airflow task is a new process: without compiled modules each of them spends seconds on compiling Airflow.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo demo-ui test test-quick test-airflow test-oldest test-touching-airflow test-package test-distributed test-ui screenshots lint types fault-matrix docs links dist matrix soak soak-export bench clean

help: ## this list
	@sed -nE 's/^([a-z-]+):.* ## (.*)/  make \1\t\2/p' Makefile | expand -t 22

demo: $(VENV)/.with-test ## a real Airflow checks feeds of the sandbox server; all is stopped at the end
	@$(RUN) -m scripts.demo

demo-ui: $(VENV)/.with-test ## the same, but the Airflow UI stays up until Ctrl-C
	@$(RUN) -m scripts.demo --ui

test: test-quick test-airflow ## all tests

test-quick: $(VENV)/.with-test ## unit and integration tests, in parallel
	$(RUN) -m pytest $(IN_PARALLEL) tests/unit tests/integration

# Much of their time is waiting for Airflow, so two of them run at a time, each with an Airflow of its own.
test-airflow: $(VENV)/.with-test ## tests with a real Airflow, and with a browser where there is one
	$(RUN) -m pytest -n 2 --dist loadfile tests/system tests/ui

test-oldest: ## what touches Airflow, on the oldest one
	@$(MAKE) --no-print-directory test-touching-airflow AIRFLOW=3.1

# Left out is what is the same on every Airflow: the client, over HTTP and in many processes, what it reads side by side, the
# sandbox, texts and layers.
# Each night the version matrix runs them on every line, too.
test-touching-airflow: $(VENV)/.with-test
	$(RUN) -m pytest $(IN_PARALLEL) tests/unit tests/integration $(patsubst %,--ignore=tests/%, \
	  unit/client unit/storage/tables integration/sandbox integration/fault_matrix \
	  $(patsubst %,unit/test_%.py,declarations document_links drawings hostile_input layers release vocabulary) \
	  $(patsubst %,integration/test_%.py,call document_code environments export_parts export_side_by_side item_specs \
	    large_feed many_processes many_threads natural_mistakes observer order_crashes paginate paginate_windows proxies \
	    rate_budgets reading_feeds reconcile redirects redis refused_tokens report_examples retries s3_rights submissions \
	    submit_crashes tables_page tls triggerer_kills troubleshooting_page))
	$(RUN) -m pytest tests/system/test_feed_status.py

test-package: dist ## what is published, in an empty environment
	$(RUN) -m pytest tests/package

test-distributed: $(VENV)/.with-distributed ## two hosts under Celery; needs Redis and PostgreSQL
	$(RUN) -m pytest tests/distributed

test-ui: $(VENV)/.with-dev ## tests with a browser alone; needs Chromium
	$(RUN) -m pytest tests/ui

screenshots: export WALMART_SCREENSHOTS = docs/images
screenshots: $(VENV)/.with-dev ## the same, and take the pictures of the docs anew
	$(RUN) -m pytest tests/ui

lint: $(VENV)/.with-dev ## code style
	$(RUN) -m ruff check
	$(RUN) -m ruff format --check

types: $(VENV)/.with-dev ## static types
	$(RUN) -m mypy

docs: $(VENV)/.with-docs ## the documentation site, in docs/_build; a warning is an error
	$(RUN) -m sphinx --builder html --fresh-env --nitpicky --fail-on-warning --keep-going --quiet docs docs/_build

links: $(VENV)/.with-docs ## whether the external links of the docs lead somewhere; needs the internet
	$(RUN) -m sphinx --builder linkcheck --quiet docs docs/_build/links

dist: $(VENV)/.with-dev ## what is published, built and checked, in dist
	rm -rf dist
	$(RUN) -m build --no-isolation
	$(RUN) -m twine check --strict dist/*

# Where pyenv gives the Pythons, it offers only those that are named here.
matrix: export PYENV_VERSION = 3.11:3.10:3.12:3.13
matrix: $(VENV)/.with-dev ## every supported Python with every supported Airflow; takes an hour or more
	$(RUN) -m nox $(NOX)

fault-matrix: $(VENV)/.with-test ## every entry point through every trouble; writes docs/fault-matrix.md
	$(RUN) -m tests.integration.fault_matrix.page
	$(RUN) -m pytest $(IN_PARALLEL) tests/integration/fault_matrix

soak: $(VENV)/.with-test ## hours of Walmart's time with transient errors, in minutes: nothing twice, nothing lost, nothing leaked
	$(RUN) -m tests.benchmarks.soak

bench: $(VENV)/.with-bench ## the performance budgets, into docs/benchmarks.md; some of them, or larger ones, with ONLY="calls week:20000:168"
	$(RUN) -m tests.benchmarks.run_all $(ONLY)

soak-export: $(VENV)/.with-test ## a quarter of a million orders, exported while more arrive
	$(RUN) -m tests.benchmarks.soak_export

clean: ## remove the environments, caches and what the demo left
	rm -rf .venv .venv-* .nox .demo .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist docs/_build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The environment with one dependency group of pyproject.toml; installed again when that file or the versions change.
# uv is many times faster than pip; where it cannot be had, pip does the same.
$(VENV)/.with-%: $(VENV)/.made pyproject.toml $(CONSTRAINTS)
	@echo "Installing Airflow $(AIRFLOW) and this provider into $(VENV) (can take minutes the first time)"
	@{ $(RUN) -m pip install -q --disable-pip-version-check -c $(CONSTRAINTS) uv && \
	   $(RUN) -m uv pip install -q --python $(RUN) -c $(CONSTRAINTS) --group $* -e ".[$(EXTRAS)]"; } || \
	 { echo "uv does not work here, so pip does it; that takes longer" && \
	   $(RUN) -m pip install -q --disable-pip-version-check 'pip>=25.1' && \
	   $(RUN) -m pip install -q --disable-pip-version-check -c $(CONSTRAINTS) --group $* -e ".[$(EXTRAS)]"; }
	@touch $@

# An environment whose pip does not run is half made, so it is made anew.
$(VENV)/.made:
	@$(RUN) -m pip --version >/dev/null 2>&1 || { \
	  for python in $(if $(PYTHON),"$(PYTHON)",python3 python3.13 python3.12 python3.11 python3.10); do \
	    if "$$python" -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then \
	      exec "$$python" -m venv --clear $(VENV); \
	    fi; \
	  done; \
	  echo "Python 3.10 or newer with venv is needed (on Debian: python3 and python3-venv); name one with PYTHON=..." >&2; \
	  exit 1; }
	@touch $@
