# Every target is one line that calls one thing. `make help` lists them.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
ARGS ?=
# uv trusts its own certificates by default; behind a proxy that opens TLS only the system's are right.
export UV_SYSTEM_CERTS := 1

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-9s %s\n", $$1, $$2}'

.PHONY: demo
demo: $(VENV)/.demo ## watch a release promote and a bad one roll back; ARGS=--keep leaves it up
	@$(RUN) -m infra.local.demo $(ARGS)

.PHONY: dev
dev: $(VENV)/.demo ## run Serin here against a cluster: SERIN_KUBECONFIG=... SERIN_METRICS_SERVER=... ARGS="--sweep 10"
	@$(RUN) -m functions.serve $(ARGS)

.PHONY: doctor
doctor: $(VENV)/.demo ## find out what is wrong with an installation, by its settings; ARGS=--help
	@$(RUN) -m functions.doctor $(ARGS)

.PHONY: test
test: $(VENV)/.dev ## all tests, on real parts where this machine can have them
	@$(RUN) -m tests.support.tools
	@$(RUN) -m pytest $(ARGS)

.PHONY: lint
lint: $(VENV)/.dev ## style, types and the direction of imports
	@$(VENV)/bin/ruff check . && $(VENV)/bin/ruff format --check . && $(VENV)/bin/mypy && $(VENV)/bin/lint-imports

.PHONY: format
format: $(VENV)/.dev ## rewrite the code in the one style
	@$(VENV)/bin/ruff format . && $(VENV)/bin/ruff check --fix .

.PHONY: cost
cost: $(VENV)/.dev ## what an installation costs a month, from measurements and prices: docs/cost.md
	@$(RUN) -m infra.cost

.PHONY: bench
bench: $(VENV)/.dev ## what Serin asks for and how long it takes, beside the budgets: docs/performance.md
	@$(RUN) -m tests.bench $(ARGS)

.PHONY: proof
proof: $(VENV)/.dev ## try hard to break what Serin promises (hours): docs/proof.md
	@$(RUN) -m tests.proof $(ARGS)

.PHONY: charts
charts: $(VENV)/.dev ## lint and pack the Helm charts into a repository, build/charts
	@sh infra/charts.sh "$$($(RUN) -m tests.support.tools helm)" build/charts

.PHONY: package
package: python ## the archive that Google Cloud builds the functions from, build/serin-functions.zip
	@$(PYTHON) -m infra.package build/serin-functions.zip

TARGET = --project "$(PROJECT)" --region "$(REGION)" --cluster "$(CLUSTER)" --vars "$(VARS)" --yes "$(YES)"

.PHONY: deploy
deploy: python ## install or update Serin on Google Cloud: PROJECT=... REGION=... CLUSTER=... or VARS=file; YES=1 asks nothing
	@$(PYTHON) -m infra.deploy deploy $(TARGET)

.PHONY: undeploy
undeploy: python ## remove it, with the same arguments; asks for the project's id
	@$(PYTHON) -m infra.deploy undeploy $(TARGET)

.PHONY: sbom
sbom: $(VENV)/.dev ## the bill of materials of what runs, with hashes and licences, build/serin.cdx.json
	@$(RUN) -m infra.sbom "$$($(RUN) -m tests.support.tools functions-framework)" build/serin.cdx.json

.PHONY: audit
audit: $(VENV)/.dev ## look for known vulnerabilities in what is locked (asks a service on the internet)
	@$(VENV)/bin/pip-audit --strict --require-hashes --disable-pip -r requirements.txt

.PHONY: settings
settings: $(VENV)/.demo ## write docs/settings.md out of the code
	@$(RUN) -m infra.settings_page

.PHONY: lock
lock: $(VENV)/.uv ## pin every dependency with its hashes, from pyproject.toml
	@sh infra/lock.sh $(VENV)/bin/uv

.PHONY: clean
clean: ## remove what the other targets made in this folder
	@rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

.PHONY: python
python:
	@$(PYTHON) -c 'import sys; sys.exit("Serin needs Python 3.11 or newer, this is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'

$(VENV)/.uv: requirements-dev.txt | python
	@test -d $(VENV) || $(PYTHON) -m venv $(VENV)
	@grep -A 40 '^uv==' requirements-dev.txt | sed '/^ *#/q' > $(VENV)/uv.txt
	@$(RUN) -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r $(VENV)/uv.txt
	@touch $@

$(VENV)/.demo: requirements-demo.txt $(VENV)/.uv
	@echo "Installing what the demo needs into $(VENV) ..."
	@$(VENV)/bin/uv pip install --quiet --python $(RUN) --compile-bytecode --require-hashes -r requirements-demo.txt
	@touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.uv
	@echo "Installing what the tests need into $(VENV) ..."
	@$(VENV)/bin/uv pip install --quiet --python $(RUN) --compile-bytecode --require-hashes -r requirements-dev.txt
	@touch $@ $(VENV)/.demo
