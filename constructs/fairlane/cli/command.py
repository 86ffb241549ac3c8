"""What stands after `fairlane` on the command line."""

import argparse
import sys
from collections.abc import Sequence

from fairlane.cli import dashboard, local, rehearse, trace
from fairlane.errors import ConfigurationError


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command.

    Args:
        arguments: what stands after `fairlane`; by default what this process was started with.

    Returns:
        The exit code: 0 if all went well, 1 if not, 2 for arguments that make no sense.
    """
    parser = argparse.ArgumentParser(prog="fairlane", description="Fair-share GPU training on AWS.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    dashboard.add_to(commands)
    local.add_to(commands)
    rehearse.add_to(commands)
    trace.add_to(commands)
    chosen = parser.parse_args(arguments)
    try:
        return int(chosen.run(chosen))
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("fairlane: stopped", file=sys.stderr)
        return 130
