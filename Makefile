# The verbs of this checkout. They need python3 (3.11 or newer), its venv module and make; `make help` lists them.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Also where Go's own installer puts it, which not every PATH has.
GO = $(firstword $(shell command -v go) $(wildcard /usr/local/go/bin/go))
WHEEL_VENV := .venv-wheel
WHEEL_TESTS := tests/project/test_package.py tests/project/test_readme.py \
	$(patsubst %,tests/integration/test_%.py,commands scrape status_page)
# --no-deps: the lock is complete. --only-binary: a source build would fetch what the lock does not pin.
INSTALL := -m pip install --quiet --no-deps
LOCKED := --require-hashes --only-binary :all:
PIP_INSTALL := $(BIN)/python $(INSTALL)
PIP_LOCKED := $(PIP_INSTALL) $(LOCKED)
UV_COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --custom-compile-command "make lock"

# Of the histories, 2,500 with each.
SEEDS := 1 2 3 4

# Stamps: each says that .venv holds what its lock and pyproject.toml ask for.
RUN := $(VENV)/.run-installed
DEV := $(VENV)/.dev-installed

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help demo test attack lint format check bench bench-credits bench-abuse bench-disk bench-cli soak mutate golden \
	mutate-rules histories bench-replicas prometheus-3 screenshots manifests lock clean programs dashboards demo-stack test-wheel dist image-test \
	systemd-test lint-deploy lint-chart

help: ## list these verbs
	@echo "make <verb>, where the verb is one of"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST)

demo: $(RUN) ## run the exporter against an embedded simulated Zoho; options: ARGS="..."
	@exec $(BIN)/zoho-mass-update-exporter demo $(ARGS)

demo-stack: $(RUN) ## watch alerts fire: the demo with a real Prometheus and Alertmanager, in fast time
	@scripts/install-programs alerts
	@exec $(BIN)/python scripts/demo_stack.py $(ARGS)

test: programs $(DEV) ## run every test, with branch coverage; installs Debian's prometheus and chromium if need be
	@rm -f .coverage .coverage.*
	@scripts/test
	@$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --fail-under=95

