# The five verbs, and what they need. CI runs the same.
.PHONY: setup setup-test check test demo simulate bench lock
SEEDS ?= 2000

demo: setup
	.venv/bin/storebridge demo

setup:
	@tools/setup.sh run

setup-test:
	@tools/setup.sh test
	@tools/npm.sh

check: setup-test
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/python -m pytest -q tests/test_architecture.py

# Two at a time; then those that start whole programs and wait for clocks, which want a machine of
# their own.
test: setup-test
	.venv/bin/python -m pytest -n 2 --dist loadfile $(ALONE:%=--ignore=%)
	.venv/bin/python -m pytest $(ALONE)
ALONE = tests/browser tests/demo tests/faults tests/test_walk.py tests/test_privacy_erasure.py

simulate: setup-test
	.venv/bin/storebridge simulate delivery --seeds $(SEEDS)

bench: setup-test
	.venv/bin/storebridge bench

# Pins every package with its hashes and without the address it came from.
lock: setup-test
	.venv/bin/uv pip compile $(LOCK) pyproject.toml -o requirements.lock
	.venv/bin/uv pip compile $(LOCK) --extra dev --constraints requirements.lock pyproject.toml -o requirements-dev.lock
LOCK = --quiet --extra build --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
	--no-emit-index-url --no-emit-find-links
