"""Steps of a CDK app that builds the stacks of one environment file."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import aws_cdk as cdk

from fairlane import ConfigurationError
from fairlane.environment import Environment, find_environment, load_environment
from fairlane_stacks.policy_sizes import check_policy_sizes
from fairlane_stacks.template_sizes import check_template_sizes
from fairlane_stacks.temporary_directory import REMEDY


@contextmanager
def exit_on_mistakes() -> Iterator[None]:
    """Exit with code 1 and the text of a `ConfigurationError`, or a sentence about a full disk, without a traceback."""
    try:
        yield
    except ConfigurationError as error:
        sys.exit(str(error))
    except RuntimeError as error:
        if "ENOSPC" not in str(error):  # Node.js, which writes the templates, has no other type for it
            raise
        sys.exit(f"fairlane: the disk of the temporary directory or of the output of the CDK is full: {REMEDY}")


def read_environment(app: cdk.App, directory: Path) -> tuple[str, Environment]:
    """Return the name and the content of the environment file that the context value `environment` names.

    Args:
        app: CDK app. The option `-c environment=NAME` of `cdk` sets the context value.
        directory: Directory with one file `NAME.yaml` for each environment.

    Raises:
        ConfigurationError: If the context value is missing, if no file has this name, or if the file has mistakes.
    """
    file = find_environment(directory, app.node.try_get_context("environment"))
    return file.stem, load_environment(file)


def synthesize(app: cdk.App, stacks: Sequence[cdk.Stack]) -> None:
    """Synthesize the app, and print the monthly cost of the monitoring of `stacks` to stderr.

    Args:
        app: CDK app.
        stacks: Stacks that `build_stacks` returned.

    Raises:
        ConfigurationError: If a template or a policy is larger than AWS accepts.
    """
    for cost in filter(None, (getattr(stack, "cost", None) for stack in stacks)):
        print(cost.estimate.table(), file=sys.stderr)
    assembly = app.synth()
    check_template_sizes(assembly)
    check_policy_sizes(assembly)
