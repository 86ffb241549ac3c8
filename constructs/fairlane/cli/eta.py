"""Command `fairlane eta`: when the waiting jobs of a queue start."""

import argparse
import os
from datetime import UTC, datetime
from typing import Any, Final

from fairlane.cli import answers
from fairlane.cli.progress import show_progress
from fairlane.cli.queue_options import add_queue_options, open_calls, open_queue, print_json

_ROWS: Final = 40


def add_to(commands: Any) -> None:
    """Add the command to the commands of `fairlane`."""
    text = "estimate when the waiting jobs of a queue start"
    parser = commands.add_parser("eta", help=text, description=text)
    add_queue_options(parser)
    parser.add_argument("--job", metavar="JOB", help="id, ARN or name of one waiting job")
    text = "past jobs: folder or s3:// address of a job archive, or a trace (.csv); default: jobs that AWS still lists"
    parser.add_argument("--history", metavar="SOURCE", help=text)
    text = "number of simulations, 10 to 10,000 (default: %(default)s)"
    parser.add_argument("--runs", type=int, default=300, metavar="NUMBER", help=text)
    text = "seed of the random numbers, 0 or more (default: %(default)s)"
    parser.add_argument("--seed", type=int, default=0, metavar="NUMBER", help=text)
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    return answers.run(lambda: _answer(arguments))


def _answer(arguments: argparse.Namespace) -> int:
    from fairlane_client.eta import estimate_starts
    from fairlane_client.eta.report import render

    calls = open_calls()
    with show_progress() as show:
        answer = estimate_starts(
            calls,
            open_queue(arguments, calls),
            job=arguments.job,
            history=arguments.history,
            runs=arguments.runs,
            seed=arguments.seed,
            progress=show,
            processes=os.cpu_count() or 1,
        )
    if arguments.json:
        print_json(answer)
    else:
        print(render(answer, limit=_ROWS, zone=datetime.now().astimezone().tzinfo or UTC))
    return 1 if answer.partial else 0
