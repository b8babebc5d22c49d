# make demo: train LeNet-5 on real digits and predict with it.  make test: run the whole suite.
# Both make .venv and install into it what they need, in the versions of constraints.txt.

PYTHON ?= python3
PIP := .venv/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: demo test test-deep check bare clean

demo: .venv/demo
	.venv/bin/python examples/demo.py

test: .venv/test
	.venv/bin/python -m pytest -n 2 --dist worksteal --cov --cov-report=term -q

test-deep: .venv/test
	HYPOTHESIS_PROFILE=deep .venv/bin/python -m pytest -n 2 --dist worksteal -q

check: .venv/test
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports

# hubel without torch and NumPy: what explains must work where nothing trains
bare:
	rm -rf .venv-bare
	$(PYTHON) -m venv .venv-bare
	.venv-bare/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt .
	.venv-bare/bin/python tests/bare.py

clean:
	rm -rf .venv .venv-bare

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "hubel needs Python 3.10 or newer: make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv

.venv/demo: .venv/bin/python pyproject.toml constraints.txt
	@echo "installing hubel into .venv (PyTorch takes a minute or two)"
	$(PIP) -e '.[train]'
	@touch $@

.venv/test: .venv/bin/python pyproject.toml constraints.txt
	@echo "installing hubel and what its tests need into .venv"
	$(PIP) -e '.[dev]'
	@touch $@
