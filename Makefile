# Everything a person or the CI runs. Each target makes .venv by itself; the stamps in it say what is
# installed, so that a second `make` installs nothing.

PYTHON = $(shell for name in python3.13 python3.12 python3.11 python3 python; do \
    $$name -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 \
    && echo $$name && break; done)
VENV = .venv
RUN = $(VENV)/bin/python -m
INSTALL = $(RUN) pip install --quiet --disable-pip-version-check

LOWEST = .venv-lowest

# Where it is set, each of hundreds of processes compiles all modules of nnlab again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test thorough how-long lowest browser torture check format docs results studies figures doctor crosscheck accuracy estimators exports tables bench site package clean
.NOTPARALLEL:

help:
	@echo "make demo     install (a minute), train the 8-3-8 identity encoder, and draw its figures"
	@echo "make test     install, then run the tests"
	@echo "make thorough run the tests, those that take ten seconds or more too"
	@echo "make lowest   install the lowest versions that pyproject.toml allows, and run the main commands with them"
	@echo "make torture  kill, refuse and fuzz for an hour or two, and write the table in docs/reliability.md"
	@echo "make check    lint, format, types, and generated pages up to date"
	@echo "make format   let ruff format the code and fix what it can"
	@echo "make docs     write docs/cli.md, config.md, explain.md and config.schema.json again"
	@echo "make site     build the web site of the documentation in site/"
	@echo "make package  build the sdist and the wheel in dist/, and check both"
	@echo "make results  run every shipped experiment and write docs/results.md (minutes)"
	@echo "make studies  run every study of the shipped configs and write docs/studies.md (minutes)"
	@echo "make figures  train some shipped experiments and draw the images of the pages (two minutes)"
	@echo "make doctor   measure how often nnlab doctor is right, and write docs/doctor.md (minutes)"
	@echo "make crosscheck  train every shipped experiment in PyTorch and scikit-learn too, write docs/crosscheck.md (a quarter of an hour)"
	@echo "make accuracy train the image experiments with three seeds, write docs/accuracy.md (two hours)"
	@echo "make exports  read every export with its tool and write docs/exports.md (minutes; TORCH: a Python with PyTorch)"
	@echo "make tables   read messy CSV files and write docs/tables.md (a minute)"
	@echo "make estimators  compare with scikit-learn and write the table in docs/sklearn.md (minutes)"
	@echo "make bench    measure speed, start-up and memory"
	@echo "make clean    remove the virtual environments and caches; run folders stay"

demo: $(VENV)/.fast
	$(VENV)/bin/nnlab train configs/identity8.yaml
	@echo
	@echo "The figures are in the folder figures inside that folder. Next:"
	@echo "  $(VENV)/bin/nnlab report latest --open   a web page about this run"
	@echo "  $(VENV)/bin/nnlab init                   more experiments"
	@echo "  $(VENV)/bin/nnlab --help                 all commands"

test: how-long $(VENV)/.test browser
	$(RUN) pytest --numprocesses auto --dist loadfile --no-loadscope-reorder

thorough: $(VENV)/.test browser
	$(RUN) pytest --numprocesses auto --dist loadfile --no-loadscope-reorder -m ''

how-long:
	@echo "The tests take about 10 minutes on two cores, after one or two minutes of installation in a fresh clone."
	@echo "Other work on the machine makes them slower, and fails none."

# The floors hold for the oldest Python that nnlab runs on: newer ones have no wheels of such old packages.
lowest: $(LOWEST)/.installed
	$(LOWEST)/bin/python -m tests.lowest

# The report's tests look at pages in a real browser, and are skipped where there is none. As root on Debian
# or Ubuntu it is installed here; elsewhere that is for the person who owns the machine.
browser:
	@command -v chromium >/dev/null && command -v chromedriver >/dev/null \
	    || ! command -v apt-get >/dev/null || test "$$(id -u)" != 0 \
	    || { apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
	         apt-get install -qq -y --no-install-recommends chromium chromium-driver fonts-dejavu-core >/dev/null; } \
	    || echo "chromium could not be installed: the tests in a browser will be skipped" >&2

