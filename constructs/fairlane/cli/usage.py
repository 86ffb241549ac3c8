"""Command `fairlane usage`: use and cost of a queue by share in a period."""

import argparse
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fairlane._internal.output_files import open_output, write_mistake
from fairlane.cli import answers
from fairlane.cli.progress import show_progress
from fairlane.cli.queue_options import add_queue_options, open_calls, open_queue, print_json
from fairlane.errors import ConfigurationError, Problem

if TYPE_CHECKING:
    from fairlane_client.usage import Usage

_FILE_WIDTH: Final = 140  # columns of a table that is not printed to a terminal


def add_to(commands: Any) -> None:
    """Add the command to the commands of `fairlane`."""
    text = "print own, borrowed, lost, lent and idle hours of each share, with their cost"
    usage = commands.add_parser("usage", help=text, description=text)
    add_queue_options(usage)
    text = "start: a date, or a date and time, in UTC unless it has an offset, for example 2026-03-01"
    usage.add_argument("--from", dest="start", required=True, metavar="DATE", help=text)
    text = "end, which does not count: 2026-04-01 ends with the last second of March (default: now)"
    usage.add_argument("--to", dest="end", metavar="DATE", help=text)
    text = "folder or S3 URI of a job archive; AWS Batch itself lists ended jobs of 7 days only"
    usage.add_argument("--archive", metavar="ARCHIVE", help=text)
    text = "JSON file, or folder of files, of aws pricing get-products (default: costs are unknown)"
    usage.add_argument("--prices", type=Path, metavar="FILE", help=text)
    usage.add_argument("--csv", type=Path, metavar="FILE", help="CSV file to write")
    usage.add_argument("--html", type=Path, metavar="FILE", help="HTML page to write")
    usage.set_defaults(run=lambda arguments: answers.run(lambda: _run(arguments)))


def _run(arguments: argparse.Namespace) -> int:
    start, end = _period(arguments)
    for path in (arguments.csv, arguments.html):
        if path is not None:
            _check_writable(path)
    from fairlane.costs import read_prices
    from fairlane_client.usage import usage

    prices = None if arguments.prices is None else read_prices(arguments.prices)
    calls = open_calls() if arguments.context is None else None
    metrics = open_calls("cloudwatch") if calls is not None else None
    queue = open_queue(arguments, calls)
    with show_progress() as show:
        answer = usage(
            queue,
            start,
            end,
            calls=calls,
            archive=arguments.archive,
            metrics=metrics,
            prices=prices,
            progress=lambda number: show("jobs read", number),
        )
    _write(arguments, answer)
    return 0


def _period(arguments: argparse.Namespace) -> tuple[datetime, datetime]:
    """Return the start and the end of the period."""
    now = datetime.now(UTC)
    texts = {"--from": arguments.start, "--to": arguments.end}
    times, problems = {"--to": now}, []
    for option, text in texts.items():
        with suppress(ValueError, OverflowError):
            if text is not None:
                time = datetime.fromisoformat(text)
                times[option] = (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
                continue
        if text is not None:
            allowed = "a date such as 2026-03-01, or a date and time such as 2026-03-01T12:00"
            problems.append(Problem((option,), text, allowed))
    if problems:
        raise ConfigurationError("fairlane usage", problems)
    if arguments.context is not None and arguments.archive is None:
        sentence = "-c environment=NAME reads nothing from AWS: name an archive with --archive"
        raise ConfigurationError("fairlane usage", [Problem.relation(("--archive",), sentence)])
    return times["--from"], times["--to"]


def _check_writable(path: Path) -> None:
    """Raise an error before the work if a file cannot be written. An existing file keeps its content."""
    try:
        is_new = not path.exists()
        with path.open("a", encoding="utf-8"):
            pass
    except OSError as error:
        raise ConfigurationError(str(path), [Problem.relation((), write_mistake(path, error))]) from error
    if is_new:
        path.unlink()


def _write(arguments: argparse.Namespace, answer: "Usage") -> None:
    from fairlane_client.usage.report import lines, records, render_page, render_tables, write_csv

    if arguments.json:
        print_json(
            {"queue": answer.queue, "is_complete": answer.is_complete, "rows": records(answer), "notes": lines(answer)}
        )
    else:
        from rich.console import Console

        console = Console(width=None if sys.stdout.isatty() else _FILE_WIDTH)
        for part in render_tables(answer):
            console.print(part)
    if arguments.csv is not None:
        with open_output(arguments.csv) as file:
            write_csv(answer, file)
    if arguments.html is not None:
        page = render_page(answer)
        with open_output(arguments.html) as file:
            file.write(page)
