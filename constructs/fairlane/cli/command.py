"""The command `fairlane`."""

import argparse
import sys
from collections.abc import Sequence
from importlib.metadata import version

from fairlane.cli import (
    backtest,
    check,
    dashboard,
    environment,
    eta,
    explain,
    fanout,
    hyperpod,
    init,
    local,
    recommend,
    rehearse,
    sweep,
    top,
    trace,
    usage,
    verify,
)
from fairlane.errors import ConfigurationError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: Command-line arguments after `fairlane`. Default: the arguments of this process.

    Returns:
        Exit code: 0 for success, 1 for a failure, 2 for wrong arguments, 130 after an
            interrupt from the keyboard.
    """
    parser = argparse.ArgumentParser(prog="fairlane", description="Fair-share GPU training on AWS.")
    parser.add_argument("--version", action="version", version=f"%(prog)s {version('fairlane')}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    backtest.add_to(commands)
    check.add_to(commands)
    dashboard.add_to(commands)
    environment.add_to(commands)
    eta.add_to(commands)
    explain.add_to(commands)
    fanout.add_to(commands)
    hyperpod.add_to(commands)
    init.add_to(commands)
    local.add_to(commands)
    recommend.add_to(commands)
    rehearse.add_to(commands)
    sweep.add_to(commands)
    top.add_to(commands)
    trace.add_to(commands)
    usage.add_to(commands)
    verify.add_to(commands)
    options = parser.parse_args(arguments)
    try:
        return int(options.run(options))
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("fairlane: stopped", file=sys.stderr)
        return 130
