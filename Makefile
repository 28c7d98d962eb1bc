# Everything to do with a checkout. `make` alone lists the targets.
.DEFAULT_GOAL := help
.PHONY: help setup browser validators demo test test-ci test-exhaustive fresh matrix mutation lint generated format deploy-lint deploy-lock image emulator bench bench-check bench-record sample-reports dist dist-check pictures lock clean

BIN := .venv/bin
# The number of tests that run at once; 0 runs them in one process, for a debugger.
JOBS ?= 2

# The dynamic loader of macOS does not find Homebrew's Pango by default.
ifeq ($(shell uname -s),Darwin)
WITH_PANGO := DYLD_FALLBACK_LIBRARY_PATH=/opt/homebrew/lib:/usr/local/lib
endif

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' Makefile

setup: ## create .venv with the locked dependencies, and install Pango where possible
	@sh scripts/setup.sh

browser: setup ## install Chromium, for the tests of the HTML report, where possible
	@sh scripts/setup.sh browser

validators: setup ## fetch what other programs check reports with (SARIF, JUnit, OSCAL), where possible
	@sh scripts/validators.sh

demo: setup ## audit a simulated organisation; no AWS account needed
	@rm -rf demo-report
	@if [ -f .venv/pdf.stamp ]; then formats=html,pdf,json; else formats=html,json; fi; \
	$(WITH_PANGO) $(BIN)/audit demo --out demo-report --format $$formats
	@echo; echo "The reports:"; ls -d "$(CURDIR)"/demo-report/report.* "$(CURDIR)"/demo-report/findings.json

test: browser validators ## check style and types, and run the tests that are not slow
	@$(MAKE) --no-print-directory lint
	@$(WITH_PANGO) $(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder -m "not slow and not exhaustive and not image"

test-ci: browser validators ## what CI runs: the slow tests and generated files, too; COV=1 measures coverage
	@$(MAKE) --no-print-directory lint
	@$(MAKE) --no-print-directory generated CHECK=1
	@$(WITH_PANGO) $(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder -m "not exhaustive and not image" $(if $(COV),--cov --cov-branch)

test-exhaustive: setup ## every fault in every operation, and every permission removed: half an hour, by hand
	@$(WITH_PANGO) $(BIN)/python -m pytest -n $(JOBS) --dist load -m exhaustive

fresh: ## run the demo and the tests on a bare Debian or Ubuntu made by debootstrap, as root; SMOKE=1 runs less
	@sh scripts/fresh.sh $(if $(SMOKE),smoke,full)

matrix: setup ## run the tests with each Python from 3.11 to 3.14 that this machine has, by hand; PYTHON=3.13 runs one
	@$(BIN)/uv tool run nox --default-venv-backend uv --download-python never --no-error-on-missing-interpreters $(if $(PYTHON),--pythons $(PYTHON))

mutation: setup ## change the code of scanner/protection bit by bit, and count the changes that tests notice
	@$(BIN)/mutmut run --max-children $(JOBS) | tr '\r' '\n' | tail -n 1
	@$(BIN)/mutmut export-cicd-stats >/dev/null
	@$(BIN)/python scripts/mutation.py

lint: setup ## check format, style, types, import rules and security
	@$(BIN)/ruff format --check --quiet . || { echo "Not formatted: run make format." >&2; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@log=$$($(BIN)/bandit --quiet -r scanner scripts 2>&1) || { echo "$$log" | grep -v "nosec encountered" >&2; exit 1; }

generated: setup ## write every generated file: documents, policies, templates; CHECK=1 only checks them
	@$(BIN)/python -m scripts.generated $(if $(CHECK),--check)

format: setup ## format the code, and fix what ruff can fix
	@$(BIN)/ruff check --quiet --fix-only .
	@$(BIN)/ruff format --quiet .

deploy-lint: setup ## check the templates in deploy/ with cfn-lint, checkov and asl-validator
	@sh scripts/deploy_lint.sh

deploy-lock: setup ## update the lock files of the linters of deploy-lint, and of the packages that build the image
	@$(BIN)/uv pip compile deploy/lint/requirements.in --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --custom-compile-command "make deploy-lock" \
	  --quiet -o deploy/lint/requirements.lock $(if $(UPGRADE),--upgrade)
	@$(BIN)/uv pip compile deploy/build.in --constraints requirements.lock --constraints scripts/setup.lock --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --custom-compile-command "make deploy-lock" \
	  --quiet -o deploy/build.lock $(if $(UPGRADE),--upgrade)

image: setup ## build deploy/Dockerfile on a bare Debian or Ubuntu, as root, and test the image; OPTIONAL=1: only where possible
	@sh scripts/image.sh $(if $(OPTIONAL),optional)

emulator: setup ## test the Lambda handler under AWS's runtime interface emulator
	@$(WITH_PANGO) $(BIN)/python -m pytest -m image tests/image/test_handler_emulated.py

bench: setup ## measure what collecting, judging and reports cost; BENCH=stages runs only one
	@$(WITH_PANGO) $(BIN)/python -m bench $(BENCH)

bench-check: setup ## fail if a stage takes 1.3 times its recorded CPU time, relative to decoding
	@$(WITH_PANGO) $(BIN)/python -m bench.check

bench-record: setup ## record the CPU time of each stage, for bench-check
	@$(WITH_PANGO) $(BIN)/python -m bench.check --record

sample-reports: setup ## update sample_reports/; RECORD=1 scans the demo organisation first
	@$(WITH_PANGO) $(BIN)/python scripts/sample_reports.py $(if $(RECORD),--record)

dist: setup ## build the wheel, the source distribution and their software bill of materials into dist/
	@rm -rf dist
	@$(BIN)/python -m hatchling build -d dist >/dev/null
	@$(BIN)/python -m scripts.sbom dist >/dev/null
	@ls dist/*

dist-check: dist ## check with twine that a package index would accept the wheel and the source distribution
	@$(BIN)/uv tool run twine check --strict dist/*.whl dist/*.tar.gz

pictures: setup ## update the pictures in docs/images/ from the sample reports
	@$(BIN)/python -m scripts.pictures

lock: setup ## resolve the dependencies into requirements.lock, and uv into scripts/setup.lock; UPGRADE=1 upgrades all
	@$(BIN)/uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --custom-compile-command "make lock" \
	  --quiet -o requirements.lock $(if $(UPGRADE),--upgrade)
	@$(BIN)/uv pip compile scripts/setup.in --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --custom-compile-command "make lock" \
	  --quiet -o scripts/setup.lock

clean: ## remove everything that other targets created, .venv included
	@rm -rf .venv .bare .lint .validators demo-report dist build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	@rm -f .coverage .coverage.*
	@find scanner tests scripts bench -name __pycache__ -type d -prune -exec rm -rf {} +
