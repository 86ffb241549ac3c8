"""`fairlane local`: local AWS for deployments and experiments."""

import argparse
import os
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from fairlane.cli import local_clock, local_jobs, local_kubernetes
from fairlane.errors import ConfigurationError

_INSTALL = 'install the extra: pip install "fairlane[local]"'
_DEFAULT_PORT = 4640
_DEFAULT_ACCOUNT = "123456789012"
_REGIONS = {"AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1"}
_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
_VARIABLES = ("AWS_ENDPOINT_URL", *_KEYS, *_REGIONS, "NO_PROXY")
_PROXY_VARIABLES = ("HTTPS_PROXY", "AWS_CA_BUNDLE")


def add_to(commands: Any) -> None:
    """Add the command and its subcommands to `fairlane`."""
    local = commands.add_parser("local", help="run a local AWS for deployments and experiments")
    subcommands = local.add_subparsers(required=True, metavar="COMMAND")
    text = "start a local AWS in the background"
    parser = _add(subcommands, "start", _start, text)
    local_clock.add_start_options(parser)
    help_text = "account of the printed credentials (default: %(default)s)"
    parser.add_argument("--account", type=_account, default=_DEFAULT_ACCOUNT, help=help_text)
    _add(subcommands, "stop", _stop, "stop the local AWS and delete all its resources")
    _add(subcommands, "status", _status, "list the job queues and image repositories of the local AWS")
    _add(subcommands, "logs", _logs, "print the log of the local AWS since its latest start, also after its end")
    local_clock.add_to(partial(_add, subcommands))
    local_jobs.add_to(partial(_add, subcommands))
    local_kubernetes.add_to(partial(_add, subcommands))
    text = "deploy an environment of the CDK app in this folder to temporary local AWS, and show its queues with jobs"
    parser = _add(subcommands, "demo", _demo, text)
    help_text = "name of the environment (default: the only environment in the directory, or example)"
    parser.add_argument("environment", nargs="?", help=help_text)
    help_text = "run one chapter: training, sweeps, jobs, fan-out or hyperpod (default: all but the last two)"
    parser.add_argument("--chapter", help=help_text)
    help_text = "keep the first local AWS, which has the training jobs and the page, running on the port"
    parser.add_argument("--keep", action="store_true", help=help_text)
    help_text = "run only an elastic HyperPod job, with PyTorch and the agent of a virtual environment"
    parser.add_argument("--agent", type=Path, metavar="DIR", help=help_text)


