"""Steps of a CDK app that builds the stacks of one environment file."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import aws_cdk as cdk

from fairlane import ConfigurationError, Problem
from fairlane.environment import Environment, find_environment, load_environment
from fairlane_stacks.policy_sizes import check_policy_sizes
from fairlane_stacks.template_sizes import check_template_sizes
from fairlane_stacks.temporary_directory import REMEDY

_NO_COSTS: Final = "--no-costs"


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


def synthesize(app: cdk.App, stacks: Sequence[cdk.Stack], arguments: Sequence[str] = ()) -> None:
    """Synthesize the app, and print the estimated cost of the environment to stderr.

    The argument `--no-costs`, or the context value `costs` with the text `off` (`-c costs=off` of `cdk`), turns the
    estimate off. Then the price file is not read.

    Args:
        app: CDK app.
        stacks: Stacks that `build_stacks` returned.
        arguments: Arguments of the command line, for example `sys.argv[1:]`. Default: none.

    Raises:
        ConfigurationError: If a template or a policy is larger than AWS accepts, if the price file has mistakes, or if
            an argument or the context value is unknown.
    """
    if _shows_costs(app.node.try_get_context("costs"), arguments):
        for estimate in filter(None, (getattr(stack, "environment_cost", None) for stack in stacks)):
            if text := estimate().table():
                print(text, file=sys.stderr)
    assembly = app.synth()
    check_template_sizes(assembly)
    check_policy_sizes(assembly)


def _shows_costs(context: object, arguments: Sequence[str]) -> bool:
    """Return False if an argument or the context value turns the estimate off."""
    problems = [
        Problem(("arguments", index), argument, _NO_COSTS)
        for index, argument in enumerate(arguments)
        if argument != _NO_COSTS
    ]
    if context not in (None, "on", "off"):
        problems.append(Problem(("costs",), context, "on or off (-c costs=off)"))
    if problems:
        raise ConfigurationError("app.py", problems)
    return context != "off" and not arguments
