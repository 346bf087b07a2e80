# Needs Python 3.11, git and make; everything else is installed into .venv.
# CHURN_PYTHON names another interpreter; ARGS is handed to the command: make test ARGS="-k gate".

export PATH := $(CURDIR)/.venv/bin:$(PATH)
export DVC_NO_ANALYTICS = 1
export MLFLOW_DISABLE_TELEMETRY = true
export PYRIGHT_PYTHON_IGNORE_WARNINGS = 1

COMPILE = .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --no-annotate \
	--custom-compile-command 'make constraints' --override requirements/overrides.txt \
	--no-emit-package churn-core --no-emit-package churn-serve --no-emit-package churn-client $(ARGS)

# The packages whose public names the API reference shows.
API = churn_core $(addprefix churn_core.,errors params protocols registry schemas features bundle gate batch \
	train tracking testing) churn_serve churn_client

.DEFAULT_GOAL := help
.PHONY: help setup run test portable serve bench lint audit docs clean constraints

# Tests of what runs beyond Python 3.11: everything but PyCaret, MLflow and DVC.
PORTABLE = tests/serve tests/client tests/contract tests/property tests/core \
	$(addprefix --ignore-glob=tests/core/,test_tracking_* test_train_pycaret.py test_data_fetch.py)

help: ## what can be made
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1@\2/p' Makefile | tr '@' '\t' | expand -t 20

setup: ## the environment in .venv (done by the others as needed)
	@sh scripts/setup.sh

run: setup ## data to promoted model to one answered prediction
	@.venv/bin/churn run $(ARGS)

test: setup ## all tests
	@.venv/bin/python -m pytest -n 2 --dist loadfile $(ARGS)

portable: ## tests without PyCaret in .venv-portable (CHURN_PYTHON names a Python 3.11 to 3.13)
	$(or $(CHURN_PYTHON),python3) -m venv .venv-portable
	.venv-portable/bin/pip install --quiet --disable-pip-version-check -r requirements/native.txt
	.venv-portable/bin/pip install --quiet --disable-pip-version-check --no-deps --force-reinstall .
	.venv-portable/bin/python -m pytest -n 2 --dist loadfile $(PORTABLE) $(ARGS)

serve: setup ## the service with the production model
	@.venv/bin/churn serve $(ARGS)

bench: setup ## measurements against the budgets
	@.venv/bin/python -m benchmarks $(ARGS)

lint: setup ## style, types, import contracts
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/pyright
	.venv/bin/lint-imports --no-logo
	.venv/bin/hadolint Dockerfile
	.venv/bin/actionlint .github/workflows/*.yml
	.venv/bin/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	.venv/bin/zizmor --offline --quiet .github/workflows

audit: setup ## known vulnerabilities and licences of what is shipped (asks public databases)
	.venv/bin/python scripts/licences.py
	.venv/bin/pip-audit --strict --disable-pip --no-deps -r requirements/serve.txt -r requirements/client.txt

docs: setup ## check the pages, build the API reference into build/docs
	.venv/bin/python scripts/check_docs.py
	.venv/bin/python -W ignore -m pdoc --docformat google --output-directory build/docs $(API)

clean: ## remove what the pipeline made; keeps .venv, DVC's cache and MLflow's history
	rm -rf build dist outputs models data/prepared data/rejects .pytest_cache .ruff_cache .hypothesis *.egg-info

constraints: setup ## resolve requirements/*.txt again (ARGS=--upgrade for newer versions)
	$(COMPILE) requirements/client.in -o requirements/client.txt
	$(COMPILE) requirements/serve.in -o requirements/serve.txt
	$(COMPILE) requirements/native.in --group test -o requirements/native.txt
	$(COMPILE) requirements/train-3.11.in --group dev -o requirements/train-3.11.txt
