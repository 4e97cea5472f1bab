# Everything that a fresh machine with Python 3.11+, git and make needs: each target builds .venv by itself.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test test-real test-faults fuzz lint audit docs benchmarks lock clean

demo: .venv/ready
	$(BIN)/tailtune demo

test: .venv/ready
	$(BIN)/python -m pytest -q -n 2 --dist loadfile

test-real: .venv/ready
	@test -n "$$TAILTUNE_DATA" || { echo "make test-real: set TAILTUNE_DATA to the folder that holds the data sets"; exit 2; }
	$(BIN)/python -m pytest -q -m real tests

test-faults: .venv/ready
	$(BIN)/python -m pytest -q -n 2 -m faults tests

CASES ?= 10000
FUZZ_SEED ?= 0
fuzz: .venv/ready
	PYTHONPATH=tests $(BIN)/python tests/fuzz/campaign.py --cases $(CASES) --seed $(FUZZ_SEED) --out fuzz.json

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# A known weakness of a dependency ends with exit code 1.
audit: .venv/ready
	$(BIN)/uv tool run --quiet pip-audit --requirement requirements.lock --disable-pip --no-deps --progress-spinner off

docs: .venv/ready
	$(BIN)/mkdocs build --strict

benchmarks: .venv/ready
	$(BIN)/python benchmarks/step_time.py $(if $(TAILTUNE_DATA),--data-root $(TAILTUNE_DATA))

lock: .venv/ready
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11 \
		pyproject.toml --extra app --extra analysis --extra slurm --extra ray --group dev --group docs --group benchmarks --group loops --output-file requirements.lock

.venv/ready: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	touch $@

clean:
	rm -rf .venv build dist site .pytest_cache .mypy_cache .ruff_cache
