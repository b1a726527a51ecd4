# Everything runs from .venv, which `make env` fills once from environment.yml.
PYTHON ?= python3
PY := .venv/bin/python

.DEFAULT_GOAL := help
.PHONY: help env course test lab clean

help:  ## this list
	@sed -n 's/^\([a-z]*\):.*##  *\(.*\)/  make \1\t\2/p' Makefile | expand -t 16

env: .venv/.installed  ## install what environment.yml pins into .venv (once)

.venv/.installed: environment.yml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "minivq needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1)." \
	       "Name another: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv .venv
	@sed -n '/^  - pip:/,$$ s/^ *- \([^ ].*[^:]\)$$/\1/p' environment.yml > .venv/requirements.txt
	$(PY) -m pip install --disable-pip-version-check --progress-bar off --no-compile -r .venv/requirements.txt
	@touch $@

course: env  ## run all lessons on the built-in data, fast budget; pictures land in runs/course
	$(PY) -m minivq course run

test: export MINIVQ_BUDGET = fast
test: export OMP_NUM_THREADS = 1
test: env  ## ruff, the unit tests, the notebooks under nbval
	$(PY) -m ruff check .
	$(PY) -m pytest tests -q -n 2 --dist loadscope
	MINIVQ_OFFLINE=1 $(PY) -m pytest notebooks -q -n 2 --dist loadscope --nbval-lax --nbval-current-env \
	  --nbval-cell-timeout=600 --nbval-sanitize-with notebooks/nbval.cfg

lab: env  ## start JupyterLab on the lessons, full budget
	$(PY) -m jupyterlab notebooks

clean:  ## remove runs and caches; keeps .venv, work, data/checkpoints and downloaded sets
	rm -rf runs .pytest_cache .ruff_cache
	[ ! -d data/cache ] || find data/cache -mindepth 1 -maxdepth 1 ! -name torchvision -exec rm -rf {} +
	find . -path ./.venv -prune -o \( -name __pycache__ -o -name .ipynb_checkpoints \) -prune -exec rm -rf {} +
