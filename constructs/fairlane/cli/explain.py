"""Command `fairlane explain`: why a job waits, what it waits for, or how it ended."""

import argparse
from typing import Any

from fairlane.cli import answers
from fairlane.cli.progress import show_progress
from fairlane.cli.queue_options import add_queue_options, open_calls, open_queue, print_json


def add_to(commands: Any) -> None:
    """Add the command to the commands of `fairlane`."""
    text = "say why a job waits, who holds what it waits for, and what would start it"
    explain = commands.add_parser("explain", help=text, description=text)
    explain.add_argument("job", metavar="JOB", help="id, ARN or name of the job (of several jobs, the latest)")
    add_queue_options(explain)
    explain.set_defaults(run=lambda arguments: answers.run(lambda: _run(arguments)))


def _run(arguments: argparse.Namespace) -> int:
    from fairlane_client.explain import explain

    calls = open_calls()
    queue = open_queue(arguments, calls)
    with show_progress() as show:
        answer = explain(calls, queue, arguments.job, progress=lambda number: show("jobs read", number))
    if arguments.json:
        print_json(answer)
    else:
        print(answer)
    return 1 if answer.partial else 0
