# make demo: train LeNet-5 on real digits and predict with it.  make test: run the whole suite.
# Both make .venv and install into it what they need, in the versions of constraints.txt.

PYTHON ?= python3
PIP := -m pip install --quiet --disable-pip-version-check -c constraints.txt
PYTEST := -m pytest -n 2 --dist worksteal -q

.PHONY: demo test coverage test-browser test-firefox test-deep test-gpu test-peers check bare wheel clean

demo: .venv/demo
	.venv/bin/python examples/demo.py

test: .venv/test
	.venv/bin/python $(PYTEST)

# which lines no test runs; half as long again
coverage: .venv/test
	.venv/bin/python $(PYTEST) --cov --cov-report=term

# the tests of pages alone, which need a browser; `make test` runs them too where there is one
test-browser: .venv/test node_modules/axe-core/axe.min.js node_modules/pyodide/pyodide.mjs
	.venv/bin/python $(PYTEST) -m browser

# the studio's rooms in Firefox, as its maker gives it; what its protocol cannot do is skipped
test-firefox: .venv/test node_modules/axe-core/axe.min.js node_modules/pyodide/pyodide.mjs
	HUBEL_TEST_BROWSER=firefox-esr .venv/bin/python -m pytest -q -m "browser $(WALKS)" tests/studio

# what cannot be seen, heard or reached on a page, and Python in one; without npm their tests are skipped
node_modules/axe-core/axe.min.js node_modules/pyodide/pyodide.mjs:
	-@command -v npm > /dev/null && npm install --silent --no-save --no-package-lock axe-core@4.11.0 pyodide@0.29.5

test-deep: .venv/test
	HYPOTHESIS_PROFILE=deep .venv/bin/python $(PYTEST)

# what needs a GPU: skipped, with the reason, where there is none; benchmarks/speed/gpu.py runs them too, and measures
test-gpu: .venv/test
	.venv/bin/python -m pytest -q -m gpu tests/gpu

# hubel beside the packages that it is compared with, which tests/peers.txt names
test-peers: .venv-peers/ready
	.venv-peers/bin/python $(PYTEST) -m peers

check: .venv/test
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports

# hubel without torch and NumPy: what explains must work where nothing trains
bare: .venv/bin/python
	rm -rf .venv-bare
	.venv/bin/python -m venv .venv-bare
	.venv-bare/bin/python $(PIP) .
	.venv-bare/bin/python tests/bare.py

# what would be published, in dist/
wheel: .venv/bin/python
	.venv/bin/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir dist .

clean:
	rm -rf .venv .venv-bare .venv-peers dist

.venv/bin/python:
	@command -v '$(PYTHON)' > /dev/null || \
	  { echo "hubel needs Python 3.10 to 3.13, and there is no $(PYTHON); name yours: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "hubel needs Python 3.10 to 3.13, and $(PYTHON) is " \
	  + sys.version.split()[0] + "; name another: make PYTHON=python3.12")'
	@$(PYTHON) -c 'import ensurepip, venv' 2> /dev/null || \
	  { echo "$(PYTHON) cannot make environments; on Debian and Ubuntu, install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv .venv

.venv/demo: .venv/bin/python pyproject.toml constraints.txt
	@echo "installing hubel into .venv (PyTorch takes a minute or two)"
	.venv/bin/python $(PIP) -e '.[train]'
	@touch $@

.venv/test: .venv/bin/python pyproject.toml constraints.txt
	@echo "installing hubel and what its tests need into .venv"
	.venv/bin/python $(PIP) -e '.[dev]'
	@touch $@

# it stands on .venv, so that PyTorch is not installed twice
.venv-peers/ready: .venv/test tests/peers.txt
	@.venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11) and "the peers need Python 3.11 or newer")'
	@echo "installing the packages that hubel is compared with into .venv-peers"
	.venv/bin/python -m venv --clear .venv-peers
	.venv-peers/bin/python -c 'import pathlib, sysconfig, sys; \
	  pathlib.Path(sysconfig.get_path("purelib"), "below.pth").write_text(f"import site; site.addsitedir({sys.argv[1]!r})\n")' \
	  "$$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"
	.venv-peers/bin/python $(PIP) -r tests/peers.txt
	@touch $@