test-wheel: programs dist ## run the journeys against the built wheel, in a fresh environment of its own: is it whole?
	@rm -rf $(WHEEL_VENV)
	@scripts/create-venv "$(BIN)/python" $(WHEEL_VENV)
	@$(WHEEL_VENV)/bin/python $(INSTALL) $(LOCKED) --requirement requirements/run.txt
	@$(WHEEL_VENV)/bin/python $(INSTALL) --no-index dist/*.whl
	@$(WHEEL_VENV)/bin/python -m pip check
	@# What only tests need is borrowed. The path comes after the wheel's own, which has the exporter.
	@$(BIN)/python -c "import sysconfig; print(sysconfig.get_path('purelib'))" \
		> "$$($(WHEEL_VENV)/bin/python -c "import sysconfig; print(sysconfig.get_path('purelib'))")/borrowed.pth"
	@# The safe path keeps the checkout, where this runs, from being imported by python -c and -m.
	@# Only what can differ in the wheel, whose files are those of the checkout to the byte: its imports, its command, its
	@# templates, and the program whole. make test has run the rest on the same code.
	PYTHONSAFEPATH=1 $(WHEEL_VENV)/bin/python -m pytest --wheel $(WHEEL_TESTS) $(ARGS)

dist: $(DEV) ## build the sdist and the wheel
	@rm -rf dist
	@$(BIN)/hatchling build

image-test: $(RUN) ## build the image and run it, without a registry; takes root and Debian
	@scripts/image-test

systemd-test: $(RUN) ## install as docs/install.md says under a systemd in a container, and watch it work; takes root and Debian
	@scripts/systemd-test

lint-deploy: $(DEV) $(BIN)/actionlint ## check what deploys the exporter: image, compose, systemd, scripts, workflows
	@scripts/install-programs deploy
	@failed=; \
	for check in \
		"$(BIN)/hadolint Dockerfile" \
		"$(BIN)/shellcheck --external-sources .ci/run $(filter-out %.py %__pycache__,$(wildcard scripts/*))" \
		"$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec deploy/compose/compose.yaml" \
		"$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows $(wildcard .github/workflows/*.yml)" \
		"$(BIN)/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml" \
		"$(BIN)/actionlint -shellcheck $(BIN)/shellcheck" \
		"$(BIN)/zizmor --quiet --offline --persona pedantic .github" \
		"scripts/lint-unit deploy/systemd/zoho-mass-update-exporter.service"; do \
		echo "$$check"; \
		$$check || failed="$$failed [$$check]"; \
	done; \
	[ -z "$$failed" ] || { echo "Failed:$$failed" >&2; exit 1; }

lint-chart: $(BIN)/operator | $(DEV) ## check what the chart renders by the types of Prometheus Operator and the Gateway API; builds them
	@cd tests/deploy/operator && $(GO) test ./...
	@scripts/lint-chart $(BIN)/helm $(BIN)/operator

lint: $(DEV) ## run the static checks: style, format, types, layers, dependencies, YAML
	@failed=; \
	for check in "ruff check ." "ruff format --check ." "mypy" "lint-imports --no-logo" "deptry ." "yamllint --strict deploy"; do \
		echo "$(BIN)/$$check"; \
		$(BIN)/$$check || failed="$$failed [$$check]"; \
	done; \
	[ -z "$$failed" ] || { echo "Failed:$$failed" >&2; exit 1; }

format: $(DEV) ## rewrite the code in the house's format
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

check: lint test ## lint, then test

attack: programs $(DEV) ## attack the exporter from outside; another build: BUILD=/path/to/zoho-mass-update-exporter
	@$(BIN)/python -m pytest -q --tb=short tests/attack --build="$(BUILD)" $(ARGS)

bench: $(RUN) ## measure how fast it is beside its peers, which takes Go 1.26; some rows alone: ARGS="rss_mb 'page_*_1000*'"
	@$(BIN)/python benchmarks/speed.py $(ARGS)

bench-credits: $(RUN) ## simulate a day: calls to Zoho, and how late ends are noticed; other settings: ARGS=--frontier
	@$(BIN)/python benchmarks/credits.py $(ARGS)

bench-abuse: $(RUN) ## abuse the exporter in ten ways, and scrape it all the while; one alone: ARGS="--attack=silent"
	@$(BIN)/python benchmarks/abuse.py $(ARGS)

bench-disk: $(RUN) ## measure pages and health checks while each write to the state file takes eight seconds; needs gcc
	@$(BIN)/python benchmarks/slow_disk.py $(ARGS)

bench-cli: $(RUN) ## measure how instant help, version and check feel, against a bare interpreter
	@$(BIN)/python benchmarks/command_line.py

soak: $(RUN) ## scrape hard for ten minutes, and watch memory, threads and open files; less: ARGS="--minutes 1"
	@$(BIN)/python benchmarks/soak.py $(ARGS)

mutate: $(DEV) ## break the code in small ways, and list what no unit test notices; one module: ARGS=exporter/zoho/wire.py
	@$(BIN)/python scripts/mutate.py $(ARGS)

mutate-rules: programs $(DEV) ## break rules and alerts in small ways, and list what promtool's cases miss; all: ARGS="--count 0"
	@$(BIN)/python scripts/mutate_rules.py $(ARGS)

histories: programs $(DEV) ## try ten thousand random histories of exporters that share a database, four at a time; others: SEEDS="5 6 7 8"
	@printf '%s\n' $(SEEDS) | xargs -P 4 -I SEED $(BIN)/python -m pytest -q tests/unit/state/test_histories.py \
		--hypothesis-profile=many --hypothesis-seed=SEED $(ARGS)

bench-replicas: programs $(DEV) ## measure what several exporters on one PostgreSQL cost beside one on SQLite: calls, and a scrape's time
	@PYTHONPATH=tests $(BIN)/python benchmarks/scale.py
	@PYTHONPATH=tests $(BIN)/python benchmarks/replicas.py $(ARGS)

prometheus-3: $(DEV) $(BIN)/prometheus-3/prometheus ## load and try the rules with a Prometheus 3 built from source; needs Go 1.24 or newer
	@PATH="$(abspath $(BIN)/prometheus-3):$$PATH" $(BIN)/python -m pytest -q tests/deploy/test_rules.py \
		tests/integration/test_lost_account.py -p no:cacheprovider $(ARGS)

golden: $(DEV) ## write the golden files and docs/metrics.md anew, to be read in git diff
	$(BIN)/python -m pytest -q tests/unit/metrics --write-golden

dashboards: $(DEV) ## write grafana/*.json anew from grafana/dashboards
	@PYTHONPATH=grafana $(BIN)/python -m dashboards

manifests: $(DEV) ## write what is derived anew: the chart's copies and table, the settings' schemas, deploy/kubernetes
	$(BIN)/python deploy/derived.py

screenshots: programs $(DEV) ## take the pictures of docs/images anew; they look best with Debian's fonts-inter
	$(BIN)/python -m pytest -q tests/integration/test_status_page.py -k fits_the_screen --write-screenshots
	PYTHONPATH=tests $(BIN)/python scripts/command_pictures.py

lock: | $(BIN)/uv ## write requirements/*.txt anew from pyproject.toml; newer versions: ARGS=--upgrade
	$(UV_COMPILE) pyproject.toml --extra postgres --group dev --output-file requirements/dev.txt $(ARGS)
	$(UV_COMPILE) pyproject.toml --extra postgres --constraint requirements/dev.txt --output-file requirements/run.txt $(ARGS)
	$(UV_COMPILE) requirements/build.in --constraint requirements/dev.txt --output-file requirements/build.txt $(ARGS)

clean: ## remove .venv, caches and build products
	rm -rf $(VENV) $(WHEEL_VENV) dist htmlcov .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

programs:
	@scripts/install-programs

# pip refuses an editable install beside hashes: hence a second call. pip check holds the lock against pyproject.toml.
$(RUN): requirements/run.txt requirements/build.txt pyproject.toml
	@scripts/create-venv "$(PYTHON)" $(VENV)
	@echo "Installing the locked dependencies and the exporter into $(VENV): about half a minute."
	@$(PIP_LOCKED) --requirement requirements/run.txt --requirement requirements/build.txt
	@$(PIP_INSTALL) --no-build-isolation --editable .
	@problems=$$($(BIN)/python -m pip check) || { \
		echo "The lock does not fit pyproject.toml; to write it anew: make lock" >&2; echo "$$problems" >&2; exit 1; }
	@touch $@

$(DEV): $(RUN) requirements/dev.txt
	@echo "Installing the locked development tools into $(VENV)."
	@$(PIP_LOCKED) --requirement requirements/dev.txt
	@touch $@

$(BIN)/uv:
	@$(MAKE) --no-print-directory $(DEV)

# Ten minutes on two cores; without its web page. v0.316.0 is what the module proxy calls 3.16.0.
$(BIN)/prometheus-3/prometheus: | $(DEV)
	@[ -n "$(GO)" ] || { echo "make prometheus-3 builds Prometheus: put Go 1.24 or newer on the PATH" >&2; exit 1; }
	@mkdir -p "$(@D)"
	@GOBIN="$(abspath $(@D))" $(GO) install github.com/prometheus/prometheus/cmd/promtool@v0.316.0
	@GOBIN="$(abspath $(@D))" $(GO) install github.com/prometheus/prometheus/cmd/prometheus@v0.316.0

# Built from source, because no registry that make uses has it; Go's checksum database vouches for it.
$(BIN)/actionlint: | $(DEV)
	@[ -n "$(GO)" ] || { echo "make lint-deploy builds actionlint: put Go 1.24 or newer on the PATH" >&2; exit 1; }
	@GOBIN="$(abspath $(BIN))" $(GO) install github.com/rhysd/actionlint/cmd/actionlint@v1.7.12

$(BIN)/operator: $(wildcard tests/deploy/operator/*) | $(DEV)
	@[ -n "$(GO)" ] || { echo "make lint-chart builds with Go: put 1.26 or newer on the PATH" >&2; exit 1; }
	@cd tests/deploy/operator && $(GO) build -o "$(abspath $@)" .
