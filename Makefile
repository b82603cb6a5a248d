# The commands of the house; `make` alone lists them. Needs python3.11+, make and git, nothing else installed by hand.
#
#   PYTHON=python3.12             another interpreter for .venv
#   PIP_ARGS="--extra-index-url https://download.pytorch.org/whl/cpu"   the small CPU build of PyTorch on Linux

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
CORPUS := data/toy_language/meta.json
# Ctrl-C: the command itself says so in one line; without the trap make would add another. make still stops there.
QUIET = trap : INT; $(1) || [ $$? -eq 130 ]

.PHONY: help setup speedrun leaderboard doctor test test-all lint lock clean
.DELETE_ON_ERROR:

help:
	@echo "make speedrun     set up, make the toy corpus, train two milestones, show the ranked table and the page"
	@echo "make test         set up and run the tests;  make test-all: the slow ones too"
	@echo "make doctor       what starts on this machine, and what is missing"
	@echo "make leaderboard  regenerate leaderboard.md and site/leaderboard.html from records/"
	@echo "make lint         ruff and pyright;  make lock: pin the newest packages;  make clean: remove .venv and site"

setup: $(INSTALLED)

$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "make setup: Python 3.11 or later is needed, $(PYTHON) is %d.%d; try make PYTHON=python3.12 ..." % sys.version_info[:2])'
	@echo "Installing pinned packages into .venv (once; PyTorch is large) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_ARGS) -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	@touch $@

$(CORPUS): data/toy_language.py $(wildcard tools/speedrun/corpus/toy_*.py) | setup
	@$(call QUIET,$(BIN)/python data/toy_language.py)

speedrun: setup $(CORPUS)
	@$(call QUIET,$(BIN)/speedrun replay 00_baseline train --track toy-cpu)
	@$(call QUIET,$(BIN)/speedrun leaderboard --from runs --track toy-cpu --page site/leaderboard.html)

leaderboard: setup
	@$(BIN)/speedrun leaderboard --page site/leaderboard.html

doctor: setup
	@$(BIN)/speedrun doctor

test: setup
	@$(BIN)/python -m pytest

test-all: setup
	@$(BIN)/python -m pytest -m ""

lint: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check tools data tests benchmarks
	@$(BIN)/pyright

lock:
	@$(PYTHON) -m venv --clear .venv-lock
	@.venv-lock/bin/python -m pip install --quiet torch==2.13.0 setuptools -e '.[dev]'
	@{ echo "# Every package of .venv, exactly. Made by \`make lock\` from the ranges in pyproject.toml; installed by \`make setup\`."; \
	   .venv-lock/bin/python -m pip freeze --all --exclude-editable --exclude pip | sed 's/+cpu//'; } > requirements.lock.part
	@mv requirements.lock.part requirements.lock && rm -rf .venv-lock

clean:
	rm -rf .venv site
