"""Progress of commands that read many jobs, on a terminal."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def show_progress() -> Iterator[Callable[[str, int], None]]:
    """Yield a function that shows a text and a number on stderr, if it is a terminal. The line is empty afterwards."""
    if sys.stderr is None or not sys.stderr.isatty():  # None: stderr is closed
        yield lambda text, number: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}: {task.completed:,}"), BarColumn())
    # A thread that refreshes the bar could hold a lock while the command forks processes.
    with Progress(*columns, console=Console(stderr=True), transient=True, auto_refresh=False) as bar:
        task = bar.add_task("requests", total=None)
        yield lambda text, number: bar.update(task, description=text, completed=number, refresh=True)
