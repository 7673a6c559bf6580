# Needs make and Python 3.11 or newer; everything else is installed into .venv from the lock files.
#   make run PORT=8100        another port
#   make test ARGS="-k ledger"
#   make run PYTHON=python3.12

.DEFAULT_GOAL := help

# 3.11 and 3.12 before newer ones: for these there is a Redis on PyPI, so that nothing else need be installed.
ifndef PYTHON
PYTHON := $(shell for python in python3 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' 2>/dev/null && echo $$python && exit; \
	done; \
	for python in python3.13 python3.14; do \
	$$python -c '' 2>/dev/null && echo $$python && exit; \
	done; echo python3)
endif

BIN := .venv/bin
INSTALL := $(PYTHON) scripts/install.py
COMPILE := $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-header
# As in production, with values that only the check sees.
DEPLOYED := PUBLIC_URL=https://flux.example ALLOWED_HOSTS=flux.example BFL_API_KEY=unused DATABASE_URL=sqlite://:memory: \
	SECRET_KEY=$$($(BIN)/python -c 'import secrets; print(secrets.token_urlsafe(64))')

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: ## Start the site and everything it needs (PORT=8000); Ctrl-C stops it
	@$(INSTALL)
	@$(BIN)/python manage.py run

.PHONY: test
test: ## Run all tests, on SQLite and on PostgreSQL (ARGS="-k ledger")
	@$(INSTALL) --dev
	@$(BIN)/python -m scripts.test $(ARGS)

.PHONY: test-sqlite test-postgres
test-sqlite: ## Run the tests on SQLite only
test-postgres: ## Run the tests on PostgreSQL only
test-sqlite test-postgres: test-%:
	@$(INSTALL) --dev
	@$(BIN)/python -m scripts.test $* $(ARGS)

.PHONY: lint
lint: ## Check style, types, templates, migrations, settings and lock files
	@$(INSTALL) --dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/djlint --lint --quiet templates
	@# A lock file must hold hashes and no address.
	! grep -n '://' requirements*.txt
	$(DEPLOYED) $(BIN)/python manage.py makemigrations --check --dry-run
	$(DEPLOYED) $(BIN)/python manage.py check --deploy --fail-level WARNING

.PHONY: format
format: ## Put the code into its one form
	@$(INSTALL) --dev
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

.PHONY: bench
bench: ## Measure the pipeline against the sandbox (ARGS=…)
	@$(INSTALL) --dev
	$(BIN)/python -m benchmarks $(ARGS)

.PHONY: proof
proof: ## Play the whole site under fire; show that nothing is lost or bought twice (ARGS="--long --seed 7")
	@$(INSTALL) --dev
	$(BIN)/python -m proof $(ARGS)

.PHONY: lock
lock: ## Write the lock files anew (ARGS=--upgrade for newer versions)
	@$(INSTALL) --dev
	$(COMPILE) $(ARGS) pyproject.toml -o requirements.txt
	$(COMPILE) $(ARGS) -c requirements.txt --group dev pyproject.toml -o requirements-dev.txt
	$(COMPILE) $(ARGS) --group official-client -o requirements-official-client.txt

.PHONY: clean
clean: ## Remove what was installed and cached; the data in var/ stays
	rm -rf .venv .venv-official .mypy_cache .pytest_cache .ruff_cache test-results
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
