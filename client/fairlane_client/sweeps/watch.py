"""Progress bar of a sweep."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from fairlane_client.clock import Clock
from fairlane_client.live import Frame, open_console, show_live
from fairlane_client.sweeps.rounds import Counts

if TYPE_CHECKING:
    from rich.console import Console


def watch_progress(
    name: str,
    advance: Callable[[], int],
    counts: Callable[[], Counts],
    clock: Clock,
    interval: float,
    console: "Console | None" = None,
) -> Counts:
    """Show the progress of a sweep until no job runs and nothing is left to submit, and return the last counts.

    Args:
        name: Name before the bar.
        advance: Function to call before each refresh.
        counts: Function that returns the number of points by state.
        clock: Time of this client.
        interval: Number of seconds between refreshes.
        console: Console of the bar. Default: standard output.

    Raises:
        ImportError: If rich is missing.
    """
    console = console or open_console()
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    bar = BarColumn(style="bright_black", complete_style="blue", finished_style="green")  # as the terminal's theme
    columns = (TextColumn("{task.description}", markup=False), bar, MofNCompleteColumn())
    state = TextColumn("{task.fields[state]}", markup=False)
    progress = Progress(*columns, state, console=console)
    task = progress.add_task(name, total=None, state="")

    def refresh() -> Frame[Counts]:
        advance()
        now = counts()
        progress.update(task, completed=now.done + now.stopped, total=sum(now), state=str(now))
        return Frame(progress, now, is_last=not now.running and not now.waiting)

    now = show_live(refresh, clock, interval, console)
    console.print(f"{name}: {now}", markup=False, highlight=False)
    return now
