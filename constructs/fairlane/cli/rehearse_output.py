"""Output of `fairlane rehearse`: table, JSON, HTML page and progress bars."""

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from fairlane._internal.output_files import open_output

if TYPE_CHECKING:
    from rich.console import RenderableType

_MIN_JOBS_WITH_PROGRESS: Final = 20_000  # fewer jobs take seconds
_FILE_WIDTH: Final = 140  # columns of a table that is not printed to a terminal


def write_rehearsal(
    arguments: argparse.Namespace,
    table: "RenderableType",
    notes: Iterable["RenderableType"],
    summary: Mapping[str, object],
    page: Callable[[], str],
) -> None:
    """Print the table and the notes of a rehearsal, and write the files that the options name.

    Args:
        arguments: Options `json` and `html`.
        table: Table of the rehearsal.
        notes: Lines and tables below the table.
        summary: Numbers for the JSON file.
        page: Function that returns the HTML page.
    """
    from rich.console import Console

    console = Console(width=None if sys.stdout.isatty() else _FILE_WIDTH)
    console.print(table)
    for text in notes:
        console.print(text, markup=False, highlight=False, crop=False)
    if arguments.json is not None:
        with open_output(arguments.json) as file:
            file.write(json.dumps(summary, indent=2, allow_nan=False) + "\n")
    if arguments.html is not None:
        html = page()
        with open_output(arguments.html) as file:
            file.write(html)


@contextmanager
def progress_bars(jobs: int) -> Iterator[Callable[[str], Callable[[float], None] | None]]:
    """Yield a function that returns the progress bar of a rehearsal by its name.

    There are no progress bars for short rehearsals, or if stderr is not a terminal.
    """
    if jobs < _MIN_JOBS_WITH_PROGRESS or not sys.stderr.isatty():
        yield lambda name: None
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:

        def bar(name: str) -> Callable[[float], None]:
            task = progress.add_task(escape(name), total=1.0)
            return lambda done: progress.update(task, completed=done)

        yield bar
