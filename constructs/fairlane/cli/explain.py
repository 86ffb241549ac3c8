"""Command `fairlane explain`: why a job waits, what it waits for, or how it ended."""

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from fairlane.cli import answers
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
    with _progress() as progress:
        answer = explain(calls, queue, arguments.job, progress=progress)
    if arguments.json:
        print_json(answer)
    else:
        print(answer)
    return 0


@contextmanager
def _progress() -> Iterator[Callable[[int], None]]:
    """Yield a function that shows the number of jobs that were read, if stderr is a terminal."""
    if not sys.stderr.isatty():
        yield lambda count: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (TextColumn("jobs read: {task.completed:,}"), BarColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda count: bar.update(task, completed=count)
