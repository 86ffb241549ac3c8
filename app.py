#!/usr/bin/env python3
"""CDK app with the stacks of the environment in `-c environment=NAME`."""

import gc
import sys
from pathlib import Path

gc.disable()  # garbage collection takes 5 % of a synth

# first: it checks the temporary directory, which the CDK needs
from fairlane_stacks import build_stacks, exit_on_mistakes, read_environment, synthesize

# isort: split
import aws_cdk as cdk
from cdk_nag import AwsSolutionsChecks

app = cdk.App()
cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app, verbose=True))
with exit_on_mistakes():
    stacks = build_stacks(app, *read_environment(app, Path(__file__).parent / "environments"))
    synthesize(app, stacks, sys.argv[1:])
gc.freeze()  # skips the garbage collection at exit
