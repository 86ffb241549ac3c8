"""Command `fairlane backtest`: past jobs of a queue in a rehearsal, beside what really happened."""

import argparse
import sys
from pathlib import Path
from typing import Any, Final

from fairlane.cli.progress import show_progress
from fairlane.cli.queue_with_jobs import add_skip_bad_rows, read_queue_with_jobs
from fairlane.cli.rehearse_output import write_rehearsal

_MISSING: Final = 'fairlane backtest needs the extra report: run pip install "fairlane[report]"'


def add_to(commands: Any) -> None:
    """Add the command to the commands of `fairlane`."""
    text = "rehearse past jobs of a queue, and compare their waits and use with the real ones"
    parser = commands.add_parser("backtest", help=text, description=text)
    parser.add_argument("environment", type=Path, metavar="ENVIRONMENT", help="environment file")
    parser.add_argument("--queue", required=True, metavar="NAME", help="queue of the environment file")
    text = "past jobs with the columns started and stopped, as fairlane trace history writes them"
    parser.add_argument("--trace", required=True, type=Path, metavar="FILE", help=text)
    add_skip_bad_rows(parser)
    parser.add_argument("--html", type=Path, metavar="FILE", help="write an HTML report with charts")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers as JSON")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    try:
        return _back_test(arguments)
    except ModuleNotFoundError as error:
        print(f"{_MISSING} ({error.name} is missing)", file=sys.stderr)
        return 1


def _back_test(arguments: argparse.Namespace) -> int:
    from fairlane.rehearsal.backtest import back_test
    from fairlane.rehearsal.backtest.report import error_table, lines, render_page, to_json

    queue, trace, advice = read_queue_with_jobs(arguments)
    with show_progress() as show:
        test = back_test(
            queue.policy,
            trace,
            capacity=queue.capacity,
            time_limit_actions=queue.time_limit_actions,
            progress=lambda number: show("rehearsals", number),
        )
    title = f"{arguments.queue} with {arguments.trace}"
    write_rehearsal(
        arguments,
        error_table(test),
        [*advice, *lines(test)],
        to_json(test),
        lambda: render_page(test, trace, title=title),
    )
    return 0
