# Everything a person or the CI runs. Each target makes .venv by itself; the stamps in it say what is
# installed, so that a second `make` installs nothing.

PYTHON = $(shell for name in python3.13 python3.12 python3.11 python3 python; do \
    $$name -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 \
    && echo $$name && break; done)
VENV = .venv
RUN = $(VENV)/bin/python -m
INSTALL = $(RUN) pip install --quiet --disable-pip-version-check

.PHONY: help demo test torture check format docs results studies bench clean
.NOTPARALLEL:

help:
	@echo "make demo     install, then train the 8-3-8 identity encoder"
	@echo "make test     install, then run the tests"
	@echo "make torture  kill, refuse and fuzz for hours, and write the table in docs/reliability.md"
	@echo "make check    lint, format, types, and generated pages up to date"
	@echo "make format   let ruff format the code and fix what it can"
	@echo "make docs     write docs/cli.md and docs/config.md again"
	@echo "make results  run every shipped experiment and write docs/results.md (minutes)"
	@echo "make studies  run every study of the shipped configs and write docs/studies.md (minutes)"
	@echo "make bench    measure speed, start-up and memory"
	@echo "make clean    remove .venv and caches; run folders stay"

demo: $(VENV)/.fast
	$(VENV)/bin/nnlab train configs/identity8.yaml

test: $(VENV)/.test
	$(RUN) pytest

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
	$(VENV)/bin/python docs/generate.py --check

format: $(VENV)/.dev
	$(RUN) ruff check --fix .
	$(RUN) ruff format .

docs: $(VENV)/.dev
	$(VENV)/bin/python docs/generate.py

results: $(VENV)/.fast
	$(VENV)/bin/python docs/results.py

studies: $(VENV)/.fast
	$(VENV)/bin/python docs/studies.py

bench: $(VENV)/.fast
	$(RUN) benchmarks.page

clean:
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find nnlab tests docs -name __pycache__ -type d -prune -exec rm -rf {} +

# The package is installed as a link to this folder: only a changed pyproject.toml asks for a new installation.
$(VENV)/.fast: pyproject.toml | $(VENV)/bin/python
	$(INSTALL) --editable '.[fast]'
	@touch $@

$(VENV)/.test: pyproject.toml | $(VENV)/bin/python
	$(INSTALL) --editable '.[fast,test]'
	@touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/bin/python
	$(INSTALL) --editable '.[fast,dev]'
	@touch $@

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { \
	    echo "nnlab needs Python 3.11 or newer with its venv module" \
	         "(Debian and Ubuntu: apt install python3-venv)." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
