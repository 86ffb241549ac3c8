"""Options of commands that answer about one queue: from AWS, or from an environment file without any call."""

import argparse
import json
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fairlane.errors import ConfigurationError, Problem

if TYPE_CHECKING:
    from fairlane_client.queues.calls import Calls
    from fairlane_client.queues.queue import Queue

_DIRECTORY: Final = "environments"


def add_queue_options(parser: argparse.ArgumentParser) -> None:
    """Add the options `--queue`, `-c environment=NAME` and `--json` to a command."""
    parser.add_argument("--queue", required=True, metavar="QUEUE", help="name or ARN of the queue")
    text = "read the queue from environments/NAME.yaml instead of AWS"
    parser.add_argument("-c", dest="context", metavar="environment=NAME", help=text)
    parser.add_argument("--json", action="store_true", help="print JSON for programs")


def open_calls(service: str = "batch") -> "Calls":
    """Return calls to a service in the Region of the caller's session.

    Args:
        service: Name of the service in boto3. Default: AWS Batch.

    Raises:
        ImportError: If boto3 is missing.
        LookupError: If neither the environment nor the profile names a Region.
    """
    from botocore.config import Config

    from fairlane_client.locations import open_session
    from fairlane_client.queues.calls import Calls

    session = open_session("answers about queues")
    client = session.client(service, config=Config(retries={"total_max_attempts": 1}))
    return Calls(client, service=service)


def open_queue(arguments: argparse.Namespace, calls: "Calls | None") -> "Queue":
    """Return the queue that the options name.

    Args:
        arguments: Arguments with the options of `add_queue_options`.
        calls: Calls to AWS Batch. Not used with an environment file.

    Raises:
        ConfigurationError: If the environment file is missing, has mistakes, or has no such queue.
        LookupError: If AWS has no such queue.
    """
    from fairlane_client.queues.queue import queue_of_environment, read_queue

    if arguments.context is None:
        return read_queue(calls or open_calls(), arguments.queue)
    return queue_of_environment(environment_path(arguments), arguments.queue)


def environment_path(arguments: argparse.Namespace) -> Path:
    """Return the environment file that the option `-c` names.

    Args:
        arguments: Arguments with the options of `add_queue_options`, and with `-c`.

    Raises:
        ConfigurationError: If the option has another form, or the file is missing.
    """
    from fairlane.environment import find_environment

    key, _, name = arguments.context.partition("=")
    if key != "environment" or not name:
        raise ConfigurationError("-c", [Problem((), arguments.context, "environment=NAME")])
    return find_environment(Path.cwd() / _DIRECTORY, name)


def print_json(answer: Any) -> None:
    """Print a value object, or a list or mapping of them, as JSON."""
    print(json.dumps(answer, default=_plain, indent=2))


def _plain(value: object) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return list(value) if isinstance(value, set | frozenset | tuple) else str(value)
