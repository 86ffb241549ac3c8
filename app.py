#!/usr/bin/env python3
"""The CDK app: synthesizes the stacks of the environment that `-c environment=NAME` names."""

import gc
import sys
from pathlib import Path

gc.disable()  # a synth is over before garbage matters: looking for it takes one second in twenty

import aws_cdk as cdk
from cdk_nag import AwsSolutionsChecks

from fairlane import ConfigurationError
from fairlane.environment import find_environment, load_environment
from fairlane_stacks import build_stacks, check_template_sizes

app = cdk.App()
cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app, verbose=True))
try:
    file = find_environment(Path(__file__).parent / "environments", app.node.try_get_context("environment"))
    stacks = build_stacks(app, file.stem, load_environment(file))
except ConfigurationError as error:
    sys.exit(str(error))
for cost in filter(None, (getattr(stack, "cost", None) for stack in stacks)):
    print(cost.estimate.table(), file=sys.stderr)
try:
    check_template_sizes(app.synth())
except ConfigurationError as error:
    sys.exit(str(error))
gc.freeze()  # Python looks for garbage once more at exit, which takes as long