# How much: kills, damaged configs, every how many-th system call, how many errors at each.
KILLS = 1000
CONFIGS = 500000
STEP = 1
ERRORS = 6

torture: $(VENV)/.test
	$(RUN) tests.torture --kills $(KILLS) --configs $(CONFIGS) --step $(STEP) --errors $(ERRORS) --write

check: $(VENV)/.dev
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) mypy
	$(RUN) docs.generate --check

site: $(VENV)/.dev
	$(INSTALL) --editable '.[site]'
	$(RUN) sphinx --fail-on-warning --quiet docs site
	@echo "Open site/index.html"

package: $(VENV)/.dev
	$(INSTALL) --editable '.[release]'
	rm -rf dist
	$(RUN) build --quiet
	$(RUN) twine check --strict dist/*
	$(VENV)/bin/check-wheel-contents dist/*.whl

format: $(VENV)/.dev
	$(RUN) ruff check --fix .
	$(RUN) ruff format .

docs: $(VENV)/.dev
	$(RUN) docs.generate

results: $(VENV)/.fast
	$(VENV)/bin/python docs/results.py

studies: $(VENV)/.fast
	$(VENV)/bin/python docs/studies.py

figures: $(VENV)/.test browser
	$(VENV)/bin/python docs/figures.py
	$(RUN) docs.moving

doctor: $(VENV)/.fast
	$(RUN) docs.doctor

crosscheck: $(VENV)/.fast
	@echo "Installing PyTorch into $(VENV): some minutes, once."
	$(INSTALL) --editable '.[torch]'
	$(RUN) docs.crosscheck

accuracy: $(VENV)/.fast
	$(VENV)/bin/python docs/accuracy.py

estimators: $(VENV)/.fast
	$(RUN) benchmarks.estimators

TORCH = $(VENV)/bin/python
exports: $(VENV)/.test $(VENV)/.fast
	$(RUN) benchmarks.exports --torch $(TORCH)

tables: $(VENV)/.test
	$(RUN) benchmarks.messy

bench: $(VENV)/.test browser
	$(RUN) benchmarks.page

clean:
	rm -rf $(VENV) $(LOWEST) build dist site docs/generated .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find nnlab tests docs -name __pycache__ -type d -prune -exec rm -rf {} +

# The package is installed as a link to this folder: only a changed pyproject.toml asks for a new installation.
$(VENV)/.fast: pyproject.toml | $(VENV)/bin/python
	@echo "Installing nnlab with NumPy, Matplotlib and numba into $(VENV): about a minute, once."
	$(INSTALL) --editable '.[fast]'
	@touch $@

$(VENV)/.test: pyproject.toml | $(VENV)/bin/python
	@echo "Installing nnlab and what its tests need into $(VENV): a minute or two, once."
	$(INSTALL) --editable '.[fast,test]'
	@touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/bin/python
	@echo "Installing nnlab and the tools for its code into $(VENV): a minute or two, once."
	$(INSTALL) --editable '.[fast,dev]'
	@touch $@ $(VENV)/.test $(VENV)/.fast # it has what these install

$(LOWEST)/.installed: pyproject.toml tests/lowest.py
	@python3.11 -c 'import ensurepip, venv' 2>/dev/null || { echo "make lowest needs Python 3.11." >&2; exit 1; }
	python3.11 -m venv --clear $(LOWEST)
	$(LOWEST)/bin/python -m tests.lowest --print >$(LOWEST)/constraints.txt
	$(LOWEST)/bin/python -m pip install --quiet --disable-pip-version-check --only-binary :all: --no-binary nnlab \
	    --constraint $(LOWEST)/constraints.txt --editable '.[fast,cluster,export,live,tune]'
	@touch $@

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { \
	    echo "nnlab needs Python 3.11 or newer with its venv module" \
	         "(Debian and Ubuntu: apt install python3-venv)." >&2; exit 1; }
	@echo "Making the folder $(VENV) with its own Python: some seconds."
	$(PYTHON) -m venv $(VENV)
