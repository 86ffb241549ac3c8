"""`fairlane local`: an AWS on localhost, to deploy to and to try things with."""

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fairlane.errors import ConfigurationError

_LACKING = 'fairlane local needs what pip installs with: pip install "fairlane[local]"'
_DEFAULT_PORT = 4640


def add_to(commands: Any) -> None:
    """Adds the command and its own commands to those of `fairlane`."""
    local = commands.add_parser("local", help="an AWS on localhost, to deploy to and to try things with")
    verbs = local.add_subparsers(required=True, metavar="COMMAND")
    for verb, run, text in (
        ("start", _start, "starts one, which runs until it is stopped"),
        ("stop", _stop, "stops it; all that it holds is lost"),
        ("status", _status, "tells whether one runs, and what queues stand there"),
    ):
        parser = verbs.add_parser(verb, help=text, description=text)
        parser.add_argument("--port", type=_port, default=_DEFAULT_PORT, help="where it listens (default: %(default)s)")
        parser.set_defaults(run=_told(run))
    text = "deploys an environment of the CDK app in this folder to an AWS of its own, and shows what stands there"
    parser = verbs.add_parser("demo", help=text, description=text)
    parser.add_argument("environment", nargs="?", default="example", help="its name (default: %(default)s)")
    parser.set_defaults(run=_told(_demo))


def _told(run: Callable[[argparse.Namespace], int]) -> Callable[[argparse.Namespace], int]:
    """Runs a command and tells people, not programmers, what went wrong."""

    def told(arguments: argparse.Namespace) -> int:
        _forget_the_users_aws()
        try:
            import fairlane_local
        except ModuleNotFoundError as error:
            print(f"{_LACKING} ({error.name} is missing)", file=sys.stderr)
            return 1
        try:
            return run(arguments)
        except ConfigurationError as error:
            print(error, file=sys.stderr)
        except fairlane_local.LocalAwsError as error:
            print(f"fairlane: {error}", file=sys.stderr)
        return 1

    return told


def _forget_the_users_aws() -> None:
    """Leaves this process no way to a real account, and no profile of the user's that could be in its way."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ |= {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}


def _start(arguments: argparse.Namespace) -> int:
    from fairlane_local import start

    began = start(arguments.port)
    print(f"An AWS on localhost {'runs' if began else 'ran already'}: http://localhost:{arguments.port}")
    print("For the AWS CLI, the CDK CLI and boto3 in this shell:\n")
    for line in (
        f"AWS_ENDPOINT_URL=http://localhost:{arguments.port}",
        "AWS_ACCESS_KEY_ID=local",
        "AWS_SECRET_ACCESS_KEY=local",
        "AWS_REGION=us-east-1",
        "AWS_DEFAULT_REGION=us-east-1",
        "NO_PROXY=localhost",
    ):
        print(f"  export {line}")
    return 0


def _stop(arguments: argparse.Namespace) -> int:
    from fairlane_local import stop

    print("Stopped." if stop(arguments.port) else f"None runs on port {arguments.port}.")
    return 0


def _status(arguments: argparse.Namespace) -> int:
    from fairlane_local import places, show

    standing = places(arguments.port)
    if standing is None:
        print(f"None runs on port {arguments.port}.")
        return 1
    print(f"An AWS on localhost runs: http://localhost:{arguments.port}")
    show(arguments.port)
    if not standing:
        print("It has no queues yet.")
    return 0


def _demo(arguments: argparse.Namespace) -> int:
    from fairlane_local import demo

    demo(arguments.environment, directory=Path.cwd())
    print("\nTo keep one and look around with the AWS CLI: fairlane local start")
    return 0


def _port(text: str) -> int:
    if text.isascii() and text.isdecimal() and 1 <= int(text) <= 65535:
        return int(text)
    raise argparse.ArgumentTypeError(f"got {text!r}, allowed: 1 to 65535")