def _add(subcommands: Any, name: str, run: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
    """Add a command for the local AWS on a port, and return its parser."""
    parser: argparse.ArgumentParser = subcommands.add_parser(name, help=text, description=text)
    parser.add_argument(
        "--port", type=_port, default=_DEFAULT_PORT, help="port of the local AWS, 1 to 65535 (default: %(default)s)"
    )
    parser.set_defaults(run=_with_errors_printed(run))
    return parser


def _with_errors_printed(run: Callable[[argparse.Namespace], int]) -> Callable[[argparse.Namespace], int]:
    """Return a command that prints errors instead of a traceback."""

    def run_and_print_errors(arguments: argparse.Namespace) -> int:
        _remove_aws_settings()
        try:
            import fairlane_local

            return run(arguments)
        except ModuleNotFoundError as error:
            print(f"fairlane local requires the module {error.name}: {_INSTALL}", file=sys.stderr)
        except ConfigurationError as error:
            print(error, file=sys.stderr)
        except fairlane_local.LocalAwsError as error:
            print(f"fairlane: {error}", file=sys.stderr)
        return 1

    return run_and_print_errors


def _remove_aws_settings() -> None:
    """Remove the user's AWS settings from this process, so that no call reaches a real account or needs a profile."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ |= {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}


def _start(arguments: argparse.Namespace) -> int:
    from fairlane_local import LocalAwsError, start, tools_environment
    from fairlane_local.page.access import page_url
    from fairlane_local.server.credentials import get_credentials
    from fairlane_local.server.guard import CONTROL

    settings = local_clock.start_settings(arguments)
    is_new = start(arguments.port, **settings)
    if settings and not is_new:
        sentence = f"the local AWS on port {arguments.port} already runs, and its clock and jobs cannot be changed"
        raise LocalAwsError(f"{sentence}: run fairlane local stop first")
    url = f"http://localhost:{arguments.port}"
    print(f"The local AWS is {'running' if is_new else 'already running'} at {url}")
    environment = tools_environment(url, arguments.account) | _REGIONS
    print(f"To use its account {arguments.account} with the AWS CLI, the CDK CLI and boto3 in this shell, run:\n")
    _print_exports(environment, _VARIABLES)
    print("\nTo use it with the SageMaker Python SDK, also run (the proxy refuses hosts that are not of AWS):\n")
    _print_exports(environment, _PROXY_VARIABLES)
    print("\nThe access key is for you only: it is the permission to run code as you until the local AWS stops.")
    credentials = get_credentials(arguments.port)
    print(f"Queues, jobs and alarms in a browser: {page_url(arguments.port, credentials.page_key)}")
    print(f"Accounts and Regions in use: {url}{CONTROL}?token={credentials.token}")
    for name, account in _environments_of_other_accounts(arguments.account):
        print(f"For the account of the environment {name}: fairlane local start --account {account}")
    return 0


def _print_exports(environment: dict[str, str], names: tuple[str, ...]) -> None:
    for name in names:
        if name in environment:
            print(f"  export {name}={shlex.quote(environment[name])}")


def _environments_of_other_accounts(account: str) -> Iterator[tuple[str, str]]:
    """Yield name and account of each valid environment in the folder `environments` that has another account."""
    from fairlane.environment import environment_names, find_environment, load_environment

    directory = Path.cwd() / "environments"
    for name in environment_names(directory):
        with suppress(ConfigurationError):
            other = load_environment(find_environment(directory, name)).account or account
            if other != account:
                yield name, other


def _stop(arguments: argparse.Namespace) -> int:
    from fairlane_local import stop

    print("Stopped." if stop(arguments.port) else f"No local AWS is running on port {arguments.port}.")
    return 0


def _status(arguments: argparse.Namespace) -> int:
    from fairlane_local import print_tables, queue_locations
    from fairlane_local.server.background import cluster_names

    locations = queue_locations(arguments.port)
    if locations is None:
        print(f"No local AWS is running on port {arguments.port}.")
        return 1
    print(f"The local AWS is running at http://localhost:{arguments.port}")
    print_tables(arguments.port)
    if not locations and not cluster_names(arguments.port):
        print("The local AWS has no job queues and no HyperPod clusters.")
    return 0


def _logs(arguments: argparse.Namespace) -> int:
    from fairlane_local.server.credentials import log_file

    log = log_file(arguments.port)
    if not log.exists():
        print(f"No local AWS was started on port {arguments.port}.")
        return 1
    print(log.read_text(errors="replace"), end="")
    return 0


def _demo(arguments: argparse.Namespace) -> int:
    from fairlane.environment import environment_names
    from fairlane_local import demo
    from fairlane_local.console.demo import OF_ENVIRONMENTS
    from fairlane_local.console.process_group import exit_on_signals
    from fairlane_local.page.access import page_url
    from fairlane_local.server.credentials import get_credentials

    if arguments.agent is not None:
        return _demo_elastic(arguments)
    names = environment_names(Path.cwd() / "environments")
    default = names[0] if len(names) == 1 else "example"
    with exit_on_signals():
        keep_port = arguments.port if arguments.keep else None
        demo(arguments.environment or default, directory=Path.cwd(), chapter=arguments.chapter, keep_port=keep_port)
    if arguments.chapter in OF_ENVIRONMENTS:
        return 0
    if keep_port is None:
        print("\nTo keep the first local AWS and its page: make demo KEEP=1, or fairlane local demo --keep")
        print("To start a local AWS that keeps running: fairlane local start")
        return 0
    print(f"\nThe first local AWS keeps running at http://localhost:{keep_port}")
    print(f"Queues, jobs and alarms in a browser: {page_url(keep_port, get_credentials(keep_port).page_key)}")
    print(f"To stop it: fairlane local stop{'' if keep_port == _DEFAULT_PORT else f' --port {keep_port}'}")
    return 0


def _demo_elastic(arguments: argparse.Namespace) -> int:
    from fairlane_local import LocalAwsError
    from fairlane_local.console.demo import demo_elastic
    from fairlane_local.console.process_group import exit_on_signals

    if arguments.environment or arguments.chapter or arguments.keep:
        raise LocalAwsError("--agent: leave out the environment, --chapter and --keep")
    with exit_on_signals():
        demo_elastic(Path.cwd(), agent=arguments.agent)
    return 0


def _port(text: str) -> int:
    if text.isascii() and text.isdecimal() and 1 <= int(text) <= 65535:
        return int(text)
    raise argparse.ArgumentTypeError(f"got {text!r}, allowed: 1 to 65535")


def _account(text: str) -> str:
    if text.isascii() and text.isdecimal() and len(text) == 12:
        return text
    raise argparse.ArgumentTypeError(f"got {text!r}, allowed: 12 digits")
